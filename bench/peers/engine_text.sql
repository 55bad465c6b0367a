-- The engine again, with the file as a text argument instead of a large object.
\echo @step upload
\set read_file 'cat ' :'file'
\set csv `:read_file`
\echo @step import
SELECT *
FROM customer_import.import_customers(:'csv', :'mode') \gset
\echo @counts :created :updated :unchanged :skipped :rejected
