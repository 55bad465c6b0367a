-- Nothing depends on the caller's search_path: the caller's operators and functions must not run in place of ours.
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE EXTENSION customer_import;
RESET client_min_messages;
SELECT customer_import.create_customers_table('public.customers');
SELECT customer_import.add_role_codes('{buyer,approver}');
ALTER TABLE public.customers ALTER COLUMN company SET DEFAULT lower('NONE');

-- Wherever these run, they say so
CREATE SCHEMA regress_trap;
DO $do$
DECLARE
    operator record;
    routine record;
BEGIN
    FOR operator IN
        SELECT o.oprname, format_type(o.oprleft, NULL) AS a, format_type(o.oprright, NULL) AS b, format_type(o.oprresult, NULL) AS result
          FROM pg_operator AS o
         WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprname IN ('=', '<>', '<', '>', '<=', '>=', '||', '~')
           AND o.oprleft IN ('text'::regtype, 'name'::regtype, '"char"'::regtype, 'oid'::regtype, 'bigint'::regtype, 'int'::regtype,
                             'smallint'::regtype, 'boolean'::regtype, 'tid'::regtype, 'xid'::regtype)
           AND o.oprright = o.oprleft
    LOOP
        EXECUTE format($$CREATE FUNCTION regress_trap.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS
                         'BEGIN RAISE EXCEPTION ''trapped by operator %s''; END'$$,
                       'operator ' || operator.oprname, operator.a, operator.b, operator.result, operator.oprname);
        EXECUTE format('CREATE OPERATOR regress_trap.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = regress_trap.%I)',
                       operator.oprname, operator.a, operator.b, 'operator ' || operator.oprname);
    END LOOP;
    -- Operators that fit better than any of the server's
    FOR operator IN
        SELECT * FROM (VALUES ('oid', 'regclass'), ('regclass', 'oid'), ('oid', 'regprocedure'), ('name', 'text'), ('text', 'name'),
                              ('smallint', 'int2vector'), ('bigint', 'int'), ('int', 'bigint')) AS t (a, b)
    LOOP
        EXECUTE format($$CREATE FUNCTION regress_trap.equal(%s, %s) RETURNS boolean LANGUAGE plpgsql AS
                         'BEGIN RAISE EXCEPTION ''trapped by operator =''; END'$$, operator.a, operator.b);
        EXECUTE format('CREATE OPERATOR regress_trap.= (LEFTARG = %s, RIGHTARG = %s, FUNCTION = regress_trap.equal)', operator.a, operator.b);
    END LOOP;
    FOR routine IN
        SELECT DISTINCT p.proname, pg_get_function_identity_arguments(p.oid) AS arguments, format_type(p.prorettype, NULL) AS result
          FROM pg_proc AS p
         WHERE p.pronamespace = 'pg_catalog'::regnamespace
           AND (p.proname, pg_get_function_identity_arguments(p.oid)) IN (('lower', 'text'), ('now', ''), ('clock_timestamp', ''), ('encode', 'bytea, text'),
                ('quote_ident', 'text'), ('pg_get_expr', 'pg_node_tree, oid'))
    LOOP
        EXECUTE format($$CREATE FUNCTION regress_trap.%I(%s) RETURNS %s LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''trapped by function %s''; END'$$,
                       routine.proname, routine.arguments, routine.result, routine.proname);
    END LOOP;
END
$do$;
-- Tables of the caller with the names of ours
CREATE TABLE regress_trap.customers (user_name text PRIMARY KEY, roles text[]);
CREATE TABLE regress_trap.role_codes (code text);
CREATE TABLE regress_trap.imports (id bigint);
CREATE TABLE regress_trap.customer_import_batch (o int);
CREATE TEMPORARY TABLE pg_class (oid oid, relname name, relnamespace oid);

SET search_path = regress_trap, public, pg_catalog;
-- The traps work
SELECT 'a'::text = 'a'::text;
SELECT 1::oid = 'pg_catalog.pg_type'::regclass;
SELECT lower('A');

SELECT customer_import.role_set('{b,a}'), customer_import.fold_user_name('Ann'), customer_import.parse_role_set('b;a');
SELECT customer_import.add_role_codes('{editor,Buyer}');
SELECT customer_import.alter_role_code('EDITOR', name => 'Editor');
SELECT customer_import.remove_role_codes('{EDITOR}');
INSERT INTO public.customers (user_name, roles) VALUES ('ann', '{BUYER}') RETURNING roles;
UPDATE public.customers SET roles = '{APPROVER,BUYER}' RETURNING roles;
SELECT state, created, updated, rejected FROM customer_import.import_customers(E'userName,addRoles,removeRoles,email,active,company\nann,,buyer,a@b,no,\nbob,buyer,,,,\nbob,byer,,,,\n', 'Create & Update', request_id => 'one');
SELECT state, created, updated, rejected FROM customer_import.import_customers(E'userName,addRoles,removeRoles,email,active,company\nann,,buyer,a@b,no,\nbob,buyer,,,,\nbob,byer,,,,\n', 'Create & Update', request_id => 'one');
SELECT state, created FROM customer_import.import_customers(E'userName,addRoles\ncleo,new\n', 'Create Only', unknown_roles => 'create');
SELECT customer_import.import_template();
SELECT customer_import.rejected_csv(max(id)) IS NOT NULL AS rejected, customer_import.import_report(max(id)) ->> 'state' AS state FROM customer_import.imports;
SELECT count(*) FROM customer_import.import_changes;
SELECT customer_import.detach_customers_table();
SELECT customer_import.create_customers_table('public.others');
DROP TABLE public.others;
SELECT customer_import.create_customers_table('others');
RESET search_path;
SELECT oid::regclass AS created FROM pg_catalog.pg_class WHERE relname = 'others';
SELECT user_name, email, company, active, roles FROM public.customers ORDER BY user_name;
SELECT count(*) FROM regress_trap.customers;

-- import_customers leaves the caller's search_path as it was, also after an error
SET search_path = public, customer_import;
SELECT state FROM import_customers(E'userName,addRoles\ncleo,buyer\n', 'Create & Update');
SHOW search_path;
SELECT state FROM import_customers(E'userName,adRoles\ncleo,buyer\n', 'Create & Update');
SHOW search_path;
RESET search_path;

SET client_min_messages = warning;
DROP SCHEMA regress_trap CASCADE;
RESET client_min_messages;
DROP TABLE public.customers, pg_temp.pg_class;
DROP EXTENSION customer_import;
