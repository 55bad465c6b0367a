-- The customers table: created, guarded, let go of.
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE EXTENSION customer_import;
RESET client_min_messages;

-- Names that cannot be
SELECT customer_import.create_customers_table('');
SELECT customer_import.create_customers_table('a.b.c.d');
SELECT customer_import.create_customers_table('nowhere.customers');
SELECT customer_import.create_customers_table('public.customers; DROP TABLE public.customers');
SELECT customer_import.create_customers_table(NULL);
CREATE TABLE public.taken (i int);
SELECT customer_import.create_customers_table('public.taken');
DROP TABLE public.taken;
-- A temporary table cannot be the customers table of a database
BEGIN;
DO $$
BEGIN
    PERFORM customer_import.create_customers_table('pg_temp.customers');
    RAISE NOTICE 'created';
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'refused';
END
$$;
ROLLBACK;
-- There is nothing to let go of yet
SELECT customer_import.detach_customers_table();

-- The table
SELECT customer_import.create_customers_table();
SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type, c.collname, a.attnotnull AS not_null,
       pg_get_expr(d.adbin, d.adrelid) AS "default"
  FROM pg_attribute AS a
  LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  LEFT JOIN pg_collation AS c ON c.oid = a.attcollation
 WHERE a.attrelid = 'public.customers'::regclass AND a.attnum > 0
 ORDER BY a.attnum;
SELECT conname, contype, pg_get_constraintdef(oid) FROM pg_constraint
 WHERE conrelid = 'public.customers'::regclass AND contype <> 'n' ORDER BY conname;
SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'public.customers'::regclass ORDER BY tgname;
SELECT relrowsecurity, relforcerowsecurity, pg_get_userbyid(relowner) = current_user AS owned_by_caller, relpersistence
  FROM pg_class WHERE oid = 'public.customers'::regclass;
-- It belongs to its owner, not to the extension
SELECT count(*) FROM pg_depend
 WHERE refclassid = 'pg_extension'::regclass AND objid = 'public.customers'::regclass;

-- One in a database
SELECT customer_import.create_customers_table('public.others');
SELECT customer_import.create_customers_table();
SELECT to_regclass('public.others');

-- User names by hand are folded ones
\set VERBOSITY terse
INSERT INTO customers (user_name) VALUES ('Ann');
INSERT INTO customers (user_name) VALUES ('');
INSERT INTO customers (user_name) VALUES (' ann');
INSERT INTO customers (user_name) VALUES (E'a\nb');
INSERT INTO customers (user_name) VALUES (U&'stra\00DFe');
INSERT INTO customers (user_name) VALUES (NULL);
INSERT INTO customers (user_name) VALUES ('ann');
INSERT INTO customers (user_name) VALUES ('ann');
UPDATE customers SET user_name = 'ANN';
\set VERBOSITY default

-- The guard: codes that the catalog does not have
SELECT customer_import.add_role_codes('{buyer,approver,companyAdmin}');
INSERT INTO customers (user_name, roles) VALUES ('bob', '{byer}');
INSERT INTO customers (user_name, roles) VALUES ('bob', '{gardener}');
INSERT INTO customers (user_name, roles) VALUES ('bob', '{buyer,"not a code"}');
INSERT INTO customers (user_name, roles) VALUES ('bob', '{" buyer"}');
UPDATE customers SET roles = '{byer}' WHERE user_name = 'ann';
UPDATE customers SET roles = roles || '{gardener}';
\set VERBOSITY terse
INSERT INTO customers (user_name, roles) VALUES ('bob', NULL);
UPDATE customers SET roles = NULL;
\set VERBOSITY sqlstate
INSERT INTO customers (user_name, roles) VALUES ('bob', '{byer}');
\set VERBOSITY default

-- Roles by hand become role sets in the catalog's spelling
CREATE VIEW public.rows AS
    SELECT user_name, roles, customer_import.is_role_set(roles) AS is_role_set FROM public.customers ORDER BY user_name;
INSERT INTO customers (user_name, roles) VALUES ('bob', '{buyer,APPROVER,NULL,"",buyer,Buyer}');
INSERT INTO customers (user_name, roles) VALUES ('cleo', '[3:4]={companyadmin,BUYER}'), ('dan', '{{buyer,approver},{BUYER,NULL}}'), ('eve', '{}'),
                                                ('fay', '{NULL}');
INSERT INTO customers (user_name, roles) VALUES ('gus', '{buyer}') RETURNING roles;
TABLE public.rows;
UPDATE customers SET roles = '{CompanyAdmin,buyer,approver,buyer}' WHERE user_name = 'ann' RETURNING roles;
UPDATE customers SET roles = array_append(roles, 'Buyer') WHERE user_name IN ('eve', 'bob');
UPDATE customers SET roles = '{}' WHERE user_name = 'dan';
UPDATE customers AS c SET roles = n.roles
  FROM (VALUES ('cleo', '{APPROVER}'::text[]), ('fay', '{buyer,Buyer}')) AS n (user_name, roles)
 WHERE c.user_name = n.user_name;
TABLE public.rows;
-- What touches no roles is no matter for it
UPDATE customers SET email = 'eve@example.com' WHERE user_name = 'eve';

-- INSERT … ON CONFLICT
INSERT INTO customers (user_name, roles) VALUES ('ann', '{BUYER}'), ('hal', '{Buyer,approver}')
    ON CONFLICT (user_name) DO UPDATE SET roles = EXCLUDED.roles;
INSERT INTO customers AS c (user_name, roles) VALUES ('ann', '{companyADMIN}')
    ON CONFLICT (user_name) DO UPDATE SET roles = EXCLUDED.roles || c.roles;
INSERT INTO customers (user_name) VALUES ('ann') ON CONFLICT (user_name) DO UPDATE SET roles = '{byer}';
INSERT INTO customers (user_name, roles) VALUES ('ann', '{byer}') ON CONFLICT DO NOTHING;
-- MERGE
MERGE INTO customers AS c
USING (VALUES ('ann', '{Approver,Buyer}'::text[]), ('ida', '{BUYER,approver}')) AS n (user_name, roles)
   ON c.user_name = n.user_name
 WHEN MATCHED THEN UPDATE SET roles = n.roles
 WHEN NOT MATCHED THEN INSERT (user_name, roles) VALUES (n.user_name, n.roles);
MERGE INTO customers AS c USING (VALUES ('ann')) AS n (user_name) ON c.user_name = n.user_name
 WHEN MATCHED THEN UPDATE SET roles = '{byer}';
-- COPY
COPY customers (user_name, roles) FROM STDIN;
jim	{Buyer,APPROVER}
kim	{}
\.
COPY customers (user_name, roles) FROM STDIN;
lou	{buyer}
max	{byer}
\.
TABLE public.rows;

-- A code that the catalog has lost stays with the customers that hold it, and cannot be given to others
SELECT customer_import.remove_role_codes('{approver}');
UPDATE customers SET email = 'ann@example.com' WHERE user_name = 'ann';
UPDATE customers SET roles = array_append(roles, 'companyAdmin') WHERE user_name = 'ann' RETURNING roles;
UPDATE customers SET roles = '{buyer,approver,approver}' WHERE user_name = 'ann' RETURNING roles;
UPDATE customers SET roles = '{APPROVER}' WHERE user_name = 'ann';
UPDATE customers SET roles = '{approver}' WHERE user_name = 'eve';
INSERT INTO customers (user_name, roles) VALUES ('ned', '{approver}');
UPDATE customers SET user_name = 'anna' WHERE user_name = 'ann' RETURNING user_name, roles;
UPDATE customers SET roles = '{buyer}' WHERE user_name = 'anna' RETURNING roles;
UPDATE customers SET roles = '{buyer,approver}' WHERE user_name = 'anna';
SELECT customer_import.add_role_codes('{approver}');

-- The guard fires behind the table's own triggers
CREATE FUNCTION public.everyone_buys() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN NEW.roles := NEW.roles || '{BUYER}'; RETURN NEW; END$$;
CREATE TRIGGER zz_everyone_buys BEFORE INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION public.everyone_buys();
INSERT INTO customers (user_name, roles) VALUES ('ora', '{APPROVER}') RETURNING roles;
DROP TRIGGER zz_everyone_buys ON customers;
-- and says so when its column is gone, or when it is called by hand
BEGIN;
ALTER TABLE customers RENAME COLUMN roles TO codes;
UPDATE customers SET codes = '{buyer}' WHERE user_name = 'ora';
ROLLBACK;
SELECT customer_import._guard_customers();
BEGIN;
CREATE TRIGGER wrong AFTER UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION customer_import._guard_customers('roles');
UPDATE customers SET email = NULL WHERE user_name = 'ora';
ROLLBACK;
BEGIN;
CREATE TRIGGER wrong BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION customer_import._guard_customers();
UPDATE customers SET email = NULL WHERE user_name = 'ora';
ROLLBACK;

-- Row security is forced: only superusers see a row until a policy allows it
CREATE ROLE regress_customers;
GRANT SELECT, INSERT, UPDATE ON customers TO regress_customers;
SET ROLE regress_customers;
SELECT count(*) FROM customers;
INSERT INTO customers (user_name) VALUES ('pia');
RESET ROLE;
-- also to its owner
ALTER TABLE customers OWNER TO regress_customers;
SET ROLE regress_customers;
SELECT count(*) FROM customers;
RESET ROLE;
-- and an ordinary role's writes go through the guard as well, though it may not read the catalog
CREATE POLICY regress_all ON customers USING (true);
SET ROLE regress_customers;
INSERT INTO customers (user_name, roles) VALUES ('pia', '{BUYER}') RETURNING roles;
INSERT INTO customers (user_name, roles) VALUES ('quin', '{byer}');
SELECT count(*) FROM customer_import.role_codes;
RESET ROLE;
DELETE FROM customers WHERE user_name = 'pia';
DROP POLICY regress_all ON customers;

-- Plain DROP EXTENSION is refused while there is a customers table: two things on it need the extension
\set VERBOSITY terse
DROP EXTENSION customer_import;
\set VERBOSITY default
SELECT pg_describe_object(d.classid, d.objid, 0) AS dependent, pg_describe_object(d.refclassid, d.refobjid, 0) AS needs, d.deptype
  FROM pg_depend AS d
 WHERE d.refclassid = 'pg_proc'::regclass
   AND d.refobjid IN (SELECT oid FROM pg_proc WHERE pronamespace = 'customer_import'::regnamespace)
   AND d.classid IN ('pg_constraint'::regclass, 'pg_trigger'::regclass)
   AND d.objid IN (SELECT oid FROM pg_constraint WHERE conrelid = 'public.customers'::regclass
                   UNION ALL SELECT oid FROM pg_trigger WHERE tgrelid = 'public.customers'::regclass)
 ORDER BY 1;

-- detach takes away what the extension added; the rest stays, whatever the table is called now
CREATE SCHEMA "Odd schema";
ALTER TABLE customers SET SCHEMA "Odd schema";
ALTER TABLE "Odd schema".customers RENAME TO "Odd ""table";
ALTER TABLE "Odd schema"."Odd ""table" ADD CONSTRAINT mine CHECK (company <> '');
CREATE POLICY mine ON "Odd schema"."Odd ""table" USING (true);
TABLE public.rows;
SELECT customer_import.detach_customers_table();
TABLE public.rows;
SELECT conname FROM pg_constraint WHERE conrelid = '"Odd schema"."Odd ""table"'::regclass AND contype <> 'n' ORDER BY conname;
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = '"Odd schema"."Odd ""table"'::regclass AND NOT tgisinternal;
SELECT polname FROM pg_policy WHERE polrelid = '"Odd schema"."Odd ""table"'::regclass;
SELECT relrowsecurity, relforcerowsecurity, pg_get_userbyid(relowner) AS owner FROM pg_class WHERE oid = '"Odd schema"."Odd ""table"'::regclass;
SELECT (SELECT count(*) FROM customer_import.customers_table) AS tables, (SELECT count(*) FROM customer_import.customers_table_columns) AS columns;
-- It is a table like any other now
INSERT INTO "Odd schema"."Odd ""table" (user_name, roles) VALUES ('QUIN', '{byer,byer}') RETURNING user_name, roles;
SELECT customer_import.detach_customers_table();
DROP VIEW public.rows;
DROP SCHEMA "Odd schema" CASCADE;
DROP ROLE regress_customers;

-- Created again after that; names are written as SQL writes them
SELECT customer_import.create_customers_table('"Odd table"');
INSERT INTO "Odd table" (user_name, roles) VALUES ('ann', '{BUYER}') RETURNING roles;
SELECT customer_import.create_customers_table('public.customers');
-- and after a DROP TABLE
DROP TABLE "Odd table";
SELECT customer_import.detach_customers_table();
-- The number of a dropped table may come to be that of another one, also by a restore: that one is left alone
CREATE TABLE public.other (user_name text PRIMARY KEY, roles text[]);
ALTER TABLE public.other ENABLE ROW LEVEL SECURITY;
UPDATE customer_import.customers_table SET relation = 'public.other';
SET client_min_messages = warning;
SELECT customer_import.detach_customers_table() AS other;
RESET client_min_messages;
SELECT state FROM customer_import.import_customers(E'userName,addRoles\nann,buyer\n', 'Create Only');
SELECT relrowsecurity FROM pg_class WHERE oid = 'public.other'::regclass;
DROP TABLE public.other;
SELECT customer_import.create_customers_table('Public.Customers');
DROP TABLE customers;
-- A name without schema goes where CREATE TABLE would put it
CREATE SCHEMA regress_first;
SET search_path = regress_first, public;
SELECT customer_import.create_customers_table('"Quoted ""name"');
SELECT to_regclass('regress_first."Quoted ""name"') IS NOT NULL AS in_first_schema;
SELECT state, created FROM customer_import.import_customers(E'userName,addRoles\nann,buyer\n', 'Create Only');
TABLE regress_first."Quoted ""name" LIMIT 0;
RESET search_path;
SELECT state, updated FROM customer_import.import_customers(E'userName,addRoles\nann,approver\n', 'Update Only');
SELECT user_name, roles FROM regress_first."Quoted ""name";
DROP SCHEMA regress_first CASCADE;

-- All of it is part of the transaction
BEGIN;
SELECT customer_import.create_customers_table();
ROLLBACK;
SELECT to_regclass('public.customers') AS customers;
SELECT customer_import.create_customers_table();
BEGIN;
SELECT customer_import.detach_customers_table();
ROLLBACK;
INSERT INTO customers (user_name, roles) VALUES ('ann', '{byer}');
INSERT INTO customers (user_name, roles, email) VALUES ('ann', '{BUYER}', 'ann@example.com') RETURNING roles;

-- DROP EXTENSION … CASCADE takes the guard, and neither the table nor a row
\set VERBOSITY terse
DROP EXTENSION customer_import;
SET client_min_messages = warning;
DROP EXTENSION customer_import CASCADE;
RESET client_min_messages;
\set VERBOSITY default
SELECT user_name, email, active, roles FROM customers;
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'public.customers'::regclass AND NOT tgisinternal;
SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = 'public.customers'::regclass;
-- A new extension knows nothing of it
SET client_min_messages = error;
CREATE EXTENSION customer_import;
RESET client_min_messages;
SELECT customer_import.detach_customers_table();
SELECT customer_import.create_customers_table();
DROP TABLE customers;
DROP EXTENSION customer_import;
