-- Imports are reversible: take one back, try again what was rejected.

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

CREATE FUNCTION customer_import.retry_skipped(
    id bigint,
    mode text,
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
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_retry_skipped';
COMMENT ON FUNCTION customer_import.retry_skipped(bigint, text, boolean) IS
    'Imports the records that the mode of an import skipped in another mode, once each; what later imports changed stays.';

CREATE FUNCTION customer_import.amend_record(import_id bigint, line bigint, record text) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_amend_record';
COMMENT ON FUNCTION customer_import.amend_record(bigint, bigint, text) IS
    'Corrects a rejected record before it is retried.';
