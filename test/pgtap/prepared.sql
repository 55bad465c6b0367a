-- What one operator prepares and another one runs: a retry applies each record under the lower of two ceilings, that of the
-- operator whose file it is or that amended it last, and that of the caller; so does the undo of an undo, which applies a file again. And
-- what a report offers is what its reader may call.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = error;
SELECT plan(28);

DO $$
BEGIN
    PERFORM customer_import.create_customers_table('public.customers');
    PERFORM customer_import.add_role_codes('{buyer,vip}');
    INSERT INTO public.customers (user_name, roles) VALUES ('regress_prep_ann', '{buyer}'), ('regress_prep_boss', '{buyer}'), ('cleo', '{buyer}');
END
$$;
CREATE ROLE regress_prep_ann;
CREATE ROLE regress_prep_boss;
CREATE ROLE regress_prep_gw;
SELECT customer_import.add_operator('regress_prep_ann', roles => '{customerView,customerEdit,importView,importEdit}');
SELECT customer_import.add_operator('regress_prep_boss', roles => '{administrator}');
SELECT customer_import.grant_gateway('regress_prep_gw');

-- Runs the statements, each as the role that it names, and undoes all; says what the last one came to: of a retry or an undo its state and issue, or how
-- many customers it has updated. {n}: the n-th import.
CREATE FUNCTION pg_temp.steps(VARIADIC steps text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before bigint;
    step text;
    outcome text;
    number integer;
BEGIN
    SELECT COALESCE(max(id), 0) INTO before FROM customer_import.imports;
    PERFORM setval('customer_import.imports_id_seq', before + 1, false);
    FOREACH step IN ARRAY steps LOOP
        FOR number IN 1 .. 9 LOOP
            step := replace(step, '{' || number || '}', (before + number)::text);
        END LOOP;
        IF step LIKE '%: %' AND step !~ '^(SELECT|UPDATE)' THEN
            EXECUTE format('SET LOCAL SESSION AUTHORIZATION %I', 'regress_prep_' || split_part(step, ': ', 1));
            step := substr(step, strpos(step, ': ') + 2);
        END IF;
        EXECUTE step INTO outcome;
        SET LOCAL SESSION AUTHORIZATION DEFAULT;
        IF step ~ 'retry_rejects|undo_import' THEN
            SELECT concat_ws(' ', i.state, COALESCE((SELECT s.message FROM customer_import.import_issues AS s WHERE s.import_id = i.id), i.updated::text))
              INTO outcome FROM customer_import.imports AS i ORDER BY i.id DESC LIMIT 1;
        END IF;
    END LOOP;
    RAISE EXCEPTION USING ERRCODE = 'UNDO1', MESSAGE = COALESCE(outcome, 'NULL');
EXCEPTION
    WHEN SQLSTATE 'UNDO1' THEN
        RETURN SQLERRM;
    WHEN OTHERS THEN
        RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.imported(user_name text, roles text) RETURNS text LANGUAGE sql AS
    $$SELECT format('SELECT message FROM customer_import.import_customers(E''userName,addRoles\n%s,%s\n'', ''Create & Update'')', user_name, roles)$$;
CREATE FUNCTION pg_temp.amended(user_name text, roles text, import text DEFAULT '{1}') RETURNS text LANGUAGE sql AS
    $$SELECT format('SELECT customer_import.amend_record(%s, 2, %L)', import, user_name || ',' || roles)$$;
CREATE FUNCTION pg_temp.retried(import text DEFAULT '{1}') RETURNS text LANGUAGE sql AS
    $$SELECT format('SELECT state FROM customer_import.retry_rejects(%s)', import)$$;
CREATE FUNCTION pg_temp.undone(import text DEFAULT '{1}') RETURNS text LANGUAGE sql AS
    $$SELECT format('SELECT state FROM customer_import.undo_import(%s)', import)$$;

-- Codes are added by operators that may, from records of operators that may
CREATE FUNCTION pg_temp.created() RETURNS text LANGUAGE sql AS
    $$SELECT $q$SELECT message FROM customer_import.import_customers(E'userName,addRoles\n,newcode\n', 'Create & Update', unknown_roles => 'create')$q$ $$;
CREATE FUNCTION pg_temp.degraded() RETURNS text LANGUAGE sql AS
    $$SELECT $q$SELECT customer_import.alter_operator('regress_prep_boss', roles => '{customerView,customerEdit,importView,importEdit}')$q$ $$;
SELECT is(pg_temp.steps('boss: ' || pg_temp.created(), 'boss: ' || pg_temp.amended('cleo', 'newcode'), 'boss: ' || pg_temp.retried()), 'completed 1', 'a retry adds codes as the import did');
SELECT is(pg_temp.steps('boss: ' || pg_temp.created(), 'boss: ' || pg_temp.amended('cleo', 'newcode'), pg_temp.degraded(), 'boss: ' || pg_temp.retried()),
          'completed role code "newcode" is not in the catalog', 'but not for who may not any more');
SELECT is(pg_temp.steps('boss: ' || pg_temp.created(), 'boss: ' || pg_temp.amended('cleo', 'newcode'), pg_temp.degraded(), pg_temp.retried()),
          'completed role code "newcode" is not in the catalog', 'nor from a record of such a one');

SELECT is(pg_temp.steps('ann: ' || pg_temp.imported('cleo', 'byer'), 'ann: ' || pg_temp.amended('cleo', 'administrator'), 'boss: ' || pg_temp.retried()),
          'completed only administrators may give role code "administrator", and the record is by operator "regress_prep_ann"', 'an administrator''s retry does not apply what an operator amended to more than that may do');
SELECT is(pg_temp.steps('ann: ' || pg_temp.imported('cleo', 'byer'), 'ann: ' || pg_temp.amended('regress_prep_ann', 'vip'), 'boss: ' || pg_temp.retried()),
          'completed only administrators may change their own roles, and the record is by operator "regress_prep_ann"', 'nor what it amended about itself');
SELECT is(pg_temp.steps('ann: ' || pg_temp.imported('cleo', 'byer'), 'ann: ' || pg_temp.amended('cleo', 'vip'), 'boss: ' || pg_temp.retried()), 'completed 1', 'what it may do is done');
SELECT is(pg_temp.steps('ann: ' || pg_temp.imported('cleo', 'administrator'), 'boss: ' || pg_temp.retried()),
          'completed only administrators may give role code "administrator", and the record is by operator "regress_prep_ann"', 'what stood in its file is its');
SELECT is(pg_temp.steps('ann: ' || pg_temp.imported('cleo', 'administrator'), 'boss: ' || pg_temp.amended('cleo', 'administrator'), 'boss: ' || pg_temp.retried()), 'completed 1',
          'what an administrator amends is the administrator''s');
SELECT is(pg_temp.steps('ann: ' || pg_temp.imported('cleo', 'byer'), 'boss: ' || pg_temp.amended('cleo', 'administrator'), 'ann: ' || pg_temp.retried()),
          'completed only administrators may give role code "administrator"', 'but under the ceiling of who runs it');
SELECT is(pg_temp.steps('ann: ' || pg_temp.imported('cleo', 'byer'), 'boss: ' || pg_temp.amended('cleo', 'administrator'), 'ann: ' || pg_temp.amended('cleo', 'administrator'), 'boss: ' || pg_temp.retried()),
          'completed only administrators may give role code "administrator", and the record is by operator "regress_prep_ann"', 'who amended it last counts');
SELECT is(pg_temp.steps('ann: ' || pg_temp.imported('cleo', 'administrator'), 'boss: ' || pg_temp.retried(), 'boss: ' || pg_temp.retried('{2}')),
          'completed only administrators may give role code "administrator", and the record is by operator "regress_prep_ann"', 'a retry of a retry goes back to the file');
SELECT is(pg_temp.steps('ann: ' || pg_temp.imported('cleo', 'byer'), 'ann: ' || pg_temp.amended('cleo', 'administrator'), 'boss: ' || pg_temp.retried(), 'boss: ' || pg_temp.amended('cleo', 'vip', '{2}'), 'boss: ' || pg_temp.retried('{2}')),
          'completed 1', 'or to the last amendment on the way');
SELECT is(pg_temp.steps('ann: ' || pg_temp.imported('cleo', 'byer'), 'ann: ' || pg_temp.amended('cleo', 'administrator'), change, 'boss: ' || pg_temp.retried()),
          'completed only administrators may give role code "administrator", and the record is by operator "regress_prep_ann"', name)
  FROM (VALUES (1, $$SELECT customer_import.remove_operator('regress_prep_ann')$$, 'who is gone is no administrator'),
               (2, $$SELECT customer_import.alter_operator('regress_prep_ann', roles => '{administrator}', active => false)$$, 'nor who is not active'),
               (3, 'SELECT 1', 'as today''s operators have it')) AS t (number, change, name) ORDER BY number;
SELECT is(pg_temp.steps('ann: ' || pg_temp.imported('cleo', 'administrator'), $$SELECT customer_import.alter_operator('regress_prep_ann', roles => '{administrator}')$$, 'boss: ' || pg_temp.retried()),
          'completed 1', 'who is an administrator by now is one');
SELECT is(pg_temp.steps(pg_temp.imported('cleo', 'byer'), pg_temp.amended('cleo', 'administrator'), 'boss: ' || pg_temp.retried()), 'completed 1', 'a superuser of the database is one');
SELECT is(pg_temp.steps('boss: ' || pg_temp.imported('cleo', 'byer'), 'boss: ' || pg_temp.amended('regress_prep_boss', 'administrator'), 'boss: ' || pg_temp.retried()), 'completed 1', 'one''s own is one''s own');
-- Undo of undo
SELECT is(pg_temp.steps('ann: ' || pg_temp.imported('cleo', 'vip'), 'ann: ' || pg_temp.undone(), $$SELECT customer_import.alter_role_code('vip', privileged => true)$$, 'boss: ' || pg_temp.undone('{2}')),
          'completed only administrators may give role code "vip", and the record is by operator "regress_prep_ann"', 'the undo of an undo applies the file again, under its operator''s ceiling');
SELECT is(pg_temp.steps('ann: ' || pg_temp.imported('cleo', 'vip'), 'ann: ' || pg_temp.undone(), $$SELECT customer_import.alter_operator('regress_prep_ann', user_name => 'cleo')$$, 'boss: ' || pg_temp.undone('{2}')),
          'completed only administrators may change their own roles, and the record is by operator "regress_prep_ann"', 'and with its names');
SELECT is(pg_temp.steps('ann: ' || pg_temp.imported('cleo', 'vip'), 'ann: ' || pg_temp.undone(), 'boss: ' || pg_temp.undone('{2}')), 'completed 1', 'what that may do comes back');
SELECT is(pg_temp.steps('ann: ' || pg_temp.imported('cleo', 'vip'), $$SELECT customer_import.alter_role_code('vip', privileged => true)$$, 'boss: ' || pg_temp.undone()), 'completed 1',
          'an administrator takes back what an operator gave');
SELECT is(pg_temp.steps('ann: ' || pg_temp.imported('cleo', 'vip'), 'ann: ' || pg_temp.undone(), 'boss: ' || pg_temp.undone('{2}'), $$SELECT customer_import.alter_role_code('vip', privileged => true)$$, 'boss: ' || pg_temp.undone('{3}')),
          'completed 1', 'also where it had come back');
SELECT is(pg_temp.steps('boss: ' || pg_temp.imported('cleo', 'administrator'), 'boss: ' || pg_temp.undone(), $$SELECT customer_import.alter_operator('regress_prep_boss', active => false)$$, pg_temp.undone('{2}')),
          'completed only administrators may give role code "administrator", and the record is by operator "regress_prep_boss"', 'what an administrator gave who has left does not come back by an undo');

--
-- What a report offers
--
CREATE FUNCTION pg_temp.offers() RETURNS text LANGUAGE sql AS
    $$SELECT $q$SELECT concat_ws(' ', CASE WHEN r ->> 'undo' IS NOT NULL THEN 'undo' END, CASE WHEN r ->> 'retry' IS NOT NULL THEN 'retry' END) FROM customer_import.import_report({1}) AS r$q$ $$;
CREATE FUNCTION pg_temp.two() RETURNS text LANGUAGE sql AS
    $$SELECT $q$SELECT message FROM customer_import.import_customers(E'userName,addRoles\ncleo,vip\nbob,byer\n', 'Create & Update')$q$ $$;
SELECT is(pg_temp.steps('ann: ' || pg_temp.two(), 'ann: ' || pg_temp.offers()), 'undo retry', 'one''s own import is offered to be undone and retried');
SELECT is(pg_temp.steps('ann: ' || pg_temp.two(), 'boss: ' || pg_temp.offers()), 'undo retry', 'to administrators all are');
SELECT is(pg_temp.steps('ann: ' || pg_temp.two(), $$SELECT customer_import.alter_operator('regress_prep_ann', roles => '{customerView,importView}')$$, 'ann: ' || pg_temp.offers()), '',
          'not to who may not import any more');
SELECT is(pg_temp.steps('ann: ' || pg_temp.two(), 'SELECT customer_import.detach_customers_table()', $$SELECT customer_import.create_customers_table('public.others')$$, 'boss: ' || pg_temp.offers()), '',
          'nor one of another table');

SELECT * FROM finish();
ROLLBACK;
