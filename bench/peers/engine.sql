-- The engine, called as a user of psql calls it.
\echo @step upload
\lo_import :file
SELECT pg_current_wal_insert_lsn() - '0/0' AS wal \gset
\echo @uploaded :wal
\echo @step import
SELECT *
FROM customer_import.import_customers(:LASTOID::oid, :'mode', unlink => true) \gset
\echo @counts :created :updated :unchanged :skipped :rejected
