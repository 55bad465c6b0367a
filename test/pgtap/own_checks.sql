-- The statements of imports leave out the guard and the CHECK on user names, of which they know what they would find; but only
-- where nothing else could change or see what is written. Everybody else's statements meet both, also in the middle of an import.
BEGIN;
\ir attempt.psql
\ir import_on.psql
SET LOCAL client_min_messages = error;
SET LOCAL track_functions = 'all';
SELECT plan(39);

\ir customers_for_ann.psql
INSERT INTO public.customers (user_name, roles) VALUES ('bob', '{approver}'), ('cleo', '{}');

-- What an import did to a changed table, and which of guard and check were called.
CREATE FUNCTION pg_temp.import_on(change text, csv text, mode text DEFAULT 'Create & Update', look text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' => ', concat_ws(' ', created, updated, rejected, '|', guard, name_check), seen) FROM pg_temp.try_import(change, csv, mode, look)
$$;
\set file 'userName,addRoles\nbob,buyer\nzoe,buyer\n'
\set new 'userName,addRoles\nzoe,buyer\n'
\set rows 'SELECT string_agg(user_name || roles::text, '' '' ORDER BY user_name) FROM public.customers'

-- Left out
SELECT is(pg_temp.import_on('SELECT 1', :'file', look => :'rows'), '1 1 0 | => bob{approver,buyer} cleo{} zoe{buyer}', 'a table as the extension makes it');
SELECT is(pg_temp.import_on('SELECT 1', :'new', 'Create Only'), '1 0 0 |', 'Create Only');
SELECT is(pg_temp.import_on('SELECT 1', :'file', 'Update Only'), '0 1 0 |', 'Update Only');
SELECT is(pg_temp.import_on('SELECT 1', E'userName,addRoles\nbob,buyer\nbob,approver\nbob,buyer\n'), '0 1 0 |', 'a customer several times');
SELECT is(pg_temp.import_on('ALTER TABLE public.customers ADD UNIQUE (phone)', :'file'), '1 1 0 |', 'a second key');
SELECT is(pg_temp.import_on('CREATE TABLE public.orders (customer text REFERENCES public.customers)', :'file'), '1 1 0 |', 'foreign keys to it');
SELECT is(pg_temp.import_on('CREATE POLICY more ON public.customers AS RESTRICTIVE USING (true)', :'file'), '1 1 0 |', 'a policy of the DBA');
SELECT is(pg_temp.import_on('UPDATE public.customers SET phone = ''1''; ALTER TABLE public.customers ALTER phone SET NOT NULL', :'file'), '0 1 1 |', 'NOT NULL stays in force');
SELECT is(pg_temp.import_on('CREATE POLICY more ON public.customers AS RESTRICTIVE FOR UPDATE USING (true) WITH CHECK (NOT roles && ''{buyer}'')', :'file'),
          '1 0 1 |', 'WITH CHECK stays in force');
SELECT is(pg_temp.import_on('SELECT 1', E'userName,addRoles\nbob,administrator\nregress_ann,buyer\nzoe,administrator\n'), '0 0 3 |', 'the grant ceiling');

-- Not left out: another trigger, of any kind
\set trigger 'FOR EACH ROW EXECUTE FUNCTION pg_temp.pass()'
CREATE FUNCTION pg_temp.pass() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_WHEN = 'BEFORE' AND TG_OP <> 'DELETE' AND TG_LEVEL = 'ROW' THEN
        NEW.roles := NEW.roles || '{buyer,buyer}'::text[];
    END IF;
    RETURN NEW;
END
$$;
SELECT is(pg_temp.import_on('CREATE TRIGGER a BEFORE INSERT OR UPDATE ON public.customers ' || :'trigger', E'userName,addRoles\nbob,buyer\nzoe,approver\n', look => :'rows'),
          '1 1 0 | guard check => bob{approver,buyer} cleo{} zoe{approver,buyer}', 'a BEFORE trigger: what it makes is judged');
SELECT is(pg_temp.import_on('CREATE TRIGGER a AFTER INSERT ON public.customers ' || :'trigger', :'file'), '1 1 0 | guard check', 'an AFTER trigger');
SELECT is(pg_temp.import_on('CREATE TRIGGER a AFTER INSERT OR UPDATE ON public.customers EXECUTE FUNCTION pg_temp.pass()', :'file'), '1 1 0 | guard check', 'a trigger of the statement');
SELECT is(pg_temp.import_on('CREATE CONSTRAINT TRIGGER a AFTER UPDATE ON public.customers DEFERRABLE INITIALLY DEFERRED ' || :'trigger', :'file'), '1 1 0 | guard check', 'a constraint trigger');

-- Another CHECK, or one that is not ours
SELECT is(pg_temp.import_on('ALTER TABLE public.customers ADD CHECK (cardinality(roles) < 2)', :'file', look => :'rows'),
          '1 0 1 | guard check => bob{approver} cleo{} zoe{buyer}', 'a CHECK on the roles');
SELECT is(pg_temp.import_on('ALTER TABLE public.customers ADD CHECK (customer_import.is_user_name(phone))', E'userName,addRoles,phone\nbob,buyer,A\nzoe,buyer,a\n'),
          '1 0 1 | guard check', 'our function on another column, too');
SELECT is(pg_temp.import_on('ALTER TABLE public.customers DROP CONSTRAINT customer_import_user_name; ALTER TABLE public.customers ADD CONSTRAINT customer_import_user_name CHECK (customer_import.is_user_name(phone))',
                            E'userName,addRoles,phone\nbob,buyer,A\nzoe,buyer,a\n'), '1 0 1 | guard check', 'our function on another column alone, by our name');
SELECT is(pg_temp.import_on('ALTER TABLE public.customers DROP CONSTRAINT customer_import_user_name; ALTER TABLE public.customers ADD CONSTRAINT customer_import_user_name CHECK (user_name < ''z'')', :'file'),
          '0 1 1 | guard', 'another CHECK by our name');
SELECT is(pg_temp.import_on('ALTER TABLE public.customers DROP CONSTRAINT customer_import_user_name; ALTER TABLE public.customers ADD CONSTRAINT customer_import_user_name CHECK (customer_import.is_user_name(user_name || ''A'')) NOT VALID', :'file'),
          '0 0 2 | guard check', 'our function on more than the column');
CREATE FUNCTION public.is_user_name(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 < ''z''';
SELECT is(pg_temp.import_on('ALTER TABLE public.customers DROP CONSTRAINT customer_import_user_name; ALTER TABLE public.customers ADD CONSTRAINT customer_import_user_name CHECK (public.is_user_name(user_name))', :'file'),
          '0 1 1 | guard', 'a function of our name in another schema');
SELECT is(pg_temp.import_on('ALTER TABLE public.customers DROP CONSTRAINT customer_import_user_name', :'file'), '1 1 0 |', 'no CHECK');

-- A guard of other columns is another trigger
SELECT is(pg_temp.import_on($$CREATE TRIGGER "~b" BEFORE INSERT OR UPDATE ON public.customers FOR EACH ROW EXECUTE FUNCTION customer_import._guard_customers('roles', 'email')$$, :'file'),
          '1 1 0 | guard check', 'a second guard');

-- The rules of a column of a type of one''s own hold
CREATE DOMAIN public.few AS text[] CHECK (cardinality(VALUE) < 2);
SELECT is(pg_temp.import_on('ALTER TABLE public.customers ALTER roles DROP DEFAULT, ALTER roles TYPE public.few, ALTER roles SET DEFAULT ''{}''', :'file', look => :'rows'),
          '1 0 1 | => bob{approver} cleo{} zoe{buyer}', 'a domain');
SELECT matches(pg_temp.import_on('ALTER TABLE public.customers ADD twice text GENERATED ALWAYS AS (user_name || user_name) STORED', :'file'), '^1 1 0 \| guard check', 'a generated column');

-- Statements of others in the middle of an import: those of a policy's function
CREATE FUNCTION public.write(statement text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN true;
EXCEPTION WHEN OTHERS THEN
    INSERT INTO public.seen VALUES (SQLSTATE);
    RETURN true;
END
$$;
CREATE TABLE public.seen (state text);
GRANT ALL ON public.seen TO PUBLIC;
-- Imports while a policy runs the statement by hand; returns how it ended.
CREATE FUNCTION pg_temp.in_between(statement text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.import_on(format('CREATE POLICY more ON public.customers AS RESTRICTIVE FOR INSERT WITH CHECK (public.write(%L))', statement), E'userName,addRoles\nzoe,buyer\n',
        'Create Only', 'SELECT concat_ws('' '', (SELECT min(state) FROM public.seen), (SELECT roles FROM public.customers WHERE user_name = ''cleo''))')
$$;
SELECT is(pg_temp.in_between($$UPDATE public.customers SET roles = '{buyer,approver,buyer}' WHERE user_name = 'cleo'$$), '1 0 0 | guard check => {approver,buyer}', 'a row by hand becomes a role set');
SELECT is(pg_temp.in_between($$UPDATE public.customers SET roles = '{nothing}' WHERE user_name = 'cleo'$$), '1 0 0 | => 23514 {}', 'an unknown code by hand');
SELECT is(pg_temp.in_between($$UPDATE public.customers SET roles = '{administrator}' WHERE user_name = 'cleo'$$), '1 0 0 | => 42501 {}', 'a privileged code by hand');
SELECT is(pg_temp.in_between($$UPDATE public.customers SET user_name = 'CLEO' WHERE user_name = 'cleo'$$), '1 0 0 | guard check => 23514 {}', 'a name by hand that is not folded');
SELECT matches(pg_temp.in_between($$ALTER TABLE public.customers DISABLE TRIGGER ALL$$), '^1 0 0 \| => 42501', 'DDL of an operator');

-- Whether statements that follow in the session meet the guard again
SELECT is(pg_temp.attempt('regress_ann', NULL, $$DO $do$ BEGIN PERFORM customer_import.import_customers(E'userName,addRoles\nzoe,buyer\n', 'Create Only'); UPDATE public.customers SET roles = '{administrator}' WHERE user_name = 'zoe'; END $do$ $$),
          '42501 only administrators may give role code "administrator" [customer_import_grant_ceiling]', 'an UPDATE after the import');
SELECT is(pg_temp.attempt('regress_ann', NULL, $$DO $do$ BEGIN PERFORM customer_import.import_customers(E'userName,addRoles\nzoe,buyer\n', 'Create Only'); INSERT INTO public.customers (user_name) VALUES ('ZOE'); END $do$ $$, 'SELECT 1'),
          '23514 new row for relation "customers" violates check constraint "customer_import_user_name" [customer_import_user_name] => 1', 'an INSERT after the import');

-- An import within an import, and one that has failed in the middle
CREATE FUNCTION public.again() RETURNS boolean LANGUAGE sql AS $$SELECT created + unchanged = 1 FROM customer_import.import_customers(E'userName,addRoles\nyes,buyer\n', 'Create & Update')$$;
SELECT is(pg_temp.import_on('CREATE POLICY more ON public.customers AS RESTRICTIVE FOR UPDATE USING (user_name <> ''bob'' OR public.again())', E'userName,addRoles\nbob,buyer\n', look => :'rows'),
          '0 1 0 | => bob{approver,buyer} cleo{} yes{buyer}', 'an import within an import');
SELECT is(pg_temp.import_on('CREATE POLICY more ON public.customers AS RESTRICTIVE FOR UPDATE USING (1 / (length(user_name) - 3) IS NOT NULL)', E'userName,addRoles\nbob,buyer\ncleo,buyer\nzoe,buyer\n', look => :'rows'),
          '1 1 1 | => bob{approver} cleo{buyer} zoe{buyer}', 'a record that fails is taken back alone');

-- On a table of an application, by whoever imports
CREATE TABLE public.people (login text PRIMARY KEY, groups text[]);
INSERT INTO public.people VALUES ('bob', '{approver}');
CREATE FUNCTION pg_temp.attach(more text) RETURNS text LANGUAGE sql AS $$
    SELECT $do$DO $body$ BEGIN PERFORM customer_import.detach_customers_table(); $do$ || more || $do$ PERFORM customer_import.attach_customers_table('public.people', 'login', 'groups'); END $body$ $do$
$$;
SELECT is(pg_temp.import_on(pg_temp.attach(''), :'file', look => 'SELECT string_agg(login || groups::text, '' '' ORDER BY login) FROM public.people'),
          '1 1 0 | => bob{approver,buyer} zoe{buyer}', 'an attached table');
SELECT is(pg_temp.import_on(pg_temp.attach('ALTER TABLE public.people ADD CHECK (login <> ''zoe'');'), :'file'), '0 1 1 | guard', 'with a CHECK of its own');
SELECT is(pg_temp.import_on(pg_temp.attach('DROP TABLE public.people; CREATE TABLE public.people (login text PRIMARY KEY, groups text[]) PARTITION BY LIST (login); CREATE TABLE public.some PARTITION OF public.people DEFAULT;'), :'new'),
          '1 0 0 |', 'with partitions');
SELECT is((SELECT count(*) FROM public.customers), 2::bigint, 'all of this was undone');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'public.customers'::regclass AND tgenabled <> 'D'), 1::bigint, 'the guard is as it was');
SELECT is(pg_temp.attempt('regress_ann', NULL, $$UPDATE public.customers SET roles = '{nothing}'$$, 'SELECT 1'), '23514 role code "nothing" is not in the catalog => 1', 'and fires');
SELECT * FROM finish();
ROLLBACK;
