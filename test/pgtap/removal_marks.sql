-- What is removed by hand ends the chain of customer_roles(): "granted_by to line are NULL … once a statement that is no import
-- has removed the code, renamed or deleted the customer".
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = warning;
SELECT plan(29);

CREATE ROLE regress_marks_ann;
CREATE ROLE regress_marks_owner;
DO $$
BEGIN
    PERFORM customer_import.create_customers_table();
    PERFORM customer_import.add_role_codes('{buyer,approver,Auditor}');
    PERFORM customer_import.add_operator('regress_marks_ann', roles => '{customerView,customerEdit,importView,importEdit}');
END
$$;
CREATE FUNCTION pg_temp.given(who text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s:%s', code, line), ' ') FROM customer_import.customer_roles(who)
$$;
CREATE FUNCTION pg_temp.marks() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws('-', user_name, COALESCE(array_to_string(codes, ','), 'all'), database_role), ' ' ORDER BY marked_at)
      FROM customer_import._removal_marks
$$;
CREATE FUNCTION pg_temp.load(csv text) RETURNS bigint LANGUAGE sql AS $$
    SELECT import_id FROM customer_import.import_customers(csv, 'Create & Update')
$$;
CREATE FUNCTION pg_temp.clear() RETURNS void LANGUAGE sql AS 'DELETE FROM customer_import._removal_marks';
SELECT current_user AS me \gset

SELECT pg_temp.load(E'userName,addRoles\nann,"approver,buyer"\nbob,"approver,buyer"\ncleo,buyer\ndora,Auditor\n') AS first \gset
SELECT is(pg_temp.given('ann'), 'approver:2 buyer:2', 'an import gave them');
UPDATE public.customers SET roles = '{approver}' WHERE user_name = 'ann';
UPDATE public.customers SET roles = '{approver,buyer}' WHERE user_name = 'ann';
SELECT is(pg_temp.given('ann'), 'approver:2 buyer:', 'what was removed and given again by hand comes from nobody');
DELETE FROM public.customers WHERE user_name = 'bob';
INSERT INTO public.customers (user_name, roles) VALUES ('bob', '{approver,buyer}');
SELECT is(pg_temp.given('bob'), 'approver: buyer:', 'nor has one who was deleted and created again the past of the other one');
UPDATE public.customers SET user_name = 'kleo' WHERE user_name = 'cleo';
SELECT is(pg_temp.given('kleo'), 'buyer:', 'nor one who was renamed');
UPDATE public.customers SET user_name = 'cleo' WHERE user_name = 'kleo';
SELECT is(pg_temp.given('cleo'), 'buyer:', 'and not if it is renamed back');
SELECT is(pg_temp.marks(), format('ann-buyer-%1$s bob-all-%1$s cleo-all-%1$s kleo-all-%1$s', :'me'), 'each is marked, with who has done it');
SELECT pg_temp.clear();

UPDATE public.customers SET roles = '{approver,Auditor}', email = 'x' WHERE user_name = 'dora';
UPDATE public.customers SET email = 'y';
COPY public.customers (user_name, roles) FROM STDIN;
eva	{buyer}
\.
ALTER TABLE public.customers DISABLE TRIGGER "~customer_import_guard";
UPDATE public.customers SET roles = '{approver,auditor}' WHERE user_name = 'dora';
ALTER TABLE public.customers ENABLE TRIGGER "~customer_import_guard";
UPDATE public.customers SET roles = '{approver,Auditor}' WHERE user_name = 'dora';
SELECT is(pg_temp.marks(), NULL, 'what is added, spelled in another way, or no role is not marked');

-- What the extension writes
SELECT pg_temp.load(E'userName,addRoles,removeRoles\nann,,approver\nfred,buyer,\n') AS second \gset
SELECT count(*) FROM customer_import.preview_import(E'userName,roles\nann,_EMPTY_VALUE_\n', 'Update Only');
SELECT import_id AS undo FROM customer_import.undo_import(:second) \gset
SELECT is(pg_temp.marks(), NULL, 'nor what imports remove and undos delete');
SELECT is(pg_temp.given('ann'), 'approver:2 buyer:2', 'an undo brings the role back from where it was');
DELETE FROM public.customers WHERE user_name = 'dora';
SELECT pg_temp.load(E'userName,addRoles\ndora,Auditor\n');
SELECT is(pg_temp.given('dora'), 'Auditor:2', 'whom an import creates again after a deletion by hand has it from that import');
SELECT pg_temp.clear();

-- Statements of all kinds
MERGE INTO public.customers AS c USING (VALUES ('ann'), ('dora')) AS v (name) ON c.user_name = v.name
    WHEN MATCHED AND v.name = 'ann' THEN UPDATE SET roles = '{}'
    WHEN MATCHED THEN DELETE;
INSERT INTO public.customers (user_name) VALUES ('eva') ON CONFLICT (user_name) DO UPDATE SET roles = '{}';
SELECT is(pg_temp.marks(), format('ann-approver,buyer-%1$s dora-all-%1$s eva-buyer-%1$s', :'me'), 'MERGE and ON CONFLICT are marked');
SELECT pg_temp.clear();
SAVEPOINT before;
DELETE FROM public.customers;
ROLLBACK TO before;
SELECT is(pg_temp.marks(), NULL, 'what is rolled back is not');
CREATE TABLE public.groups (name text PRIMARY KEY);
ALTER TABLE public.customers ADD COLUMN in_group text REFERENCES public.groups ON DELETE CASCADE;
INSERT INTO public.groups VALUES ('g');
UPDATE public.customers SET in_group = 'g' WHERE user_name = 'ann';
DELETE FROM public.groups;
SELECT matches(pg_temp.marks(), '^ann-all-', 'ON DELETE CASCADE is');
SELECT pg_temp.clear();
-- A trigger of a user, within the statement of an import
CREATE FUNCTION pg_temp.also() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.customers SET roles = '{}' WHERE user_name = 'eva' AND NEW.user_name = 'cleo';
    RETURN NULL;
END $$;
CREATE TRIGGER also AFTER UPDATE ON public.customers FOR EACH ROW EXECUTE FUNCTION pg_temp.also();
UPDATE public.customers SET roles = '{buyer}' WHERE user_name = 'eva';
SELECT pg_temp.load(E'userName,removeRoles\ncleo,buyer\n');
SELECT is(pg_temp.marks(), format('eva-buyer-%s', :'me'), 'what a trigger removes elsewhere while an import writes is marked, what the import removes is not');
DROP TRIGGER also ON public.customers;
SELECT pg_temp.clear();

-- "TRUNCATE, disabled triggers and replica mode escape"
INSERT INTO public.customers (user_name, roles) VALUES ('gus', '{buyer}'), ('hal', '{buyer}');
ALTER TABLE public.customers DISABLE TRIGGER USER;
DELETE FROM public.customers WHERE user_name = 'gus';
ALTER TABLE public.customers ENABLE TRIGGER USER;
SET LOCAL session_replication_role = replica;
DELETE FROM public.customers WHERE user_name = 'hal';
SET LOCAL session_replication_role = origin;
TRUNCATE public.customers;
SELECT is(pg_temp.marks(), NULL, 'TRUNCATE, disabled triggers and replica mode escape');

-- Operators
INSERT INTO public.customers (user_name, roles) VALUES ('ivy', '{buyer}');
SET LOCAL ROLE regress_marks_ann;
UPDATE public.customers SET roles = '{}' WHERE user_name = 'ivy';
SELECT is(current_user::text, 'regress_marks_ann', 'afterwards she is who she was');
SELECT throws_ok('TABLE customer_import._removal_marks', '42501', 'permission denied for table _removal_marks', 'marks are not for operators');
SELECT throws_ok('DELETE FROM customer_import._removal_marks', '42501', 'permission denied for table _removal_marks', 'nor can they take them away');
SELECT throws_ok($$INSERT INTO customer_import._removal_marks VALUES ('public.customers', 'x')$$, '42501', 'permission denied for table _removal_marks', 'or make some');
RESET ROLE;
SELECT is(pg_temp.marks(), 'ivy-buyer-regress_marks_ann', 'but what they remove is marked');
-- Nothing of theirs runs as the owner of the marks, nor replaces them
SELECT pg_temp.clear();
UPDATE public.customers SET roles = '{buyer}' WHERE user_name = 'ivy';
CREATE SCHEMA regress_marks_trap AUTHORIZATION regress_marks_ann;
SET LOCAL ROLE regress_marks_ann;
CREATE FUNCTION regress_marks_trap.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'caught'; END $$;
CREATE FUNCTION regress_marks_trap.pg_trigger_depth() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'caught'; END $$;
CREATE TEMPORARY TABLE _removal_marks (customers_table oid, user_name text, codes text[], marked_at timestamptz, database_role text);
SET LOCAL search_path = regress_marks_trap, pg_temp, pg_catalog, public;
UPDATE public.customers SET roles = '{}' WHERE user_name = 'ivy';
RESET search_path;
SELECT is_empty('TABLE pg_temp._removal_marks', 'a temporary table is not taken for theirs');
RESET ROLE;
SELECT is(pg_temp.marks(), 'ivy-buyer-regress_marks_ann', 'nor are functions in the search_path of who removes called');
DROP TABLE pg_temp._removal_marks;
GRANT SELECT ON customer_import._removal_marks TO regress_marks_ann;
SET LOCAL ROLE regress_marks_ann;
SELECT is_empty('TABLE customer_import._removal_marks', 'even who may read the table sees none');
RESET ROLE;

-- How long they stay
SELECT customer_import.purge_imports('1 hour');
SELECT isnt(pg_temp.marks(), NULL, 'a mark stays as long as an older import');
SELECT customer_import.purge_imports('0');
SELECT is(pg_temp.marks(), NULL, 'and goes when there is none');

-- An application's own table, in partitions, under another owner
SELECT customer_import.detach_customers_table();
CREATE TABLE public.account (login text COLLATE "C" PRIMARY KEY, codes text[]) PARTITION BY LIST (login);
CREATE TABLE public.account_a PARTITION OF public.account FOR VALUES IN ('ann', 'bob');
CREATE TABLE public.account_b PARTITION OF public.account DEFAULT PARTITION BY LIST (login);
CREATE TABLE public.account_c PARTITION OF public.account_b DEFAULT;
SELECT customer_import.attach_customers_table('public.account', 'login', 'codes');
SELECT pg_temp.load(E'userName,addRoles\nann,buyer\nbob,buyer\nCleo,buyer\n');
UPDATE public.account_a SET codes = '{}' WHERE login = 'ann';
UPDATE public.account SET login = 'Dora' WHERE login = 'bob';
UPDATE public.account_c SET codes = NULL WHERE login = 'Cleo';
UPDATE public.account SET codes = '{buyer}';
SELECT is((SELECT string_agg(concat_ws('-', customers_table, user_name, codes), ' ' ORDER BY marked_at) FROM customer_import._removal_marks WHERE codes IS NOT NULL),
          'account-ann-{buyer} account-Cleo-{buyer}', 'partitions are marked as the table');
SELECT is(pg_temp.given('ann') || ' ' || pg_temp.given('Dora') || ' ' || pg_temp.given('Cleo'), 'buyer: buyer: buyer:', 'and end the chain there, too');


-- What no import can have given is not marked, and the application is refused nothing
SELECT pg_temp.clear();
ALTER TABLE public.account DISABLE TRIGGER USER;
INSERT INTO public.account VALUES (repeat('x', 321), '{buyer}'), (repeat('y', 320), '{buyer}'), (E'a\nb', '{buyer}'), ('lost', ARRAY['no code', 'gone', repeat('z', 64)]);
ALTER TABLE public.account ENABLE TRIGGER USER;
SELECT lives_ok($$DELETE FROM public.account WHERE length(login) > 300 OR login LIKE 'a%'; UPDATE public.account SET codes = '{}' WHERE login = 'lost'$$,
                'whatever stands in the table can be removed');
SELECT is((SELECT string_agg(concat_ws('-', length(user_name), codes), ' ' ORDER BY length(user_name) DESC) FROM customer_import._removal_marks), '320 4-{gone} 3',
          'what no import can have written is not marked');

SELECT finish();
ROLLBACK;
