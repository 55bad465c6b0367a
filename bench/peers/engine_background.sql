-- The engine in the background, until the import and its processes have ended.
\echo @step upload
\lo_import :file
SELECT pg_current_wal_insert_lsn() - '0/0' AS wal \gset
\echo @uploaded :wal
\echo @step import
SELECT set_config('bench.import_id', import_id::text, false) IS NULL AS unset
FROM customer_import.import_customers(:LASTOID::oid, :'mode', unlink => true, background => true) \gset
DO $$
BEGIN
    LOOP
        PERFORM pg_stat_clear_snapshot();
        EXIT WHEN EXISTS (SELECT FROM customer_import.imports
                          WHERE id = current_setting('bench.import_id')::bigint AND finished_at IS NOT NULL)
            AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type LIKE 'customer_import %'
                            AND datname = current_database());
        PERFORM pg_sleep(0.02);
    END LOOP;
END $$;
SELECT created, updated, unchanged, skipped, rejected FROM customer_import.imports
WHERE id = current_setting('bench.import_id')::bigint \gset
\echo @counts :created :updated :unchanged :skipped :rejected
