-- Finding customers: what is printed.
SET client_min_messages = error;
CREATE EXTENSION customer_import;
RESET client_min_messages;
-- Without a customers table
TABLE customer_import.customer_export;
SELECT * FROM customer_import._export_customers() AS c (a text);
SELECT * FROM customer_import.search_customers('ann');
SELECT * FROM customer_import.customers_with_roles('{buyer}');
SELECT * FROM customer_import.customer_roles('ann');
SELECT customer_import.create_search_indexes();
SELECT customer_import.create_customers_table('public.customers');
SELECT customer_import.add_role_codes('{buyer,approver,old}');
SELECT customer_import.alter_role_code('buyer', 'Buyer', 'Orders goods');
SELECT state, created FROM customer_import.import_customers(
    E'userName,roles,email,firstName,lastName,company\n'
    'Ann,"buyer,old",ann@shop.example,Ann,Lee,"Acme, ""Inc"""\n'
    'bob,,,Bob,Mann,\\_EMPTY_VALUE_\n', 'Create Only');
SELECT state, updated FROM customer_import.import_customers(E'userName,addRoles\n\nbob,approver\n', 'Update Only');
UPDATE public.customers SET roles = roles || '{buyer}' WHERE user_name = 'bob';
SELECT customer_import.remove_role_codes('{old}');
-- Bad input
SELECT * FROM customer_import.search_customers('ann', 0);
SELECT * FROM customer_import.search_customers('ann', 1001);
SELECT * FROM customer_import.search_customers(NULL);
SELECT * FROM customer_import.customers_with_roles(NULL);
SELECT * FROM customer_import.customer_roles(NULL);
SELECT * FROM customer_import.customer_roles('nobody');
SELECT * FROM customer_import._export_customers() AS c (a text, b integer);
SELECT * FROM customer_import._export_customers();
SELECT * FROM customer_import._export_spreadsheet() AS c (a text, b integer);
SELECT customer_import.create_search_indexes();
-- Export
SELECT attname, format_type(atttypid, atttypmod), reloptions, obj_description(oid) IS NOT NULL AS described
  FROM pg_class JOIN pg_attribute ON attrelid = oid WHERE oid = 'customer_import.customer_export'::regclass ORDER BY attnum;
COPY (TABLE customer_import.customer_export) TO STDOUT CSV HEADER;
SELECT "userName" FROM customer_import.customer_export WHERE roles LIKE '%old%';
SELECT state, unchanged, message FROM customer_import.import_customers(
    E'userName,roles,email,firstName,lastName,phone,company,active\n'
    'ann,"buyer,old",ann@shop.example,Ann,Lee,,"Acme, ""Inc""",true\n'
    'bob,"approver,buyer",,Bob,Mann,,\\_EMPTY_VALUE_,true\n', 'Update Only');
-- A lost code, for a customer that holds it and one that does not
SELECT state, unchanged, rejected FROM customer_import.import_customers(E'userName,roles\nann,"buyer,OLD"\nbob,old\n', 'Update Only');
SELECT line, code, column_name, value, message FROM customer_import.import_issues WHERE import_id = 4;
-- Export for a spreadsheet
SELECT attname, format_type(atttypid, atttypmod), reloptions, obj_description(oid) IS NOT NULL AS described
  FROM pg_class JOIN pg_attribute ON attrelid = oid WHERE oid = 'customer_import.customer_export_spreadsheet'::regclass ORDER BY attnum;
BEGIN;
INSERT INTO customers (user_name, phone, company, email, first_name, active)
    VALUES ('0049', '+49 171', '1/2', E'a\n\\b', '_EMPTY_VALUE_', false), ('=1', '123456789012', ' x', repeat('x', 32768), 'x ', true);
COPY (TABLE customer_import.customer_export_spreadsheet) TO STDOUT CSV HEADER;
SELECT state, unchanged, message FROM customer_import.import_customers(
    E'_escaped,userName,roles,email,firstName,phone,company,active\n'
    'userName;email\\;phone;company,''0049,,''a\\n\\\\b,\\_EMPTY_VALUE_,''+49 171,''1/2,no\n'
    'userName;firstName\\;phone;company,''=1,,,''x\\u0020,''123456789012,'' x,yes\n', 'Update Only');
ROLLBACK;
-- Search
SELECT * FROM customer_import.search_customers('ann');
SELECT * FROM customer_import.search_customers('B MANN');
SELECT * FROM customer_import.search_customers('', 1);
SELECT * FROM customer_import.customers_with_roles('{Buyer}') ORDER BY user_name;
SELECT * FROM customer_import.customers_with_roles('{buyer,approver}');
-- The roles tab
SELECT code, name, description, granted_by = current_user AS granted_by_me, granted_at IS NOT NULL AS granted, import_id, line
  FROM customer_import.customer_roles('Bob');
SELECT code, import_id, line FROM customer_import.customer_roles('ann');
-- The table may be altered under the view
ALTER TABLE public.customers ALTER COLUMN phone TYPE varchar(40), ADD COLUMN rank integer, DROP COLUMN created_at;
ALTER TABLE public.customers RENAME TO clients;
SELECT * FROM customer_import.customer_export ORDER BY "userName";
DROP EXTENSION customer_import;
DROP TABLE public.clients;
TABLE customer_import.customer_export;
DROP EXTENSION customer_import;
