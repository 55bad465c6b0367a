-- The table that create_customers_table() makes, and what detach_customers_table() and DROP EXTENSION leave of it.
BEGIN;
SELECT plan(57);

CREATE ROLE regress_owner SUPERUSER;
GRANT ALL ON SCHEMA public TO regress_owner;
SET LOCAL ROLE regress_owner;
SELECT is(customer_import.create_customers_table()::text, 'customers', 'create_customers_table() makes public.customers');
RESET ROLE;

SELECT table_owner_is('public', 'customers', 'regress_owner', 'its caller owns it');
SELECT is((SELECT relrowsecurity FROM pg_class WHERE oid = 'public.customers'::regclass), true, 'row security is enabled');
SELECT is((SELECT relforcerowsecurity FROM pg_class WHERE oid = 'public.customers'::regclass), true, 'row security is forced');
SELECT is((SELECT relacl FROM pg_class WHERE oid = 'public.customers'::regclass), NULL, 'nothing is granted on it');
SELECT is_empty($$SELECT 1 FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = 'public.customers'::regclass AND refclassid = 'pg_extension'::regclass$$,
                'it is no member of the extension');
SELECT is((SELECT relpersistence FROM pg_class WHERE oid = 'public.customers'::regclass), 'p'::"char", 'it is durable');

SELECT columns_are('public', 'customers', '{user_name,email,first_name,last_name,phone,company,active,roles,created_at,updated_at}'::name[]);
SELECT col_is_pk('public', 'customers', 'user_name'::name, 'user_name is its key');
SELECT col_type_is('public', 'customers', c::name, 'text', format('%s is text', c)) FROM unnest('{user_name,email,first_name,last_name,phone,company}'::text[]) AS c;
SELECT col_type_is('public', 'customers', 'active'::name, 'boolean', 'active is boolean');
SELECT col_type_is('public', 'customers', 'roles'::name, 'text[]', 'roles is text[]');
SELECT col_type_is('public', 'customers', c::name, 'timestamp with time zone', format('%s is timestamptz', c)) FROM unnest('{created_at,updated_at}'::text[]) AS c;
SELECT col_not_null('public', 'customers', c::name, format('%s is not null', c)) FROM unnest('{user_name,active,roles,created_at,updated_at}'::text[]) AS c;
SELECT col_is_null('public', 'customers', c::name, format('%s may be null', c)) FROM unnest('{email,first_name,last_name,phone,company}'::text[]) AS c;
SELECT col_default_is('public', 'customers', 'active'::name, 'true', 'customers are active');
SELECT col_default_is('public', 'customers', 'roles'::name, '{}', 'customers have no roles');
SELECT is((SELECT attcollation FROM pg_attribute WHERE attrelid = 'public.customers'::regclass AND attname = 'user_name'), 'pg_catalog."C"'::regcollation::oid, 'user names are sorted by byte');
SELECT isnt(obj_description('public.customers'::regclass, 'pg_class'), NULL, 'it has a comment');
SELECT is_empty($$SELECT attname FROM pg_attribute WHERE attrelid IN ('customer_import.customer_export'::regclass, 'customer_import.customer_export_spreadsheet'::regclass) AND attnum > 0
                     AND col_description(attrelid, attnum) IS NULL$$, 'every column of customer_export has a comment');

-- The guard
SELECT triggers_are('public', 'customers', ARRAY['~customer_import_guard'::name]);
SELECT is((SELECT tgtype FROM pg_trigger WHERE tgrelid = 'public.customers'::regclass), 31::int2, 'the guard is a BEFORE INSERT, UPDATE OR DELETE trigger for each row');
SELECT is((SELECT tgqual IS NULL AND tgattr = '' FROM pg_trigger WHERE tgrelid = 'public.customers'::regclass), true, 'whatever is updated');
SELECT is((SELECT tgfoid::regprocedure::text FROM pg_trigger WHERE tgrelid = 'public.customers'::regclass), 'customer_import._guard_customers()', 'its function is internal');
SELECT is((SELECT convalidated FROM pg_constraint WHERE conrelid = 'public.customers'::regclass AND conname = 'customer_import_user_name'), true, 'a CHECK keeps user names folded');
SELECT throws_ok($$INSERT INTO customers (user_name) VALUES ('Ann')$$, '23514', NULL, 'so that others are refused');
SELECT throws_ok($$INSERT INTO customers (user_name, roles) VALUES ('ann', '{nothing}')$$, '23514', 'role code "nothing" is not in the catalog');

-- One in a database
SELECT throws_ok($$SELECT customer_import.create_customers_table('public.others')$$, '55000', 'there is a customers table already: public.customers');
SELECT results_eq('SELECT relation::regclass::text, created FROM customer_import.customers_table', $$VALUES ('customers', true)$$, 'it is the registered one');
SELECT set_eq('SELECT column_name::text FROM customer_import.customers_table_columns', ARRAY['email', 'first_name', 'last_name', 'phone', 'company', 'active'], 'with the columns that a file may name');
SELECT throws_ok('DROP EXTENSION customer_import', '2BP01', NULL, 'the extension cannot be dropped meanwhile');

-- detach
DO $$BEGIN PERFORM customer_import.add_role_codes('{buyer}'); END$$;
INSERT INTO customers (user_name, roles, email) VALUES ('ann', '{buyer}', 'ann@example.com');
SAVEPOINT attached;

-- Without its key each record would read the whole table; another one will do
ALTER TABLE customers DROP CONSTRAINT customers_pkey;
SELECT throws_ok($$SELECT * FROM customer_import.import_customers(E'userName,addRoles\nann,buyer\n', 'Update Only')$$, '55000',
                 'the customers table has changed since it was created or attached', 'a table without its key is refused');
CREATE UNIQUE INDEX another ON customers (user_name, email);
SELECT throws_ok($$SELECT * FROM customer_import.import_customers(E'userName,addRoles\nann,buyer\n', 'Update Only')$$, '55000',
                 'the customers table has changed since it was created or attached', 'also with one on more columns');
CREATE UNIQUE INDEX its_own ON customers (user_name);
SELECT lives_ok($$SELECT * FROM customer_import.import_customers(E'userName,addRoles\nann,buyer\n', 'Update Only')$$, 'any other key of its own will do');
ROLLBACK TO attached;
SELECT lives_ok('SELECT customer_import.detach_customers_table()', 'it can be detached');
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE tgrelid = 'public.customers'::regclass$$, 'without the guard');
SELECT is_empty($$SELECT conname FROM pg_constraint WHERE conrelid = 'public.customers'::regclass AND contype = 'c'$$, 'and without the CHECK');
SELECT is((SELECT relrowsecurity OR relforcerowsecurity FROM pg_class WHERE oid = 'public.customers'::regclass), false, 'and without row security');
SELECT results_eq('SELECT user_name, roles, email FROM customers', $$VALUES ('ann' COLLATE "C", '{buyer}'::text[] COLLATE "C", 'ann@example.com')$$, 'with its rows');
SELECT lives_ok('DROP EXTENSION customer_import', 'then the extension can be dropped');
ROLLBACK TO attached;

-- DROP EXTENSION … CASCADE
SET LOCAL client_min_messages = warning;
SELECT lives_ok('DROP EXTENSION customer_import CASCADE', 'with CASCADE it can be dropped at once');
SELECT results_eq('SELECT user_name, roles, email FROM customers', $$VALUES ('ann' COLLATE "C", '{buyer}'::text[] COLLATE "C", 'ann@example.com')$$, 'and the rows stay');
SELECT columns_are('public', 'customers', '{user_name,email,first_name,last_name,phone,company,active,roles,created_at,updated_at}'::name[], 'and the columns');

SELECT * FROM finish();
ROLLBACK;
