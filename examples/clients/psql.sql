-- Imports a file with psql alone: psql -v file=roles.csv -v rejected=rejected.csv -f psql.sql
-- The file travels as a large object, which is removed when the import is queued, or anything fails.
\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
BEGIN;
\lo_import :file
\set large_object :LASTOID
\echo 'Preview:'
SELECT outcome, count(*) FROM customer_import.preview_import(:large_object::oid, 'Create & Update')
GROUP BY outcome ORDER BY outcome;
SELECT import_id FROM customer_import.import_customers(:large_object::oid, 'Create & Update', file_name => :'file',
    background => true, request_id => gen_random_uuid()::text, unlink => true) \gset
COMMIT;

-- psql has no loops; a DO block has. It commits, so that it holds nothing while it waits.
SELECT set_config('example.import_id', :'import_id', false) AS following \gset
DO $$
DECLARE
    import record;
BEGIN
    LOOP
        SELECT * INTO import FROM customer_import.import_status
        WHERE id = current_setting('example.import_id')::bigint;
        RAISE INFO '%', concat_ws(' ', import.state, import.bar);
        COMMIT;
        EXIT WHEN import.finished_at IS NOT NULL;
        PERFORM pg_sleep(1);
    END LOOP;
END
$$;

SELECT state, message, records, created, updated, unchanged, skipped, rejected
FROM customer_import.import_status WHERE id = :import_id \gx
SELECT line, message FROM customer_import.import_issues WHERE import_id = :import_id
ORDER BY line, issue_number LIMIT 5;
-- psql ends what it writes with a line break of its own.
SELECT rtrim(customer_import.rejected_csv(:import_id), E'\n') \g (tuples_only format=unaligned) :rejected
SELECT message FROM customer_import.undo_import(:import_id);
