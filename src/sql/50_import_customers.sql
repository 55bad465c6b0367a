-- The import itself.

CREATE FUNCTION customer_import.import_customers(
    csv text,
    mode text,
    file_name text DEFAULT NULL,
    dry_run boolean DEFAULT false,
    background boolean DEFAULT false,
    reject_limit bigint DEFAULT NULL,
    delimiter text DEFAULT NULL,
    encoding text DEFAULT NULL,
    unknown_roles text DEFAULT 'reject',
    send_report boolean DEFAULT true,
    request_id text DEFAULT NULL,
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
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_import_customers_text';
COMMENT ON FUNCTION customer_import.import_customers(text, text, text, boolean, boolean, bigint, text, text, text, boolean, text) IS
    'Imports a CSV passed as text: creates and updates customers as the mode says and adds their roles, all or nothing.';

CREATE FUNCTION customer_import.import_customers(
    csv bytea,
    mode text,
    file_name text DEFAULT NULL,
    dry_run boolean DEFAULT false,
    background boolean DEFAULT false,
    reject_limit bigint DEFAULT NULL,
    delimiter text DEFAULT NULL,
    encoding text DEFAULT NULL,
    unknown_roles text DEFAULT 'reject',
    send_report boolean DEFAULT true,
    request_id text DEFAULT NULL,
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
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_import_customers_bytea';
COMMENT ON FUNCTION customer_import.import_customers(bytea, text, text, boolean, boolean, bigint, text, text, text, boolean, text) IS
    'Imports a CSV passed as bytes, in any encoding of the server.';

CREATE FUNCTION customer_import.import_customers(
    csv oid,
    mode text,
    file_name text DEFAULT NULL,
    dry_run boolean DEFAULT false,
    background boolean DEFAULT false,
    reject_limit bigint DEFAULT NULL,
    delimiter text DEFAULT NULL,
    encoding text DEFAULT NULL,
    unknown_roles text DEFAULT 'reject',
    send_report boolean DEFAULT true,
    request_id text DEFAULT NULL,
    unlink boolean DEFAULT false,
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
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_import_customers_large_object';
COMMENT ON FUNCTION customer_import.import_customers(oid, text, text, boolean, boolean, bigint, text, text, text, boolean, text, boolean) IS
    'Imports a CSV from a large object, read as a stream; unlink => true removes it afterwards.';

CREATE FUNCTION customer_import.import_upload(
    upload bigint,
    mode text,
    file_name text DEFAULT NULL,
    dry_run boolean DEFAULT false,
    background boolean DEFAULT false,
    reject_limit bigint DEFAULT NULL,
    delimiter text DEFAULT NULL,
    encoding text DEFAULT NULL,
    unknown_roles text DEFAULT 'reject',
    send_report boolean DEFAULT true,
    request_id text DEFAULT NULL,
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
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_import_upload';
COMMENT ON FUNCTION customer_import.import_upload(bigint, text, text, boolean, boolean, bigint, text, text, text, boolean, text) IS
    'Imports an upload, read as a stream, and removes it.';

