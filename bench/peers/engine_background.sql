-- The engine in the background, until the import and its processes have ended. The session waits as a client does, without a
-- transaction: one that stays open keeps the workers from reusing the room of the rows that they have replaced.
\echo @step upload
\lo_import :file
SELECT pg_current_wal_insert_lsn() - '0/0' AS wal \gset
\echo @uploaded :wal
\echo @step import
SELECT import_id
FROM customer_import.import_customers(:LASTOID::oid, :'mode', unlink => true, background => true) \gset
CALL customer_import.wait_for_import(:import_id, NULL, NULL, NULL) \gset
DO $$
BEGIN
    WHILE EXISTS (SELECT FROM pg_stat_activity WHERE backend_type LIKE 'customer_import %' AND datname = current_database()) LOOP
        PERFORM pg_sleep(0.02), pg_stat_clear_snapshot();
    END LOOP;
END $$;
SELECT created, updated, unchanged, skipped, rejected FROM customer_import.imports WHERE id = :import_id \gset
\echo @counts :created :updated :unchanged :skipped :rejected
