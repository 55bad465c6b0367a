-- What is stored is what the guard has judged: triggers that fire after it, on the table and on partitions, and tables whose rows
-- are in another server, where no guard knows operators.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = error;
SELECT plan(28);

CREATE ROLE regress_shop;
CREATE ROLE regress_ann;
CREATE SCHEMA shop AUTHORIZATION regress_shop;
GRANT USAGE ON SCHEMA shop TO regress_ann;
DO $$
BEGIN
    PERFORM customer_import.create_customers_table('public.customers');
    PERFORM customer_import.add_role_codes('{buyer}');
    PERFORM customer_import.add_operator('regress_ann', roles => '{customerView,customerEdit,importView,importEdit}');
END
$$;
INSERT INTO public.customers (user_name) VALUES ('bob');
CREATE FUNCTION public.lift() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'DELETE' THEN
        NEW.roles := '{buyer,administrator,buyer}';
        RETURN NEW;
    END IF;
    RETURN OLD;
END
$$;
-- Makes a trigger, runs a statement as a given role, and undoes both.
CREATE FUNCTION pg_temp.behind(who text, trigger text, statement text, look text DEFAULT 'SELECT roles FROM public.customers ORDER BY 1 LIMIT 1') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    outcome text;
BEGIN
    BEGIN
        EXECUTE trigger;
        outcome := pg_temp.attempt(who, NULL, statement, look);
        RAISE EXCEPTION USING ERRCODE = 'UNDO2';
    EXCEPTION WHEN SQLSTATE 'UNDO2' THEN
        RETURN outcome;
    END;
END
$$;
\set lift 'FOR EACH ROW EXECUTE FUNCTION public.lift()'
\set phone 'UPDATE public.customers SET phone = ''1'''

-- By hand: by any role, whatever the columns
SELECT is(pg_temp.behind('regress_ann', 'CREATE TRIGGER "ä" BEFORE UPDATE ON public.customers ' || :'lift', :'phone'),
          '55000 trigger "ä" of table public.customers fires after the guard trigger | What it makes of a row would be stored without having been checked. => {}',
          'a trigger behind the guard, of a name above ASCII');
SELECT is(pg_temp.behind('regress_ann', 'CREATE TRIGGER "~~" BEFORE INSERT ON public.customers ' || :'lift', $$INSERT INTO public.customers (user_name) VALUES ('cleo')$$, 'SELECT count(*) FROM public.customers'),
          '55000 trigger "~~" of table public.customers fires after the guard trigger | What it makes of a row would be stored without having been checked. => 1', 'one that fires before an INSERT');
SELECT is(pg_temp.behind(NULL, 'CREATE TRIGGER "~~" BEFORE UPDATE ON public.customers ' || :'lift', :'phone'),
          '55000 trigger "~~" of table public.customers fires after the guard trigger | What it makes of a row would be stored without having been checked. => {}', 'a superuser is judged on a created table');
SELECT matches(pg_temp.behind('regress_ann', 'CREATE TRIGGER "~~" BEFORE UPDATE ON public.customers FOR EACH ROW WHEN (NEW.phone = ''2'') EXECUTE FUNCTION public.lift()', :'phone'),
               '^55000 trigger "~~"', 'its WHEN condition is not asked');
SELECT matches(pg_temp.behind('regress_ann', 'CREATE TRIGGER "~~" BEFORE UPDATE OF phone ON public.customers ' || :'lift', :'phone'), '^55000 trigger "~~"', 'UPDATE OF, and the column is written');
SELECT is(pg_temp.behind('regress_ann', 'CREATE TRIGGER "~~" BEFORE UPDATE OF email ON public.customers ' || :'lift', :'phone'), 'ok 1 => {}', 'UPDATE OF, and it is not');
SELECT is(pg_temp.behind('regress_ann', 'CREATE TRIGGER "~~" BEFORE INSERT OR DELETE ON public.customers ' || :'lift', :'phone'), 'ok 1 => {}', 'another event');
SELECT is(pg_temp.behind('regress_ann', 'CREATE TRIGGER "~~" BEFORE DELETE ON public.customers ' || :'lift', 'DELETE FROM public.customers', 'SELECT count(*) FROM public.customers'),
          'ok 1 => 0', 'before a DELETE nothing can be changed');
SELECT is(pg_temp.behind('regress_ann', 'CREATE TRIGGER "~~" AFTER UPDATE ON public.customers ' || :'lift', :'phone'), 'ok 1 => {}', 'an AFTER trigger');
SELECT is(pg_temp.behind('regress_ann', 'CREATE TRIGGER "~~" BEFORE UPDATE ON public.customers ' || :'lift' || '; ALTER TABLE public.customers DISABLE TRIGGER "~~"', :'phone'), 'ok 1 => {}', 'one that is disabled');
SELECT is(pg_temp.behind('regress_ann', 'CREATE TRIGGER "~~" BEFORE UPDATE ON public.customers ' || :'lift' || '; ALTER TABLE public.customers ENABLE REPLICA TRIGGER "~~"', :'phone'), 'ok 1 => {}', 'one for replication');
SELECT is(pg_temp.behind('regress_ann', 'CREATE TRIGGER aa BEFORE UPDATE ON public.customers ' || :'lift', :'phone'),
          '42501 only administrators may give role code "administrator" [customer_import_grant_ceiling] => {}', 'one before the guard is judged');
SELECT matches(pg_temp.behind('regress_ann', 'CREATE TRIGGER bb BEFORE UPDATE ON public.customers ' || :'lift' || '; ALTER TRIGGER "~customer_import_guard" ON public.customers RENAME TO aa', :'phone'),
               '^55000 trigger "bb"', 'also if the guard has got another name');
SELECT is(pg_temp.behind('regress_ann', 'CREATE TRIGGER "~~" BEFORE UPDATE ON public.customers FOR EACH ROW EXECUTE FUNCTION customer_import._guard_customers(''roles'', ''user_name'')', :'phone'),
          'ok 1 => {}', 'a second guard behind the first does no harm');

-- Imports of all kinds are refused before anything is written
SELECT is(pg_temp.behind(who, 'CREATE TRIGGER "~~" BEFORE INSERT ON public.customers ' || :'lift', statement),
          '55000 cannot import into the customers table | Trigger "~~" fires after the guard trigger: what it makes of a row would be stored unchecked. => {}',
          format('as %s: %s', COALESCE(who, 'a superuser'), statement))
  FROM (VALUES ('regress_ann', $$SELECT customer_import.import_customers(E'userName,phone\nbob,1', 'Update Only')$$),
               ('regress_ann', $$SELECT customer_import.import_customers(E'userName,phone\nbob,1', 'Update Only', background => true)$$),
               (NULL, $$SELECT customer_import.preview_import(E'userName,phone\nbob,1', 'Update Only')$$)) AS v (who, statement);

-- A table that Citus distributes, as its register says
SET LOCAL allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass, partmethod "char", partkey text);
CREATE FUNCTION pg_catalog.column_to_column_name(regclass, text) RETURNS text LANGUAGE sql AS 'SELECT $2';
RESET allow_system_table_mods;
SELECT is(pg_temp.attempt('regress_ann', NULL, $$SELECT pg_temp.import(E'userName,phone\nbob,1')$$), 'ok completed updated=1', 'Citus alone is no obstacle');
INSERT INTO pg_catalog.pg_dist_partition VALUES ('public.customers', 'h');
SELECT is(pg_temp.attempt('regress_ann', NULL, $$SELECT pg_temp.import(E'userName,phone\nbob,1')$$),
          '55000 cannot import into the customers table | It is distributed by Citus: its rows are in shards, where the guard trigger knows no operator.', 'a distributed table is refused');
DELETE FROM pg_catalog.pg_dist_partition;
CREATE FOREIGN DATA WRAPPER regress_nothing;
CREATE SERVER regress_elsewhere FOREIGN DATA WRAPPER regress_nothing;
CREATE FOREIGN TABLE public.far () INHERITS (public.customers) SERVER regress_elsewhere;
SELECT is(pg_temp.attempt('regress_ann', NULL, $$SELECT pg_temp.import(E'userName,phone\nbob,1')$$),
          '55000 cannot import into the customers table | Its part "far" is a foreign table: the rows there are not in this server.', 'rows that are in another server');
DROP FOREIGN TABLE public.far;

SELECT customer_import.detach_customers_table();
SET LOCAL ROLE regress_shop;
CREATE TABLE shop.users (login text COLLATE "C" PRIMARY KEY, roles text[], note text) PARTITION BY LIST (login);
CREATE TABLE shop.users_bob PARTITION OF shop.users FOR VALUES IN ('bob');
CREATE TABLE shop.users_rest PARTITION OF shop.users DEFAULT;
INSERT INTO shop.users VALUES ('ann', '{}'), ('bob', '{}');
RESET ROLE;
\set attach 'SELECT customer_import.attach_customers_table(''shop.users'', ''login'', ''roles'', ''{"note": "note"}'')'
SELECT is(pg_temp.behind(NULL, 'CREATE TRIGGER "~~" BEFORE UPDATE ON shop.users_bob ' || :'lift', :'attach'),
          '55000 cannot attach table shop.users | Trigger "~~" fires after the guard trigger: what it makes of a row would be stored unchecked. => {}', 'attach refuses it, on a partition too');
SELECT is(pg_temp.behind(NULL, 'INSERT INTO pg_catalog.pg_dist_partition VALUES (''shop.users'', ''h'', ''note'')', :'attach'),
          '42809 cannot attach table shop.users | It is distributed by Citus: its rows are in shards, where the guard trigger knows no operator. => {}', 'and a table that is distributed by another column');
SELECT is(pg_temp.behind(NULL, 'INSERT INTO pg_catalog.pg_dist_partition VALUES (''shop.users'', ''h'', ''login'')', :'attach'),
          '42809 cannot attach table shop.users | It is distributed by Citus: its rows are in shards, where the guard trigger knows no operator. => {}', 'and a distributed one with partitions');
SELECT is(pg_temp.behind(NULL, 'INSERT INTO pg_catalog.pg_dist_partition VALUES (''shop.users_rest'', ''h'')', :'attach'),
          '42809 cannot attach table shop.users | It is distributed by Citus: its rows are in shards, where the guard trigger knows no operator. => {}', 'and one with a distributed partition');
SELECT customer_import.attach_customers_table('shop.users', 'login', 'roles', '{"note": "note"}');
SELECT matches(pg_temp.behind('regress_ann', 'CREATE TRIGGER "~~" BEFORE UPDATE ON shop.users_bob ' || :'lift', $$UPDATE shop.users SET note = 'x'$$),
               '^55000 trigger "~~" of table shop.users_bob', 'on an attached table operators are judged, in each partition');
SELECT is(pg_temp.behind('regress_ann', 'CREATE TRIGGER "~~" BEFORE UPDATE ON shop.users_bob ' || :'lift', $$UPDATE shop.users SET note = 'x' WHERE login = 'ann'$$), 'ok 1 => {}', 'in each for itself');
SELECT is(pg_temp.behind('regress_shop', 'CREATE TRIGGER "~~" BEFORE UPDATE ON shop.users_bob ' || :'lift', $$UPDATE shop.users SET note = 'x'$$, $$SELECT roles FROM shop.users WHERE login = 'bob'$$),
          'ok 2 => {buyer,administrator,buyer}', 'the application''s own roles are not');
SELECT matches(pg_temp.behind('regress_ann', 'CREATE TRIGGER "~~" BEFORE UPDATE ON shop.users_bob ' || :'lift', $$SELECT customer_import.import_customers(E'userName,note\nann,1', 'Update Only')$$),
               '^55000 cannot import into the customers table | Trigger "~~"', 'imports are refused there, too');

SELECT * FROM finish();
ROLLBACK;
