-- What must not go wrong with an application's own table: another table under an import's history, values and names that a
-- file cannot say, tables that change their kind, triggers that rename customers, roles that inherit an operator's grants.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = warning;
SELECT plan(43);

CREATE FUNCTION pg_temp.imported(csv text, mode text DEFAULT 'Create & Update', OUT id bigint, OUT counts text) LANGUAGE sql AS $$
    SELECT import_id, format('%s: %s created, %s updated, %s unchanged, %s rejected', state, created, updated, unchanged, rejected)
      FROM customer_import.import_customers(csv, mode)
$$;
SELECT customer_import.add_role_codes('{buyer,approver}');

--
-- Where it may be
--
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT customer_import.create_customers_table('customer_import.customers')$$),
          '22023 the customers table cannot be in the schema of the extension | DROP EXTENSION drops that schema.', 'not in the schema of the extension');
CREATE TABLE public.moved (u text PRIMARY KEY, r text[]);
SELECT customer_import.attach_customers_table('public.moved', 'u', 'r');
ALTER TABLE public.moved SET SCHEMA customer_import;
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT pg_temp.imported(E'userName,addRoles\na,buyer\n')$$),
          '55000 the customers table has changed since it was created or attached | It is a table of the server or of this extension.', 'nor may it move there');
ALTER TABLE customer_import.moved SET SCHEMA public;
CREATE TABLE public.heir () INHERITS (public.moved);
SELECT alike(pg_temp.attempt(NULL, NULL, $$SELECT pg_temp.imported(E'userName,addRoles\na,buyer\n')$$),
             '55000 the customers table has changed since it was created or attached | Other tables inherit from it:%', 'nor may others inherit from it');
DROP TABLE public.heir;

--
-- Another table later
--
INSERT INTO public.moved VALUES ('ann', '{}');
SELECT id AS import FROM pg_temp.imported(E'userName,addRoles\nann,buyer\nbea,buyer\nzoe,absent\n') \gset
SELECT is((SELECT customers_table FROM customer_import.imports WHERE id = :import), 'public.moved'::regclass, 'an import knows its table');
SELECT id AS queued FROM (SELECT import_id AS id FROM customer_import.import_customers(E'userName,addRoles\nann,approver\n', 'Update Only', background => true)) AS i \gset
SELECT customer_import.detach_customers_table();
CREATE TABLE public.other (u text PRIMARY KEY, r text[]);
INSERT INTO public.other VALUES ('ann', '{buyer}'), ('bea', '{buyer}');
SELECT customer_import.attach_customers_table('public.other', 'u', 'r');
SELECT is(pg_temp.attempt(NULL, NULL, format('SELECT customer_import.%s', call)),
          format('55000 import %s went into another customers table than today''s', :import), call || ': not into another table')
  FROM unnest(ARRAY[format('undo_import(%s)', :import), format('retry_rejects(%s)', :import)]) AS call;
SELECT set_eq('TABLE public.other', $$VALUES ('ann', '{buyer}'::text[]), ('bea', '{buyer}')$$, 'which stays as it is');
SELECT is((SELECT array_agg(import_id) FROM customer_import.customer_roles('ann')), '{NULL}'::bigint[], 'nor does its history tell where roles came from');
SELECT customer_import.detach_customers_table();
SELECT customer_import.attach_customers_table('public.moved', 'u', 'r');
SELECT is((SELECT array_agg(import_id) FROM customer_import.customer_roles('ann')), ARRAY[:import::bigint], 'attached again, it does');
SELECT is((SELECT format('%s %s', updated, deleted) FROM customer_import.undo_import(:import)), '1 1', 'and the import can be undone');
SELECT set_eq('TABLE public.moved', $$VALUES ('ann', '{}'::text[])$$, 'there');
SELECT customer_import.detach_customers_table();

--
-- Values that the type calls equal, and texts that it does not take
--
CREATE TABLE public.typed (u text PRIMARY KEY, r text[], n numeric, t interval, o regclass, m text);
INSERT INTO public.typed VALUES ('ann', '{}', 1.0, '1 day', NULL, 'x');
SELECT customer_import.attach_customers_table('public.typed', 'u', 'r', '{"n": "n", "t": "t", "o": "o", "m": "m"}');
SELECT is((SELECT counts FROM pg_temp.imported(E'userName,n,t\nann,1.00,24:00:00\n')), 'completed: 0 created, 0 updated, 1 unchanged, 0 rejected', 'equal values are no change');
SELECT id AS import FROM pg_temp.imported(E'userName,n,t,m\nann,1.00,24:00:00,y\n') \gset
SELECT is((SELECT format('%s %s %s', n, t, m) FROM public.typed), '1.0 1 day y', 'nor are they written with another change');
SELECT is((SELECT after FROM customer_import.import_changes WHERE import_id = :import), '{"m": "y"}', 'which is all that is logged');
SELECT is((SELECT counts FROM pg_temp.imported(E'userName,n,t\nann,2,25:00:00\n')), 'completed: 0 created, 1 updated, 0 unchanged, 0 rejected', 'other values are');
SELECT is((SELECT format('%s %s', n, t) FROM public.typed), '2 25:00:00', 'written');
SELECT id AS import, counts FROM pg_temp.imported(E'userName,o,m\nann,nothing.there,\nbea,pg_class,\n') \gset
SELECT is(:'counts'::text, 'completed: 1 created, 0 updated, 0 unchanged, 1 rejected', 'a text that the type does not take rejects its record, whatever error it raises');
SELECT is((SELECT format('%s %s %s %s', line, code, column_name, value) FROM customer_import.import_issues WHERE import_id = :import), '2 invalid_value o nothing.there', 'as the value of that column');
SELECT customer_import.detach_customers_table();

--
-- Names and codes that a file cannot say
--
CREATE TABLE public.odd (u text PRIMARY KEY, r text[]);
INSERT INTO public.odd VALUES ('ann', '{}'), (' ann', '{approver}'), (E'\tnew ', '{buyer}');
SELECT customer_import.attach_customers_table('public.odd', 'u', 'r');
INSERT INTO public.odd VALUES ('w', '{"buyer;approver"}'), ('x', '{" buyer"}'), ('y', E'{"buyer\napprover"}'), ('z', '{"",buyer}'), ('bea', '{buyer}');
CREATE TEMPORARY TABLE before AS TABLE public.odd;
CREATE TEMPORARY TABLE exported AS
    SELECT E'userName,roles\n' || string_agg(format('"%s","%s"', "userName", roles), E'\n') AS csv FROM customer_import.customer_export;
SELECT is((SELECT count(*) FROM customer_import.customer_export WHERE "userName" IS NULL), 2::bigint, 'a name with blanks at an end is left out');
SELECT id AS import, counts FROM exported, pg_temp.imported(csv) \gset
SELECT is(:'counts'::text, 'completed: 0 created, 0 updated, 3 unchanged, 5 rejected', 'what cannot be said is rejected');
SELECT set_eq('TABLE public.odd', 'TABLE before', 'and nobody is changed');
SELECT is((SELECT string_agg(DISTINCT code, ' ' ORDER BY code) FROM customer_import.import_issues WHERE import_id = :import), 'missing_user_name unknown_role', 'with the reason');
SELECT customer_import.detach_customers_table();

--
-- A trigger that renames
--
CREATE FUNCTION pg_temp.fold() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.u := lower(NEW.u); RETURN NEW; END$$;
CREATE TABLE public.folded (u text PRIMARY KEY, r text[], m text);
INSERT INTO public.folded VALUES ('ann'), ('BOB');
CREATE TRIGGER fold BEFORE INSERT OR UPDATE ON public.folded FOR EACH ROW EXECUTE FUNCTION pg_temp.fold();
SELECT customer_import.attach_customers_table('public.folded', 'u', 'r', '{"m": "m"}');
SELECT id AS import, counts FROM pg_temp.imported(E'userName,m\nAnn,1\nQ,1\nz,1\nann,2\nBOB,3\n') \gset
SELECT is(:'counts'::text, 'completed: 1 created, 1 updated, 0 unchanged, 3 rejected', 'renamed customers are rejected');
SELECT set_eq('SELECT u, m FROM public.folded', $$VALUES ('ann', '2'), ('BOB', NULL), ('z', '1')$$, 'and nothing of their records stays');
SELECT is((SELECT string_agg(format('%s %s %s', line, code, message), ', ' ORDER BY line) FROM customer_import.import_issues WHERE import_id = :import AND line > 2),
          '3 database_error a trigger of the customers table has changed the user name, 6 database_error a trigger of the customers table has changed the user name', 'with the reason');
SELECT is((SELECT format('%s %s %s', updated, deleted, skipped + rejected) FROM customer_import.undo_import(:import)), '1 1 0', 'an undo takes back the others');
SELECT set_eq('SELECT u, m FROM public.folded', $$VALUES ('ann', NULL), ('BOB', NULL)$$, 'all of them');
SELECT is((SELECT counts FROM pg_temp.imported(E'userName,m\nNEW,1\n', mode)), 'completed: 0 created, 0 updated, 0 unchanged, 1 rejected', mode || ': alone, too')
  FROM unnest(ARRAY['Create Only', 'Create & Update']) AS mode;
SELECT customer_import.detach_customers_table();

--
-- A trigger that lets some rows of a batch not be written
--
CREATE TABLE public.kept (u text PRIMARY KEY, r text[]);
CREATE FUNCTION public.keep_out() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN IF NEW.u LIKE 'x%' THEN RETURN NULL; END IF; RETURN NEW; END$$;
CREATE TRIGGER keep_out BEFORE INSERT ON public.kept FOR EACH ROW EXECUTE FUNCTION public.keep_out();
SELECT customer_import.attach_customers_table('public.kept', 'u', 'r', own_row_triggers => true);
SELECT is((SELECT counts FROM pg_temp.imported(E'userName,addRoles\na,buyer\nx1,buyer\nb,buyer\nx2,buyer\n')),
          'completed: 2 created, 0 updated, 0 unchanged, 2 rejected', 'rejects those records alone');
SELECT customer_import.detach_customers_table();

--
-- Which roles may write without policies
--
CREATE TABLE public.plain (u text PRIMARY KEY, r text[], m text);
SELECT customer_import.attach_customers_table('public.plain', 'u', 'r');
INSERT INTO public.plain VALUES ('a', '{buyer}'), ('b', '{buyer}');
CREATE ROLE regress_other_pool;
CREATE ROLE regress_other_team;
CREATE ROLE regress_other_member IN ROLE regress_other_team;
CREATE ROLE regress_other_app;
CREATE ROLE regress_other_both IN ROLE regress_other_team, regress_other_app;
GRANT SELECT, UPDATE ON public.plain TO regress_other_app;
SELECT customer_import.grant_gateway('regress_other_pool');
SELECT customer_import.add_operator('regress_other_team', roles => '{customerView,customerEdit}');
SELECT customer_import.add_operator('viewer', roles => '{customerView}', database_role => false);
SELECT customer_import.add_operator('editor', roles => '{customerView,customerEdit}', database_role => false);
SELECT matches(pg_temp.attempt('regress_other_pool', 'viewer', statement), '^42501 permission denied to change customers', 'who acts without customerEdit: ' || statement)
  FROM unnest(ARRAY[$$UPDATE public.plain SET m = 'x'$$, $$DELETE FROM public.plain$$, $$INSERT INTO public.plain VALUES ('c')$$]) AS statement;
SELECT is(pg_temp.attempt('regress_other_pool', 'editor', $$UPDATE public.plain SET m = 'x' WHERE u = 'a'$$), 'ok 1', 'who acts with it may');
SELECT is(pg_temp.attempt(who, NULL, $$UPDATE public.plain SET r = '{superuser}' WHERE u = 'a'$$), expected, name)
  FROM (VALUES ('regress_other_member', '42501 only administrators may give role code "superuser" [customer_import_grant_ceiling]', 'who inherits from an operator is held to the ceiling'),
               ('regress_other_both', '42501 only administrators may give role code "superuser" [customer_import_grant_ceiling]', 'also beside grants of the application'),
               ('regress_other_app', 'ok 1', 'the application''s own role is not')) AS t (who, expected, name);
ALTER TABLE public.plain OWNER TO regress_other_app;
SELECT is(pg_temp.attempt('regress_other_both', NULL, $$UPDATE public.plain SET r = '{superuser}' WHERE u = 'b'$$), 'ok 1', 'nor is the owner''s');


--
-- Detached and attached under another header: an undo finds the column
--
SELECT customer_import.detach_customers_table();
CREATE TABLE public.again (u text PRIMARY KEY, r text[], m text, n text);
INSERT INTO public.again VALUES ('a', '{}', 'before', 'other');
SELECT customer_import.attach_customers_table('public.again', 'u', 'r', '{"memo": "m"}');
SELECT import_id AS import FROM customer_import.import_customers(E'userName,memo\na,after\nz,new\n', 'Create & Update') \gset
SELECT customer_import.detach_customers_table();
SELECT customer_import.attach_customers_table('public.again', 'u', 'r', '{"remark": "m", "memo": "n"}');
SELECT import_id AS undo, format('%s %s %s', updated, deleted, skipped) AS counts FROM customer_import.undo_import(:import) \gset
SELECT is(:'counts'::text, '1 1 0', 'a field that has another header is taken back, and so is a customer');
SELECT results_eq('SELECT u, m, n FROM public.again', $$VALUES ('a', 'before', 'other')$$, 'in the column that the import wrote, not in the one that has its header now');
SELECT import_id AS redo, format('%s %s %s', updated, created, skipped) AS counts FROM customer_import.undo_import(:undo) \gset
SELECT is(:'counts'::text, '1 1 0', 'it comes back');
SELECT results_eq('SELECT u, m, n FROM public.again ORDER BY u', $$VALUES ('a', 'after', 'other'), ('z', 'new', NULL)$$, 'there, too');
SELECT customer_import.detach_customers_table();
SELECT customer_import.attach_customers_table('public.again', 'u', 'r', '{"memo": "n"}');
SELECT is((SELECT format('%s %s %s', updated, deleted, skipped) FROM customer_import.undo_import(:redo)), '0 1 1', 'a column that is not mapped any more is left alone');

SELECT finish();
ROLLBACK;
