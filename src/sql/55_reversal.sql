-- Imports are reversible: look at what one would do, take one back, try again what was rejected.

CREATE FUNCTION customer_import.preview_import(
    csv text,
    mode text,
    reject_limit bigint DEFAULT NULL,
    delimiter text DEFAULT NULL,
    encoding text DEFAULT NULL,
    unknown_roles text DEFAULT 'reject',
    OUT line bigint,
    OUT user_name text,
    OUT outcome text,
    OUT roles_before text[],
    OUT roles_after text[],
    OUT code text,
    OUT message text
) RETURNS SETOF record
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_preview_import_text';
COMMENT ON FUNCTION customer_import.preview_import(text, text, bigint, text, text, text) IS
    'What import_customers() would do, record by record: the import itself, rolled back.';

CREATE FUNCTION customer_import.preview_import(
    csv bytea,
    mode text,
    reject_limit bigint DEFAULT NULL,
    delimiter text DEFAULT NULL,
    encoding text DEFAULT NULL,
    unknown_roles text DEFAULT 'reject',
    OUT line bigint,
    OUT user_name text,
    OUT outcome text,
    OUT roles_before text[],
    OUT roles_after text[],
    OUT code text,
    OUT message text
) RETURNS SETOF record
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_preview_import_bytea';
COMMENT ON FUNCTION customer_import.preview_import(bytea, text, bigint, text, text, text) IS
    'What an import of bytes would do, record by record.';

CREATE FUNCTION customer_import.preview_import(
    csv oid,
    mode text,
    reject_limit bigint DEFAULT NULL,
    delimiter text DEFAULT NULL,
    encoding text DEFAULT NULL,
    unknown_roles text DEFAULT 'reject',
    OUT line bigint,
    OUT user_name text,
    OUT outcome text,
    OUT roles_before text[],
    OUT roles_after text[],
    OUT code text,
    OUT message text
) RETURNS SETOF record
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_preview_import_large_object';
COMMENT ON FUNCTION customer_import.preview_import(oid, text, bigint, text, text, text) IS
    'What an import of a large object would do, record by record.';

CREATE FUNCTION customer_import.preview_upload(
    upload bigint,
    mode text,
    reject_limit bigint DEFAULT NULL,
    delimiter text DEFAULT NULL,
    encoding text DEFAULT NULL,
    unknown_roles text DEFAULT 'reject',
    OUT line bigint,
    OUT user_name text,
    OUT outcome text,
    OUT roles_before text[],
    OUT roles_after text[],
    OUT code text,
    OUT message text
) RETURNS SETOF record
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_preview_upload';
COMMENT ON FUNCTION customer_import.preview_upload(bigint, text, bigint, text, text, text) IS
    'What importing an upload would do to each record; the upload stays.';

CREATE FUNCTION customer_import.undo_import(
    id bigint,
    background boolean DEFAULT false,
    OUT import_id bigint,
    OUT state text,
    OUT message text,
    OUT records bigint,
    OUT created bigint,
    OUT updated bigint,
    OUT unchanged bigint,
    OUT skipped bigint,
    OUT rejected bigint,
    OUT deleted bigint,
    OUT unprocessed bigint,
    OUT warnings text[]
) RETURNS record
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_undo_import';
COMMENT ON FUNCTION customer_import.undo_import(bigint, boolean) IS
    'Takes back what an import did, as far as it is still as the import left it; the rest is listed as issues.';

CREATE FUNCTION customer_import.retry_rejects(
    id bigint,
    background boolean DEFAULT false,
    OUT import_id bigint,
    OUT state text,
    OUT message text,
    OUT records bigint,
    OUT created bigint,
    OUT updated bigint,
    OUT unchanged bigint,
    OUT skipped bigint,
    OUT rejected bigint,
    OUT deleted bigint,
    OUT unprocessed bigint,
    OUT warnings text[]
) RETURNS record
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_retry_rejects';
COMMENT ON FUNCTION customer_import.retry_rejects(bigint, boolean) IS
    'Imports the rejected records of an import again, once each; what later imports changed stays.';

CREATE FUNCTION customer_import.amend_record(import_id bigint, line bigint, record text) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_amend_record';
COMMENT ON FUNCTION customer_import.amend_record(bigint, bigint, text) IS
    'Corrects a rejected record before it is retried.';
