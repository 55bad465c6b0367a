-- Makes the table that every contender writes to, exactly as a user would make it.
CREATE EXTENSION customer_import;
CREATE EXTENSION pg_prewarm;

SELECT customer_import.create_customers_table();

CREATE TEMP TABLE code_file (code text);
\set copy_codes '\\copy code_file FROM ' :'codes'
:copy_codes
SELECT customer_import.add_role_codes(array_agg(code))
FROM code_file;

-- An operator whom row-level security restricts.
CREATE ROLE :operator;
SELECT customer_import.add_operator(:'operator', roles => '{customerView,customerEdit,importView,importEdit}');
