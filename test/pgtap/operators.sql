-- Operators: what they are granted and what is taken back, their names and database roles, and which role counts as which operator.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = error;
SELECT plan(235);

-- What is granted to a role, on objects of the extension, on the customers table and on its schema
CREATE TEMPORARY VIEW grants AS
    SELECT COALESCE(r.rolname, 'PUBLIC') AS role, replace(o.object, 'customer_import.', '') AS object,
           a.privilege_type AS privilege, a.is_grantable
      FROM (SELECT oid::regclass::text AS object, relacl AS acl FROM pg_class
             WHERE relnamespace IN ('customer_import'::regnamespace, 'public'::regnamespace)
                OR relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'regress_shop')
            UNION ALL SELECT oid::regprocedure::text, proacl FROM pg_proc WHERE pronamespace = 'customer_import'::regnamespace
            UNION ALL SELECT 'schema ' || nspname, nspacl FROM pg_namespace
            UNION ALL SELECT format('%s.%s', attrelid::regclass, attname), attacl FROM pg_attribute WHERE attacl IS NOT NULL) AS o
     CROSS JOIN LATERAL aclexplode(o.acl) AS a
      LEFT JOIN pg_roles AS r ON r.oid = a.grantee;
CREATE FUNCTION pg_temp.granted(who text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s%s', lower(privilege), object, CASE WHEN is_grantable THEN ' *' END), ', ' ORDER BY object COLLATE "C", privilege)
      FROM grants WHERE role = who
$$;

DO $$
BEGIN
    PERFORM customer_import.create_customers_table('public.customers');
    PERFORM customer_import.add_role_codes('{buyer}');
    INSERT INTO public.customers (user_name, roles) VALUES ('ann', '{buyer}'), ('bob', '{}'), ('boss', '{administrator}');
END
$$;
CREATE TEMPORARY TABLE public_before AS SELECT * FROM grants WHERE role = 'PUBLIC';

--
-- What an operator is granted: by its rights, and nothing else
--
CREATE TEMPORARY TABLE needed (needs text, object text, privilege text);
INSERT INTO needed VALUES
    ('operator', 'operators', 'SELECT'), ('operator', 'role_codes', 'SELECT'), ('operator', 'customers_table_columns', 'SELECT'),
    ('operator', 'import_template()', 'EXECUTE'),
    ('view', 'customers', 'SELECT'),
    ('view', 'customer_export', 'SELECT'), ('view', '_export_customers()', 'EXECUTE'), ('view', 'customer_export_spreadsheet', 'SELECT'), ('view', '_export_spreadsheet()', 'EXECUTE'), ('view', 'customer_roles(text)', 'EXECUTE'),
    ('view', 'search_customers(text,integer)', 'EXECUTE'), ('view', 'customers_with_roles(text[])', 'EXECUTE'),
    ('admin', 'create_search_indexes()', 'EXECUTE'),
    ('edit', 'customers', 'INSERT'), ('edit', 'customers', 'UPDATE'), ('edit', 'customers', 'DELETE'), ('edit', 'edit_customer(text,jsonb)', 'EXECUTE'),
    ('import', 'import_customers(text,text,text,boolean,boolean,bigint,text,text,text,boolean,text,boolean,text,jsonb,text,numeric)', 'EXECUTE'),
    ('import', 'import_customers(bytea,text,text,boolean,boolean,bigint,text,text,text,boolean,text,boolean,text,jsonb,text,numeric)', 'EXECUTE'),
    ('import', 'import_customers(oid,text,text,boolean,boolean,bigint,text,text,text,boolean,text,boolean,text,jsonb,text,numeric,boolean)', 'EXECUTE'),
    ('import', 'begin_upload(text,boolean)', 'EXECUTE'), ('import', 'append_upload(bigint,bytea,bigint)', 'EXECUTE'), ('import', 'discard_upload(bigint)', 'EXECUTE'),
    ('import', 'import_upload(bigint,text,text,boolean,boolean,bigint,text,text,text,boolean,text,boolean,text,jsonb,text,numeric)', 'EXECUTE'), ('import', 'preview_upload(bigint,text,bigint,text,text,text,boolean,text,jsonb,text,numeric)', 'EXECUTE'), ('import', 'uploads', 'SELECT'),
    ('import', 'preview_import(text,text,bigint,text,text,text,boolean,text,jsonb,text,numeric)', 'EXECUTE'), ('import', 'preview_import(bytea,text,bigint,text,text,text,boolean,text,jsonb,text,numeric)', 'EXECUTE'),
    ('import', 'preview_import(oid,text,bigint,text,text,text,boolean,text,jsonb,text,numeric)', 'EXECUTE'), ('import', 'undo_import(bigint,boolean)', 'EXECUTE'),
    ('import', 'retry_rejects(bigint,boolean)', 'EXECUTE'), ('import', 'retry_skipped(bigint,text,boolean)', 'EXECUTE'), ('import', 'amend_record(bigint,bigint,text)', 'EXECUTE'),
    ('import', '_decide(bigint,integer,boolean,tid,xid,text[],"any")', 'EXECUTE'), ('import', '_merged_roles(bigint,integer)', 'EXECUTE'),
    ('history', 'imports', 'SELECT'), ('history', 'import_issues', 'SELECT'), ('history', '_import_change_pages', 'SELECT'),
    ('history', 'import_changes', 'SELECT'), ('history', '_read_change_page(bigint,bigint)', 'EXECUTE'), ('history', 'import_report(bigint)', 'EXECUTE'),
    ('history', 'customer_history(text)', 'EXECUTE'), ('history', '_visible_import(bigint)', 'EXECUTE'), ('history', '_may_reverse(bigint)', 'EXECUTE'), ('history', '_may_resume(bigint)', 'EXECUTE'),
    ('import', 'cancel_import(bigint)', 'EXECUTE'), ('import', 'resume_import(bigint)', 'EXECUTE'), ('import', 'run_imports()', 'EXECUTE'), ('admin', 'purge_imports(interval)', 'EXECUTE'),
    ('admin', 'email_outbox', 'SELECT'), ('admin', 'mailer_status', 'SELECT'), ('admin', '_database_origin()', 'EXECUTE'),
    ('admin', 'import_activity', 'SELECT'), ('admin', '_import_activity()', 'EXECUTE'), ('admin', 'import_health', 'SELECT'), ('admin', '_import_health()', 'EXECUTE'),
     ('admin', 'retry_message(bigint)', 'EXECUTE'),
    ('history', '_import_slices', 'SELECT'), ('history', 'import_status', 'SELECT'),
    ('history', '_running_imports()', 'EXECUTE'), ('history', '_progress_bar(double precision)', 'EXECUTE'),
    ('history', '_open_import(bigint)', 'EXECUTE'), ('history', '_free_worker_slots()', 'EXECUTE'),
    ('history', '_waits(integer)', 'EXECUTE'), ('history', '_blockers(integer)', 'EXECUTE'),
    ('history', '_remaining_blockers(jsonb,integer[])', 'EXECUTE'),
    ('history', 'rejected_csv(bigint)', 'EXECUTE'), ('history', 'rejected_csv_bytes(bigint)', 'EXECUTE'), ('history', 'skipped_csv(bigint)', 'EXECUTE'),
    ('history', 'rejected_lines(bigint)', 'EXECUTE'), ('history', 'skipped_lines(bigint)', 'EXECUTE'), ('history', 'wait_for_import(bigint,interval,text,text)', 'EXECUTE'),
    ('admin', 'add_role_codes(text[],boolean)', 'EXECUTE'), ('admin', 'alter_role_code(text,text,text,boolean)', 'EXECUTE'),
    ('admin', 'remove_role_codes(text[])', 'EXECUTE'), ('admin', 'add_operator(text,text,text[],boolean,text)', 'EXECUTE'),
    ('admin', 'alter_operator(text,text,text[],boolean,text,boolean)', 'EXECUTE'), ('admin', 'remove_operator(text)', 'EXECUTE'),
    ('admin', 'create_customers_table(text,integer)', 'EXECUTE'), ('admin', 'attach_customers_table(regclass,name,name,jsonb,boolean,boolean,boolean)', 'EXECUTE'), ('admin', 'detach_customers_table()', 'EXECUTE'), ('admin', '_guard_customers()', 'EXECUTE'),
    ('gateway', 'act_as(text)', 'EXECUTE');
CREATE TEMPORARY TABLE kinds (number integer GENERATED ALWAYS AS IDENTITY, roles text[], needs text[]);
INSERT INTO kinds (roles, needs) VALUES
    ('{}', '{operator}'), ('{customerView}', '{operator,view}'), ('{customerEdit}', '{operator}'), ('{customerEdit,customerView}', '{operator,view,edit}'),
    ('{importView}', '{operator,history}'), ('{importEdit}', '{operator}'), ('{importEdit,importView}', '{operator,history}'),
    ('{customerEdit,customerView,importEdit}', '{operator,view,edit}'),
    ('{customerEdit,customerView,importEdit,importView}', '{operator,view,edit,history,import}'),
    ('{administrator}', '{operator,view,edit,history,import,admin}'), ('{superuser}', '{operator,view,edit,history,import,admin}');
CREATE TEMPORARY VIEW kind_grants AS
    SELECT 'regress_op_' || k.number AS role, n.object, n.privilege FROM kinds AS k JOIN needed AS n ON n.needs = ANY (k.needs);

SELECT format('CREATE ROLE regress_op_%s', number) FROM kinds \gexec
SELECT lives_ok(format($$SELECT customer_import.add_operator('regress_op_%s', roles => %L)$$, number, roles), format('an operator with %s', roles)) FROM kinds ORDER BY number;
SELECT set_eq(format('SELECT object, privilege FROM grants WHERE role = ''regress_op_%s'' AND NOT is_grantable', number),
              format('SELECT object, privilege FROM kind_grants WHERE role = ''regress_op_%s''', number), format('it is granted what it needs with %s', roles))
  FROM kinds ORDER BY number;
SELECT is_empty($$SELECT * FROM grants WHERE role LIKE 'regress%' AND is_grantable$$, 'and may pass on nothing');
SELECT is_empty($$SELECT * FROM grants WHERE role LIKE 'regress%' AND privilege IN ('TRUNCATE', 'REFERENCES', 'TRIGGER', 'CREATE')$$, 'TRUNCATE, REFERENCES and TRIGGER are never granted');
SELECT set_eq('SELECT role, privilege, replace(object, ''customer_import.'', '''') FROM customer_import.granted_privileges WHERE object <> ''customers table''',
              'SELECT role, privilege, object FROM kind_grants WHERE object <> ''customers''', 'it is known what was granted');
SELECT set_eq('TABLE grants EXCEPT SELECT * FROM grants WHERE role <> ''PUBLIC''', 'TABLE public_before', 'PUBLIC was granted nothing');
CREATE ROLE regress_gw;
SELECT lives_ok($$SELECT customer_import.grant_gateway('regress_gw')$$, 'a gateway');
SELECT set_eq($$SELECT object, privilege FROM grants WHERE role = 'regress_gw'$$, 'SELECT object, privilege FROM needed', 'is granted all that any operator is, and act_as()');
SELECT is_empty($$SELECT p FROM unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS p, unnest('{gateways,granted_privileges,operator_privileges,customers_table}'::text[]) AS t
                   WHERE has_table_privilege('regress_gw', 'customer_import.' || t, p)$$, 'but nothing on the bookkeeping');

--
-- Taken back is exactly what was granted
--
CREATE ROLE regress_op_dba;
CREATE ROLE regress_op_other;
GRANT SELECT ON public.customers TO regress_op_dba WITH GRANT OPTION;
GRANT INSERT, REFERENCES ON public.customers TO regress_op_dba;
GRANT UPDATE (email) ON public.customers TO regress_op_dba;
GRANT SELECT ON customer_import.imports TO regress_op_dba;
GRANT EXECUTE ON FUNCTION customer_import.import_template() TO regress_op_dba WITH GRANT OPTION;
GRANT USAGE ON SCHEMA public TO regress_op_dba;
CREATE TEMPORARY TABLE of_dba AS SELECT pg_temp.granted('regress_op_dba') AS grants;
SELECT lives_ok($$SELECT customer_import.add_operator('regress_op_dba', roles => '{customerView,customerEdit,importView,importEdit}')$$, 'somebody to whom a DBA has granted a few things');
SELECT is_empty($$(SELECT object, privilege FROM kind_grants WHERE role = 'regress_op_9') EXCEPT SELECT object, privilege FROM grants WHERE role = 'regress_op_dba'$$, 'has all that it needs');
SELECT set_eq($$SELECT object, privilege FROM customer_import.granted_privileges WHERE role = 'regress_op_dba'
                   AND (object IN ('customer_import.imports', 'customer_import.import_template()') OR object = 'customers table')$$,
              $$VALUES ('customers table', 'UPDATE'), ('customers table', 'DELETE')$$, 'what it had is not counted as granted');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.alter_operator('regress_op_dba', active => false)$$, $$SELECT pg_temp.granted('regress_op_dba')$$),
          'ok  => ' || grants, 'switched off, it keeps what the DBA granted') FROM of_dba;
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.alter_operator('regress_op_dba', roles => '{}')$$, $$SELECT string_agg(object, ',' ORDER BY object) FROM customer_import.granted_privileges WHERE role = 'regress_op_dba'$$),
          'ok  => customer_import.customers_table_columns,customer_import.operators,customer_import.role_codes', 'without rights too');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.detach_customers_table()$$, $$SELECT string_agg(privilege, ',' ORDER BY privilege) FROM grants WHERE role = 'regress_op_dba' AND object = 'customers'$$),
          'ok  => INSERT,REFERENCES,SELECT', 'after detaching it keeps what the DBA granted on the table');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.remove_operator('regress_op_dba')$$, $$SELECT pg_temp.granted('regress_op_dba')$$),
          'ok  => ' || grants, 'removed, it has exactly what it had before') FROM of_dba;
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.remove_operator('regress_op_dba')$$, $$SELECT count(*) FROM customer_import.granted_privileges WHERE role = 'regress_op_dba'$$),
          'ok  => 0', 'and nothing is kept about him');

-- Changes
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.alter_operator('regress_op_10', roles => '{importView}')$$, $$SELECT pg_temp.granted('regress_op_10')$$),
          'ok  => ' || pg_temp.granted('regress_op_5'), 'rights taken from an administrator are revoked');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.alter_operator('regress_op_1', roles => '{superuser}')$$, $$SELECT pg_temp.granted('regress_op_1')$$),
          'ok  => ' || pg_temp.granted('regress_op_11'), 'rights given are granted');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.alter_operator('regress_op_9', email => 'nine@example.com')$$, $$SELECT pg_temp.granted('regress_op_9')$$),
          'ok  => ' || pg_temp.granted('regress_op_9'), 'another e-mail changes no grant');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.alter_operator('regress_op_9', active => false)$$, $$SELECT pg_temp.granted('regress_op_9')$$),
          'ok  => NULL', 'switched off, an operator has no grant');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN PERFORM customer_import.alter_operator('regress_op_9', active => false);
              PERFORM customer_import.alter_operator('regress_op_9', active => true); END $do$ $$, $$SELECT pg_temp.granted('regress_op_9')$$),
          'ok 0 => ' || pg_temp.granted('regress_op_9'), 'switched on again, the same as before');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN PERFORM customer_import.alter_operator('regress_op_9', active => false, roles => '{administrator}');
              PERFORM customer_import.alter_operator('regress_op_9', active => true); END $do$ $$, $$SELECT pg_temp.granted('regress_op_9')$$),
          'ok 0 => ' || pg_temp.granted('regress_op_10'), 'rights given meanwhile come with it');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN PERFORM customer_import.add_operator('x', user_name => 'ann'); PERFORM customer_import.alter_operator('x', user_name => 'Bob'); END $do$ $$,
                          $$SELECT user_name FROM customer_import.operators WHERE name = 'x'$$), 'ok 0 => Bob', 'another user name');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN PERFORM customer_import.add_operator('x', user_name => 'ann'); PERFORM customer_import.alter_operator('x', user_name => ''); END $do$ $$,
                          $$SELECT user_name IS NULL FROM customer_import.operators WHERE name = 'x'$$), 'ok 0 => true', 'an empty one removes it');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.remove_operator('regress_op_9')$$, $$SELECT pg_temp.granted('regress_op_9')$$), 'ok  => NULL', 'removed, it has none');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN PERFORM customer_import.add_operator('regress_gw', roles => '{customerView}'); PERFORM customer_import.remove_operator('regress_gw'); END $do$ $$,
                          $$SELECT count(*) FROM grants WHERE role = 'regress_gw'$$), 'ok 0 => ' || count(*), 'a gateway that was an operator too stays a gateway') FROM needed;
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN PERFORM customer_import.add_operator('regress_gw', roles => '{customerView}'); PERFORM customer_import.revoke_gateway('regress_gw'); END $do$ $$,
                          $$SELECT count(*) FROM grants WHERE role = 'regress_gw'$$), 'ok 0 => 12', 'and without the gateway an operator');
SELECT matches(pg_temp.attempt(NULL, NULL, 'DROP ROLE regress_op_9'), '^2BP01 ', 'the role of an operator cannot be dropped');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN PERFORM customer_import.remove_operator('regress_op_9'); DROP ROLE regress_op_9; END $do$ $$), 'ok 0', 'but after it was removed');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN DROP OWNED BY regress_op_9; DROP ROLE regress_op_9; PERFORM customer_import.alter_operator('regress_op_9', roles => '{administrator}');
              PERFORM customer_import.alter_operator('regress_op_9', active => false); PERFORM customer_import.remove_operator('regress_op_9'); END $do$ $$),
          'ok 0', 'an operator whose role has gone can be altered and removed');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN DROP OWNED BY regress_gw; DROP ROLE regress_gw; PERFORM customer_import.revoke_gateway('regress_gw'); END $do$ $$), 'ok 0', 'so can a gateway be revoked');

SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN DROP TABLE public.customers; PERFORM customer_import.alter_operator('regress_op_9', roles => '{}'); END $do$ $$,
                          $$SELECT count(*) FROM customer_import.granted_privileges WHERE role = 'regress_op_9' AND object LIKE '%customer%' AND privilege = 'SELECT'$$),
          'ok 0 => 3', 'rights can be taken when the table has been dropped');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN DROP VIEW customer_import.customer_export; PERFORM customer_import.remove_operator('regress_op_9'); END $do$ $$), 'ok 0', 'and when the view has');

-- The owner of the table, which comes first in the list of operators: no role has been granted anything before
CREATE ROLE regress_aa;
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN ALTER TABLE public.customers OWNER TO regress_aa;
              PERFORM customer_import.detach_customers_table(); DROP TABLE public.customers; GRANT CREATE ON SCHEMA public TO regress_aa;
              PERFORM customer_import.add_operator('regress_aa', roles => '{administrator}');
              SET LOCAL ROLE regress_aa; PERFORM customer_import.create_customers_table(); PERFORM customer_import.detach_customers_table(); RESET ROLE; END $do$ $$,
                          $$SELECT string_agg(p, ' ') FROM unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) AS p WHERE has_table_privilege('regress_aa', 'public.customers', p)$$),
          'ok 0 => SELECT INSERT UPDATE DELETE', 'detach leaves the owner of the table what it has as such');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN PERFORM customer_import.detach_customers_table(); DROP TABLE public.customers; GRANT CREATE ON SCHEMA public TO regress_aa;
              PERFORM customer_import.add_operator('regress_aa', roles => '{administrator}');
              SET LOCAL ROLE regress_aa; PERFORM customer_import.create_customers_table(); RESET ROLE; PERFORM customer_import.remove_operator('regress_aa'); END $do$ $$,
                          $$SELECT string_agg(p, ' ') FROM unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) AS p WHERE has_table_privilege('regress_aa', 'public.customers', p)$$),
          'ok 0 => SELECT INSERT UPDATE DELETE', 'so does removing it from the operators');

-- Detach and create
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.detach_customers_table()$$, $$SELECT count(*) FROM grants WHERE object = 'customers' AND (role LIKE 'regress_op__' OR role = 'regress_op_10')$$),
          'ok  => 0', 'detach revokes what was granted on the table');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.detach_customers_table()$$, $$SELECT string_agg(object || ' ' || privilege, ', ' ORDER BY object, privilege) FROM grants WHERE role = 'regress_op_2'$$),
          'ok  => _export_customers() EXECUTE, _export_spreadsheet() EXECUTE, customer_roles(text) EXECUTE, customers_table_columns SELECT, customers_with_roles(text[]) EXECUTE, import_template() EXECUTE, operators SELECT, role_codes SELECT, search_customers(text,integer) EXECUTE', 'and leaves all else');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN PERFORM customer_import.detach_customers_table(); DROP TABLE public.customers; PERFORM customer_import.create_customers_table(); END $do$ $$,
                          $$SELECT pg_temp.granted('regress_op_10')$$), 'ok 0 => ' || pg_temp.granted('regress_op_10'), 'create grants to the operators who are there');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN DROP TABLE public.customers; PERFORM customer_import.create_customers_table(); END $do$ $$,
                          $$SELECT pg_temp.granted('regress_op_10')$$), 'ok 0 => ' || pg_temp.granted('regress_op_10'), 'also when the table before was dropped');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN PERFORM customer_import.alter_operator('regress_op_9', active => false); PERFORM customer_import.detach_customers_table(); DROP TABLE public.customers;
              PERFORM customer_import.create_customers_table(); END $do$ $$, $$SELECT pg_temp.granted('regress_op_9')$$), 'ok 0 => NULL', 'but not to those who are switched off');
CREATE SCHEMA regress_shop;
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN PERFORM customer_import.detach_customers_table(); PERFORM customer_import.create_customers_table('regress_shop.customers'); END $do$ $$,
                          $$SELECT string_agg(object || ' ' || privilege, ', ' ORDER BY object, privilege) FROM grants WHERE role = 'regress_op_4' AND object LIKE '%shop%'$$),
          'ok 0 => regress_shop.customers DELETE, regress_shop.customers INSERT, regress_shop.customers SELECT, regress_shop.customers UPDATE, schema regress_shop USAGE', 'a schema that is closed is opened for those who may see the table');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN PERFORM customer_import.detach_customers_table(); PERFORM customer_import.create_customers_table('regress_shop.customers'); END $do$ $$,
                          $$SELECT count(*) FROM grants WHERE role IN ('regress_op_1', 'regress_op_5') AND object LIKE '%shop%'$$), 'ok 0 => 0', 'and for nobody else');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN PERFORM customer_import.detach_customers_table(); PERFORM customer_import.create_customers_table('regress_shop.customers');
              PERFORM customer_import.alter_operator('regress_op_4', roles => '{customerEdit}'); END $do$ $$, $$SELECT count(*) FROM grants WHERE role = 'regress_op_4' AND object LIKE '%shop%'$$),
          'ok 0 => 0', 'and closed again with the right');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN PERFORM customer_import.detach_customers_table(); PERFORM customer_import.create_customers_table('regress_shop.customers');
              PERFORM customer_import.detach_customers_table(); END $do$ $$, $$SELECT count(*) FROM grants WHERE role LIKE 'regress%' AND object LIKE '%shop%' AND NOT role = current_user$$),
          'ok 0 => 0', 'and with detaching');
-- What is still needed is left alone: the DBA may have made more of it
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN GRANT SELECT ON public.customers TO regress_op_10 WITH GRANT OPTION; PERFORM customer_import.alter_operator('regress_op_10', email => 'ten@example.com'); END $do$ $$,
                          $$SELECT is_grantable FROM grants WHERE role = 'regress_op_10' AND object = 'customers' AND privilege = 'SELECT'$$), 'ok 0 => true', 'what is still needed is not revoked');
-- Of a role that is gone nothing stays recorded: a role of that name that comes later keeps what the DBA grants it
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN CREATE ROLE regress_op_late; PERFORM customer_import.add_operator('regress_op_late', roles => '{customerView}');
              DROP OWNED BY regress_op_late; DROP ROLE regress_op_late; PERFORM customer_import.remove_operator('regress_op_late'); CREATE ROLE regress_op_late;
              GRANT SELECT ON public.customers TO regress_op_late; PERFORM customer_import.add_operator('regress_op_late'); END $do$ $$,
                          $$SELECT string_agg(privilege, ', ') FROM grants WHERE role = 'regress_op_late' AND object = 'customers'$$),
          'ok 0 => SELECT', 'what was granted to a role that is gone is not taken from the next of that name');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.detach_customers_table()$$, $$SELECT count(*) FROM customer_import.granted_privileges WHERE object LIKE '%customers table'$$),
          'ok  => 0', 'nothing that was revoked with detaching stays recorded');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN DROP TABLE public.customers; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO regress_op_10; PERFORM customer_import.create_customers_table();
              PERFORM customer_import.alter_operator('regress_op_10', active => false); END $do$ $$, $$SELECT string_agg(privilege, ', ') FROM grants WHERE role = 'regress_op_10' AND object = 'customers'$$),
          'ok 0 => SELECT', 'what was granted on a table that is gone is not taken from who has it on the next by itself');
-- The owner of the table, where the schema is another's
SELECT is(pg_temp.attempt(NULL, NULL, format($$DO $do$BEGIN PERFORM customer_import.detach_customers_table(); PERFORM customer_import.create_customers_table('regress_shop.customers');
              ALTER TABLE regress_shop.customers OWNER TO regress_op_1; GRANT USAGE ON SCHEMA regress_shop TO regress_op_1%s; CREATE ROLE regress_op_late;
              PERFORM customer_import.add_operator('regress_op_late', roles => '{customerView}'); END $do$ $$, grant_option),
                          $$SELECT COALESCE((SELECT string_agg(a.privilege_type || ' by ' || a.grantor::regrole, ', ') FROM pg_namespace, aclexplode(nspacl) AS a WHERE nspname = 'regress_shop' AND a.grantee = 'regress_op_late'::regrole), 'nothing')
                                || ', ' || count(*) || ' recorded' FROM customer_import.granted_privileges WHERE role = 'regress_op_late' AND object LIKE 'schema%'$$), expected, name)
  FROM (VALUES (1, ' WITH GRANT OPTION', 'ok 0 => USAGE by regress_op_1, 1 recorded', 'who owns the table opens the schema, where it may'),
               (2, '', 'ok 0 => nothing, 0 recorded', 'and where it may not, it stays closed')) AS t (number, grant_option, expected, name) ORDER BY number;

-- A table that was given to another owner, which may not use its schema, or may by what the extension granted alone
CREATE FUNCTION pg_temp.in_shop(statements text, look text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.attempt(NULL, NULL, format($do$DO $in$BEGIN PERFORM customer_import.detach_customers_table(); PERFORM customer_import.create_customers_table('regress_shop.customers'); %s END $in$ $do$, statements), look)
$$;
CREATE FUNCTION pg_temp.in_shops(who text) RETURNS text LANGUAGE sql AS $$
    SELECT COALESCE(string_agg(lower(privilege) || ' ' || object, ', ' ORDER BY object, privilege), 'nothing') FROM grants WHERE role LIKE who AND object LIKE '%shop%'
$$;
CREATE SCHEMA regress_shop_2;
SELECT is(pg_temp.in_shop('ALTER TABLE regress_shop.customers OWNER TO regress_aa; ' || statements, look), expected, name)
  FROM (VALUES (1, 'PERFORM customer_import.detach_customers_table();', $$SELECT pg_temp.in_shops('regress_op%')$$, 'ok 0 => nothing', 'given to who may not use the schema, it is detached and all revoked'),
               (2, $$PERFORM customer_import.remove_operator('regress_op_4');$$, $$SELECT pg_temp.in_shops('regress_op_4')$$, 'ok 0 => nothing', 'an operator is removed'),
               (3, $$PERFORM customer_import.alter_operator('regress_op_4', roles => '{customerView}');$$, $$SELECT pg_temp.in_shops('regress_op_4')$$,
                'ok 0 => select regress_shop.customers, usage schema regress_shop', 'or loses some of what it had'),
               (4, $$PERFORM customer_import.alter_operator('regress_op_2', roles => '{customerView,customerEdit}');$$,
                $$SELECT string_agg(privilege_type || ' by ' || grantor::regrole, ', ' ORDER BY privilege_type) FROM (SELECT (aclexplode(relacl)).* FROM pg_class WHERE relname = 'customers' AND relnamespace = 'regress_shop'::regnamespace) AS a WHERE grantee = 'regress_op_2'::regrole$$,
                'ok 0 => DELETE by regress_aa, INSERT by regress_aa, SELECT by regress_aa, UPDATE by regress_aa', 'or is granted more, by the owner'),
               (5, $$ALTER TABLE regress_shop.customers ADD COLUMN number bigserial; GRANT UPDATE (email) ON regress_shop.customers TO regress_op_2;
                     PERFORM customer_import.alter_operator('regress_op_2', roles => '{customerView,customerEdit}');
                     IF NOT has_sequence_privilege('regress_op_2', 'regress_shop.customers_number_seq', 'USAGE') THEN RAISE 'no numbers'; END IF;
                     PERFORM customer_import.remove_operator('regress_op_2');$$,
                $$SELECT string_agg(lower(privilege) || ' ' || object, ', ') FROM grants WHERE role = 'regress_op_2'$$, 'ok 0 => update regress_shop.customers.email', 'with sequences, and what others granted on columns stays')
       ) AS t (number, statements, look, expected, name) ORDER BY number;
SELECT is(pg_temp.in_shop('ALTER TABLE regress_shop.customers OWNER TO regress_op_10; ' || statements, $$SELECT pg_temp.in_shops('regress_op_4') || ', ' || count(*) FROM customer_import.granted_privileges WHERE object LIKE '%customers table'$$), expected, name)
  FROM (VALUES (1, 'SET LOCAL ROLE regress_op_10; PERFORM customer_import.detach_customers_table(); RESET ROLE;', 'ok 0 => nothing, 0', 'given to an operator, it is detached by him'),
               (2, $$PERFORM customer_import.remove_operator('regress_op_10'); PERFORM customer_import.detach_customers_table();$$, 'ok 0 => nothing, 0', 'or when it is one no more')
       ) AS t (number, statements, expected, name) ORDER BY number;
-- A table that was moved: what was granted on its schema is known by the schema
SELECT is(pg_temp.in_shop(statements, $$SELECT pg_temp.in_shops('regress_op_2')$$), expected, name)
  FROM (VALUES (1, $$ALTER TABLE regress_shop.customers SET SCHEMA regress_shop_2; PERFORM customer_import.alter_operator('regress_op_2');$$,
                'ok 0 => usage schema regress_shop_2', 'moved, the other schema is opened and the first one closed when the operator is altered'),
               (2, $$ALTER TABLE regress_shop.customers SET SCHEMA regress_shop_2; PERFORM customer_import.alter_operator('regress_op_2'); PERFORM customer_import.detach_customers_table();$$,
                'ok 0 => nothing', 'and detach closes it'),
               (3, $$ALTER TABLE regress_shop.customers SET SCHEMA regress_shop_2; GRANT USAGE ON SCHEMA regress_shop_2 TO regress_op_2; PERFORM customer_import.detach_customers_table();$$,
                'ok 0 => usage schema regress_shop_2', 'detach closes what was opened, not what a DBA has'),
               (4, $$ALTER TABLE regress_shop.customers SET SCHEMA regress_shop_2; GRANT USAGE ON SCHEMA regress_shop_2 TO regress_op_2; PERFORM customer_import.alter_operator('regress_op_2');
                     PERFORM customer_import.remove_operator('regress_op_2');$$, 'ok 0 => usage schema regress_shop_2', 'so does removing the operator'),
               (5, $$DROP TABLE regress_shop.customers; PERFORM customer_import.remove_operator('regress_op_2'); DROP ROLE regress_op_2;$$, 'ok 0 => nothing', 'when the table was dropped an operator is removed, and its role dropped'),
               (6, $$DROP TABLE regress_shop.customers; PERFORM customer_import.detach_customers_table(); PERFORM customer_import.remove_operator('regress_op_2'); DROP ROLE regress_op_2;$$,
                'ok 0 => nothing', 'or detached first'),
               (7, $$DROP TABLE regress_shop.customers; PERFORM customer_import.create_customers_table('public.customers_2');$$, 'ok 0 => nothing', 'the next table closes the schema of one that was dropped'),
               (8, $$ALTER SCHEMA regress_shop RENAME TO regress_shop_old; ALTER SCHEMA regress_shop_2 RENAME TO regress_shop; GRANT USAGE ON SCHEMA regress_shop TO regress_op_2;
                     DROP TABLE regress_shop_old.customers; PERFORM customer_import.detach_customers_table();$$, 'ok 0 => usage schema regress_shop', 'a schema is known by another name, too'),
               (9, $$UPDATE customer_import.granted_privileges SET schema_key = '1/' || schema_key; DROP TABLE regress_shop.customers; PERFORM customer_import.remove_operator('regress_op_2');$$,
                'ok 0 => nothing', 'after a restore by its name'),
               (10, $$UPDATE customer_import.granted_privileges SET schema_key = '1/' || schema_key; PERFORM customer_import.alter_operator('regress_op_2'); ALTER SCHEMA regress_shop RENAME TO regress_shop_old;
                      PERFORM customer_import.detach_customers_table();$$, 'ok 0 => nothing', 'and from the next change of the operator on by any'),
               (11, $$DROP SCHEMA regress_shop CASCADE; CREATE SCHEMA regress_shop; GRANT USAGE ON SCHEMA regress_shop TO regress_op_2; PERFORM customer_import.detach_customers_table();$$,
                'ok 0 => usage schema regress_shop', 'one that was dropped is not taken for the next of that name'),
               (12, $$REVOKE USAGE ON SCHEMA regress_shop FROM regress_op_2; PERFORM customer_import.alter_operator('regress_op_2');$$,
                'ok 0 => select regress_shop.customers, usage schema regress_shop', 'a schema that somebody closed is opened again')
       ) AS t (number, statements, expected, name) ORDER BY number;
-- The grantor: the grant of the table's owner is taken back, not that of the schema's
SELECT is(pg_temp.in_shop('GRANT USAGE ON SCHEMA regress_shop TO regress_aa WITH GRANT OPTION; ALTER TABLE regress_shop.customers OWNER TO regress_aa;
              CREATE ROLE regress_op_late; PERFORM customer_import.add_operator(''regress_op_late'', roles => ''{customerView}''); GRANT USAGE ON SCHEMA regress_shop TO regress_op_late; ' || statements,
              $$SELECT string_agg(a.privilege_type || ' by ' || CASE a.grantor WHEN n.nspowner THEN 'owner' ELSE a.grantor::regrole::text END, ', ')
                  FROM pg_namespace AS n, aclexplode(nspacl) AS a WHERE nspname = 'regress_shop' AND a.grantee = 'regress_op_late'::regrole$$), 'ok 0 => USAGE by owner', name)
  FROM (VALUES (1, 'PERFORM customer_import.detach_customers_table();', 'what the owner of the schema granted stays'),
               (2, 'DROP TABLE regress_shop.customers; PERFORM customer_import.detach_customers_table();', 'also when the table was dropped')) AS t (number, statements, name) ORDER BY number;

--
-- Which roles may, and what is refused
--
CREATE TEMPORARY TABLE faults (number integer GENERATED ALWAYS AS IDENTITY, statement text, expected text, name text);
INSERT INTO faults (statement, expected, name) VALUES
    ($$SELECT customer_import.add_operator('regress_op_1')$$, '42710 operator "regress_op_1" already exists', 'an operator twice'),
    ($$SELECT customer_import.add_operator('')$$, '22023 ', 'without a name'),
    ($$SELECT customer_import.add_operator(NULL)$$, '22004 ', 'the name NULL'),
    ($$SELECT customer_import.add_operator(repeat('x', 321))$$, '22023 ', 'a name of 321 bytes'),
    ($$SELECT customer_import.add_operator(repeat('ä', 161))$$, '22023 ', 'and of 161 letters of two bytes'),
    ($$SELECT customer_import.add_operator(E'a\nb')$$, '22023 ', 'a control character in it'),
    ($$SELECT customer_import.add_operator(E'a\u0085b')$$, '22023 ', 'also one of Unicode'),
    ($$SELECT customer_import.add_operator('pg_monitor')$$, '42939 ', 'a name of the server'),
    ($$SELECT customer_import.add_operator('pg_of_mine', database_role => false)$$, '42939 ', 'or one like it'),
    ($$SELECT customer_import.add_operator('regress_nobody', database_role => true)$$, '42704 role "regress_nobody" does not exist', 'no such role'),
    ($$SELECT customer_import.add_operator('public', database_role => true)$$, '42704 role "public" does not exist', 'PUBLIC is none'),
    ($$SELECT customer_import.add_operator('current_user', database_role => true)$$, '42704 role "current_user" does not exist', 'CURRENT_USER neither'),
    ($$SELECT customer_import.add_operator('x', roles => '{buyer}')$$, '22023 role code "buyer" ', 'a code that is no portal code'),
    ($$SELECT customer_import.add_operator('x', roles => '{customerView," importView"}')$$, '22023 role code " importView" ', 'one with a blank'),
    ($$SELECT customer_import.add_operator('x', roles => ARRAY[U&'\0430dministrator'])$$, '22023 role code ', 'a look-alike'),
    ($$SELECT customer_import.add_operator('x', roles => '{customerView,""}')$$, '22023 ', 'an empty one'),
    ($$SELECT customer_import.add_operator('x', roles => '{ADMINISTRATOR,NULL}')$$, '22004 one of the role codes is NULL', 'NULL among them'),
    ($$SELECT customer_import.add_operator('x', roles => NULL)$$, '22004 argument "roles" of function add_operator\(\) is NULL', 'or instead of them'),
    ($$SELECT customer_import.alter_operator('regress_op_1', roles => '{NULL}')$$, '22004 one of the role codes is NULL', 'altered: NULL among the codes'),
    ($$SELECT customer_import.add_role_codes('{a,NULL}')$$, '22004 one of the role codes is NULL', 'new codes with NULL'),
    ($$SELECT customer_import.remove_role_codes('{buyer,NULL}')$$, '22004 one of the role codes is NULL', 'or codes to be removed'),
    ($$SELECT customer_import.customers_with_roles('{buyer,NULL}')$$, '22004 one of the role codes is NULL', 'or codes to look for'),
    ($$SELECT customer_import.alter_operator('regress_op_1', user_name => E'a\tb')$$, '22023 invalid user name ', 'altered: a user name with a control character'),
    ($$SELECT customer_import.alter_operator('regress_later', database_role => true)$$, '42704 operator "regress_later" does not exist', 'altered: the role of no operator'),
    ($$SELECT customer_import.add_operator('x', user_name => '')$$, '22023 ', 'an empty user name'),
    ($$SELECT customer_import.add_operator('x', user_name => E'a\tb')$$, '22023 ', 'a user name with a control character'),
    ($$SELECT customer_import.add_operator('x', user_name => repeat('x', 321))$$, '22023 ', 'one of 321 bytes'),
    ($$SELECT customer_import.alter_operator('regress_nobody')$$, '42704 operator "regress_nobody" does not exist', 'altered: no such operator'),
    ($$SELECT customer_import.alter_operator('REGRESS_OP_1')$$, '42704 operator "REGRESS_OP_1" does not exist', 'altered: another case'),
    ($$SELECT customer_import.alter_operator(NULL)$$, '22004 ', 'altered: NULL'),
    ($$SELECT customer_import.alter_operator('regress_op_1', roles => '{buyer}')$$, '22023 role code "buyer" ', 'altered: no portal code'),
    ($$SELECT customer_import.alter_operator('regress_op_1', email => 'x')$$, '22023 invalid e-mail address "x"', 'altered: no e-mail'),
    ($$SELECT customer_import.remove_operator('regress_nobody')$$, '42704 operator "regress_nobody" does not exist', 'removed: no such operator'),
    ($$SELECT customer_import.remove_operator(NULL)$$, '22004 ', 'removed: NULL'),
    ($$SELECT customer_import.remove_role_codes('{administrator}')$$, '22023 ', 'the built-in codes cannot be removed'),
    ($$SELECT customer_import.remove_role_codes('{buyer,IMPORTEDIT}')$$, '22023 ', 'in any case'),
    ($$SELECT customer_import.alter_role_code('customerView', privileged => false)$$, '22023 ', 'nor made unprivileged'),
    ($$SELECT customer_import.alter_role_code('SUPERUSER', privileged => false)$$, '22023 ', 'in any case');
INSERT INTO faults (statement, expected, name)
    SELECT format('SELECT customer_import.add_operator(%L, %L)', 'x', email), '22023 invalid e-mail address ', 'e-mail ' || name
      FROM (VALUES ('without an @', 'ann'), ('with two', 'ann@b@example.com'), ('without a domain', 'ann@'), ('without a name', '@example.com'),
                   ('with a blank', 'ann lee@example.com'), ('with a line break', E'ann@example.com\nBcc: eve@example.com'), ('with CRLF', E'ann@example.com\r\nBcc: eve@example.com'),
                   ('with a tab', E'ann@example.com\t'), ('in angle brackets', '<ann@example.com>'), ('that ends in one', 'ann@example.com>'), ('of two addresses', 'ann@example.com,eve@example.com'),
                   ('with a letter that is not ASCII', 'änn@example.com'), ('with a domain that is not', 'ann@exämple.com'), ('with two dots', 'ann..lee@example.com'),
                   ('that begins with a dot', '.ann@example.com'), ('with an empty label', 'ann@example..com'), ('with a hyphen at the edge', 'ann@-example.com'),
                   ('of 255 bytes', 'a@' || repeat('b23456789.', 25) || 'com'), ('with a long name', repeat('a', 65) || '@example.com'),
                   ('with a comment', 'ann(x)@example.com'), ('that is blank', ' ')) AS e (name, email);
SELECT matches(pg_temp.attempt(NULL, NULL, statement), '^' || expected, name) FROM faults ORDER BY number;
SELECT is(pg_temp.attempt(NULL, NULL, format('SELECT customer_import.add_operator(%L, %L)', 'x', email), $$SELECT email FROM customer_import.operators WHERE name = 'x'$$), 'ok  => ' || email, 'e-mail ' || name)
  FROM (VALUES ('plain', 'ann@example.com'), ('in any case', 'Ann.Lee@Example.COM'), ('with a plus', 'ann+lee@example.com'), ('with an apostrophe', 'o''brien@example.com'),
               ('of 254 bytes', 'a@' || repeat('b23456789.', 24) || repeat('c', 12))) AS e (name, email);

SELECT is(pg_temp.attempt('regress_op_10', NULL, $$SELECT customer_import.add_operator('x')$$), 'ok ', 'an administrator adds operators');
SELECT is(pg_temp.attempt('regress_op_11', NULL, $$SELECT customer_import.remove_operator('regress_op_10')$$), 'ok ', 'and removes others');
SELECT is(pg_temp.attempt('regress_op_9', NULL, $$SELECT customer_import.add_operator('x')$$), '42501 permission denied for function add_operator', 'another operator does not');
SELECT is(pg_temp.attempt('regress_gw', NULL, $$SELECT customer_import.add_operator('x')$$),
          '42501 permission denied to change operators | Role "regress_gw" has not called customer_import.act_as() in this transaction.', 'nor a gateway by itself');

-- What is stored
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.add_operator('x', 'x@example.com', '{IMPORTEDIT,customerview,CustomerView}', user_name => 'X')$$,
                          $$SELECT concat_ws('|', database_role, email, roles, user_name, active) FROM customer_import.operators WHERE name = 'x'$$),
          'ok  => f|x@example.com|{customerView,importEdit}|X|t', 'codes in the catalog''s spelling, sorted');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.add_operator('x')$$, $$SELECT to_jsonb(o) FROM customer_import.operators AS o WHERE name = 'x'$$),
          'ok  => {"name": "x", "email": null, "roles": [], "active": true, "role_key": "", "user_name": null, "database_role": false}', 'without anything');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN PERFORM customer_import.add_operator('x', 'x@example.com', '{importView}', user_name => 'ann'); PERFORM customer_import.alter_operator('x'); END $do$ $$,
                          $$SELECT concat_ws('|', database_role, email, roles, user_name, active) FROM customer_import.operators WHERE name = 'x'$$), 'ok 0 => f|x@example.com|{importView}|ann|t', 'NULL keeps');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN PERFORM customer_import.add_operator('x', 'x@example.com'); PERFORM customer_import.alter_operator('x', email => ''); END $do$ $$,
                          $$SELECT email IS NULL FROM customer_import.operators WHERE name = 'x'$$), 'ok 0 => true', 'an empty e-mail removes it');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN PERFORM customer_import.add_operator('x', roles => '{importView}'); PERFORM customer_import.alter_operator('x', roles => '{}'); END $do$ $$,
                          $$SELECT roles FROM customer_import.operators WHERE name = 'x'$$), 'ok 0 => {}', 'an empty set of codes takes all');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN PERFORM customer_import.add_operator('x', user_name => 'ann'); PERFORM customer_import.alter_operator('x', user_name => 'Bob'); END $do$ $$,
                          $$SELECT user_name FROM customer_import.operators WHERE name = 'x'$$), 'ok 0 => Bob', 'another user name');
SELECT is(pg_temp.attempt(NULL, NULL, $$DO $do$BEGIN PERFORM customer_import.add_operator('x', user_name => 'ann'); PERFORM customer_import.alter_operator('x', user_name => ''); END $do$ $$,
                          $$SELECT user_name IS NULL FROM customer_import.operators WHERE name = 'x'$$), 'ok 0 => true', 'an empty one removes it');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.remove_operator('regress_op_9')$$, $$SELECT count(*) FROM customer_import.operators WHERE name = 'regress_op_9'$$), 'ok  => 0', 'removed is removed');

--
-- Names
--
CREATE FUNCTION pg_temp.four() RETURNS text[] LANGUAGE sql AS $$SELECT '{customerView,customerEdit,importView,importEdit}'::text[]$$;
CREATE TEMPORARY TABLE names (name text);
INSERT INTO names VALUES ('regress_"q''uote'), ('regress two  words'), ('REGRESS_upper'), ('regress_ä€😀'), ('regress_$1%s\'), ('regress_' || repeat('x', 55));
SELECT format('CREATE ROLE %I', name) FROM names \gexec
SELECT lives_ok(format('SELECT customer_import.add_operator(%L, roles => pg_temp.four())', name), 'operator ' || name) FROM names;
SELECT is(pg_temp.granted(name), pg_temp.granted('regress_op_9'), 'has the grants of any other') FROM names;
SELECT is(pg_temp.attempt(name, NULL, 'SELECT customer_import.current_operator()'), 'ok ' || name, 'is himself') FROM names;
SELECT is(pg_temp.attempt(name, NULL, $$SELECT pg_temp.import(E'userName,addRoles\nann,\ncleo,buyer\n')$$,
                          $$SELECT concat_ws('|', operator, database_role) FROM customer_import.imports ORDER BY id DESC LIMIT 1$$),
          format('ok completed created=1 unchanged=1 => %s|%s', name, name), 'imports') FROM names;
SELECT is(pg_temp.attempt('regress_gw', name, 'SELECT customer_import.current_operator()'), 'ok ' || name, 'and may be acted as') FROM names;
SELECT is(pg_temp.attempt(NULL, NULL, format('SELECT customer_import.remove_operator(%L)', name), format('SELECT pg_temp.granted(%L)', name)), 'ok  => NULL', 'removed, it has no grant') FROM names;

-- Names longer than those of roles, and names that are words to GRANT
SELECT lives_ok($$SELECT customer_import.add_operator('regress_' || repeat('y', 56), roles => '{administrator}')$$, 'a name of 64 bytes');
SELECT is((SELECT database_role FROM customer_import.operators WHERE name LIKE 'regress_yyy%'), false, 'is that of no role');
CREATE ROLE regress_yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy;
SELECT is(pg_temp.granted('regress_' || repeat('y', 55)), NULL, 'not even of one that begins like it');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.add_operator('regress_' || repeat('x', 56), database_role => true)$$), format('42704 role "regress_%s" does not exist', repeat('x', 56)), 'which is none for database_role => true either');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.grant_gateway('regress_' || repeat('x', 56))$$), format('42704 role "regress_%s" does not exist', repeat('x', 56)), 'nor for a gateway');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.add_operator('regress_' || repeat('x', 56), roles => '{administrator}')$$, $$SELECT pg_temp.granted('regress_' || repeat('x', 55))$$),
          'ok  => ' || pg_temp.granted('regress_op_9'), 'so that who is called almost the same gets nothing by it');
SELECT lives_ok($$SELECT customer_import.add_operator(repeat('ü', 160), roles => '{importView}')$$, 'a name of 320 bytes');
SELECT lives_ok(format('SELECT customer_import.add_operator(%L, roles => %L)', name, '{administrator}'), 'operator ' || name) FROM unnest('{public,current_user,session_user,current_role,none,user,PUBLIC,*}'::text[]) AS name;
SELECT is_empty($$SELECT name FROM customer_import.operators WHERE name IN ('public', 'current_user', 'session_user', 'current_role', 'none', 'user', 'PUBLIC', '*') AND database_role$$, 'are those of no role');
SELECT set_eq($$SELECT * FROM grants WHERE role = 'PUBLIC'$$, 'TABLE public_before', 'and PUBLIC was granted nothing');
SELECT lives_ok(format('SELECT customer_import.remove_operator(%L)', name), 'gone is ' || name) FROM unnest('{public,current_user,none}'::text[]) AS name;
SELECT set_eq($$SELECT * FROM grants WHERE role = 'PUBLIC'$$, 'TABLE public_before', 'and nothing was revoked from PUBLIC');

--
-- Which role is an operator
--
CREATE ROLE regress_all;
GRANT ALL ON public.customers TO regress_all;
GRANT ALL ON ALL TABLES IN SCHEMA customer_import TO regress_all;
GRANT ALL ON ALL FUNCTIONS IN SCHEMA customer_import TO regress_all;
CREATE ROLE regress_not_him IN ROLE regress_all;
DO $$
BEGIN
    PERFORM customer_import.add_operator('regress_later', roles => '{administrator}');
    PERFORM customer_import.add_operator('regress_not_him', roles => '{administrator}', database_role => false);
END
$$;
CREATE ROLE regress_later IN ROLE regress_all;
SELECT is(pg_temp.attempt(who, NULL, statement), expected, format('%s: %s', who, statement))
  FROM (VALUES ('SELECT customer_import.current_operator()', 'ok NULL'), ('SELECT customer_import.is_admin()', 'ok false'), ('SELECT count(*) FROM public.customers', 'ok 0'),
               ($$SELECT pg_temp.import('userName,addRoles')$$, '42501 permission denied to import customers | Role "%s" is not an operator.')) AS t (statement, answer)
 CROSS JOIN unnest('{regress_later,regress_not_him}'::text[]) AS who CROSS JOIN LATERAL (SELECT format(answer, who) AS expected) AS e;
SELECT is_empty($$SELECT * FROM grants WHERE role IN ('regress_later', 'regress_not_him')$$, 'neither is granted anything');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.alter_operator('regress_later', roles => '{superuser}')$$, $$SELECT pg_temp.granted('regress_later')$$), 'ok  => NULL', 'also not when the operator is altered');

SELECT * FROM finish();
ROLLBACK;
