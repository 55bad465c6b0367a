-- What reads a file: import_customers(), import_upload(), preview_import() and preview_upload(). All have the same options,
-- which are declared here once.

DO $install$
DECLARE
    declared record;
BEGIN
    FOR declared IN
        WITH options (place, declaration, type, of_previews) AS (VALUES
            (1, 'file_name text DEFAULT NULL', 'text', false),
            (2, 'dry_run boolean DEFAULT false', 'boolean', false),
            (3, 'background boolean DEFAULT false', 'boolean', false),
            (4, 'reject_limit bigint DEFAULT NULL', 'bigint', true),
            (5, 'delimiter text DEFAULT NULL', 'text', true),
            (6, 'encoding text DEFAULT NULL', 'text', true),
            (7, 'unknown_roles text DEFAULT ''reject''', 'text', true),
            (8, 'send_report boolean DEFAULT true', 'boolean', false),
            (9, 'request_id text DEFAULT NULL', 'text', false),
            (10, 'strict boolean DEFAULT false', 'boolean', true),
            (11, 'damaged text DEFAULT ''reject''', 'text', true),
            (12, 'columns jsonb DEFAULT NULL', 'jsonb', true),
            (13, 'role_columns text DEFAULT NULL', 'text', true),
            (14, 'reject_percent numeric DEFAULT NULL', 'numeric', true)
        ), functions (name, file, file_type, own_option, own_type, symbol, description) AS (VALUES
            ('import_customers', 'csv', 'text', '', '', 'ci_import_customers_text',
             'Imports a CSV passed as text: creates and updates customers as the mode says and adds their roles, all or nothing.'),
            ('import_customers', 'csv', 'bytea', '', '', 'ci_import_customers_bytea',
             'Imports a CSV passed as bytes, in UTF-8 or another encoding.'),
            ('import_customers', 'csv', 'oid', ', unlink boolean DEFAULT false', ', boolean', 'ci_import_customers_large_object',
             'Imports a CSV from a large object, read as a stream; unlink => true removes it afterwards.'),
            ('import_upload', 'upload', 'bigint', '', '', 'ci_import_upload',
             'Imports an upload, read as a stream, and removes it.'),
            ('preview_import', 'csv', 'text', '', '', 'ci_preview_import_text',
             'What import_customers() would do, record by record: the import itself, rolled back.'),
            ('preview_import', 'csv', 'bytea', '', '', 'ci_preview_import_bytea',
             'What an import of bytes would do, record by record.'),
            ('preview_import', 'csv', 'oid', '', '', 'ci_preview_import_large_object',
             'What an import of a large object would do, record by record.'),
            ('preview_upload', 'upload', 'bigint', '', '', 'ci_preview_upload',
             'What importing an upload would do to each record; the upload stays.')
        ), results (of_previews, columns, type) AS (VALUES
            (false,
             'OUT import_id bigint, OUT state text, OUT message text, OUT records bigint, OUT created bigint,'
             ' OUT updated bigint, OUT unchanged bigint, OUT skipped bigint, OUT rejected bigint, OUT deleted bigint,'
             ' OUT unprocessed bigint, OUT warnings text[]',
             'record'),
            (true,
             'OUT line bigint, OUT user_name text, OUT outcome text, OUT roles_before text[], OUT roles_after text[],'
             ' OUT code text, OUT message text',
             'SETOF record')
        )
        SELECT f.name, f.symbol, f.description,
               pg_catalog.concat(f.file, ' ', f.file_type, ', mode text, ',
                                 pg_catalog.string_agg(o.declaration, ', ' ORDER BY o.place), f.own_option, ', ', r.columns)
                   AS arguments,
               pg_catalog.concat(f.file_type, ', text, ', pg_catalog.string_agg(o.type, ', ' ORDER BY o.place), f.own_type)
                   AS types,
               r.type AS result
          FROM functions AS f
          JOIN results AS r ON r.of_previews OPERATOR(pg_catalog.=) pg_catalog.starts_with(f.name, 'preview_')
          JOIN options AS o ON o.of_previews OR NOT r.of_previews
         GROUP BY f.name, f.file, f.file_type, f.own_option, f.own_type, f.symbol, f.description, r.columns, r.type
    LOOP
        EXECUTE pg_catalog.format(
            'CREATE FUNCTION customer_import.%I(%s) RETURNS %s LANGUAGE C VOLATILE PARALLEL UNSAFE AS %L, %L',
            declared.name, declared.arguments, declared.result, 'MODULE_PATHNAME', declared.symbol);
        EXECUTE pg_catalog.format(
            'COMMENT ON FUNCTION customer_import.%I(%s) IS %L', declared.name, declared.types, declared.description);
    END LOOP;
END
$install$;
