-- act_as(): an application with one login acts as its operators, each for one transaction. What a single session can show;
-- that the end of a transaction ends it is for suites that can end one.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = error;
SELECT plan(121);

CREATE ROLE regress_gw;                                 -- may not act as administrators
CREATE ROLE regress_gw_admin;                           -- may
CREATE ROLE regress_gw_none;                            -- no gateway, but granted all by hand
CREATE ROLE regress_gw_member IN ROLE regress_gw;
CREATE ROLE regress_gw_heir NOINHERIT IN ROLE regress_gw;
CREATE ROLE regress_gw_super SUPERUSER;
CREATE ROLE regress_gw_bypass BYPASSRLS;
CREATE ROLE regress_gw_direct;                          -- an operator with a database role
DO $$
DECLARE
    four text[] := '{customerView,customerEdit,importView,importEdit}';
BEGIN
    PERFORM customer_import.create_customers_table('public.customers');
    PERFORM customer_import.add_role_codes('{buyer}');
    PERFORM customer_import.add_operator('ann', 'ann@example.com', four);
    PERFORM customer_import.add_operator('bob', 'bob@example.com', four);
    PERFORM customer_import.add_operator('viewer', roles => '{customerView}');
    PERFORM customer_import.add_operator('nothing');
    PERFORM customer_import.add_operator('admin', roles => '{administrator}');
    PERFORM customer_import.add_operator('root', roles => '{superuser}');
    PERFORM customer_import.add_operator('gone', roles => four);
    PERFORM customer_import.alter_operator('gone', active => false);
    PERFORM customer_import.add_operator('regress_gw_direct', roles => four);
    PERFORM customer_import.grant_gateway('regress_gw');
    PERFORM customer_import.grant_gateway('regress_gw_admin', may_act_as_admin => true);
END
$$;
INSERT INTO public.customers (user_name, roles, company) VALUES ('c1', '{buyer}', 'ann'), ('c2', '{}', 'bob'), ('c3', '{administrator}', 'bob');
CREATE ROLE regress_gw_all;
GRANT ALL ON public.customers TO regress_gw_all;
GRANT ALL ON ALL TABLES IN SCHEMA customer_import TO regress_gw_all;
GRANT ALL ON ALL FUNCTIONS IN SCHEMA customer_import TO regress_gw_all;
GRANT regress_gw_all TO regress_gw_none, regress_gw_bypass;

-- The acting operator, and what it sees: "ann 3", "NULL 0"
CREATE FUNCTION public.regress_who() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', COALESCE(customer_import.current_operator(), 'NULL'), (SELECT count(*) FROM public.customers))
$$;
-- Runs statements one after another as the caller, and says what the last one says
CREATE FUNCTION public.regress_run(VARIADIC statements text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    statement text;
    result text;
BEGIN
    FOREACH statement IN ARRAY statements LOOP
        IF statement ~* '^SELECT' THEN
            EXECUTE statement INTO result;
        ELSE
            EXECUTE statement;
        END IF;
    END LOOP;
    RETURN result;
END
$$;
-- Does something as a superuser in the middle of another session's transaction
CREATE FUNCTION public.regress_meanwhile(statement text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    EXECUTE statement;
END
$$;
-- Runs a statement and takes it back
CREATE FUNCTION public.regress_taken_back(statement text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RAISE EXCEPTION USING ERRCODE = 'BACK1';
EXCEPTION WHEN SQLSTATE 'BACK1' THEN
    NULL;
END
$$;

--
-- Gateways
--
CREATE TEMPORARY TABLE faults (number integer GENERATED ALWAYS AS IDENTITY, who text, acts_as text, statement text, expected text, name text);
INSERT INTO faults (who, acts_as, statement, expected, name) VALUES
    (NULL, NULL, $$SELECT customer_import.grant_gateway('regress_nobody')$$, '42704 role "regress_nobody" does not exist', 'grant: no such role'),
    (NULL, NULL, $$SELECT customer_import.grant_gateway('public')$$, '42704 role "public" does not exist', 'grant: PUBLIC is no role'),
    (NULL, NULL, $$SELECT customer_import.grant_gateway('ann')$$, '42704 role "ann" does not exist', 'grant: an operator is no role'),
    (NULL, NULL, $$SELECT customer_import.grant_gateway(NULL)$$, '22004 ', 'grant: NULL'),
    (NULL, NULL, $$SELECT customer_import.grant_gateway('regress_gw_super')$$, '22023 role "regress_gw_super" cannot be a gateway', 'grant: a superuser'),
    (NULL, NULL, $$SELECT customer_import.grant_gateway('regress_gw_bypass')$$, '22023 role "regress_gw_bypass" cannot be a gateway', 'grant: one who bypasses row security'),
    (NULL, NULL, $$SELECT customer_import.revoke_gateway('regress_nobody')$$, '42704 ', 'revoke: no such role'),
    (NULL, NULL, $$SELECT customer_import.revoke_gateway('regress_gw_none')$$, '42704 ', 'revoke: no gateway'),
    ('regress_gw_admin', 'admin', $$SELECT customer_import.grant_gateway('regress_gw_none')$$, '42501 permission denied for function grant_gateway', 'grant: an administrator'),
    ('regress_gw_admin', 'root', $$SELECT customer_import.revoke_gateway('regress_gw')$$, '42501 permission denied for function revoke_gateway', 'revoke: an administrator'),
    ('regress_gw_none', NULL, $$SELECT customer_import.grant_gateway('regress_gw_none')$$, '42501 permission denied to ', 'grant: himself, with EXECUTE'),
    ('regress_gw_none', NULL, $$SELECT customer_import.revoke_gateway('regress_gw')$$, '42501 permission denied to ', 'revoke: with EXECUTE'),
    -- act_as()
    ('regress_gw', NULL, $$SELECT customer_import.act_as('nobody')$$, '42704 operator "nobody" does not exist', 'act_as: no such operator'),
    ('regress_gw', NULL, $$SELECT customer_import.act_as('ANN')$$, '42704 operator "ANN" does not exist', 'act_as: another case'),
    ('regress_gw', NULL, $$SELECT customer_import.act_as('ann ')$$, '42704 operator "ann " does not exist', 'act_as: a blank'),
    ('regress_gw', NULL, $$SELECT customer_import.act_as('')$$, '42704 ', 'act_as: an empty name'),
    ('regress_gw', NULL, $$SELECT customer_import.act_as('ann@example.com')$$, '42704 ', 'act_as: an e-mail'),
    ('regress_gw', NULL, $$SELECT customer_import.act_as('regress_gw')$$, '42704 ', 'act_as: itself'),
    ('regress_gw', NULL, $$SELECT customer_import.act_as('gone')$$, '42501 permission denied to act as operator "gone" | Operator "gone" is not active.', 'act_as: one who is switched off'),
    ('regress_gw', NULL, $$SELECT customer_import.act_as('admin')$$, '42501 permission denied to act as operator "admin" | ', 'act_as: an administrator'),
    ('regress_gw', NULL, $$SELECT customer_import.act_as('root')$$, '42501 permission denied to act as operator "root" | ', 'act_as: a superuser of the portal'),
    ('regress_gw', 'ann', $$SELECT customer_import.act_as('bob')$$, '55000 this transaction acts as operator "ann" already', 'act_as: another name'),
    ('regress_gw_admin', 'ann', $$SELECT customer_import.act_as('admin')$$, '55000 this transaction acts as operator "ann" already', 'act_as: an administrator later'),
    ('regress_gw_admin', 'admin', $$SELECT customer_import.act_as('ann')$$, '55000 this transaction acts as operator "admin" already', 'act_as: somebody less later'),
    ('regress_gw_direct', NULL, $$SELECT customer_import.act_as('ann')$$, '42501 permission denied for function act_as', 'act_as: an operator'),
    ('regress_gw_none', NULL, $$SELECT customer_import.act_as('ann')$$, '42501 permission denied to act as operator "ann" | Role "regress_gw_none" is not a gateway.', 'act_as: with EXECUTE, but no gateway'),
    ('regress_gw_none', NULL, $$SELECT customer_import.act_as('nobody')$$, '42501 ', 'act_as: who is no gateway does not learn which operators there are'),
    ('regress_gw_member', NULL, $$SELECT customer_import.act_as('ann')$$, '42501 permission denied to act as operator "ann" | Role "regress_gw_member" is not a gateway.', 'act_as: a member of a gateway'),
    ('regress_gw_heir', NULL, $$SELECT customer_import.act_as('ann')$$, '42501 permission denied for function act_as', 'act_as: a member without inheritance'),
    ('regress_gw_super', NULL, $$SELECT customer_import.act_as('ann')$$, '42501 permission denied to act as operator "ann" | ', 'act_as: a superuser'),
    ('regress_gw_bypass', NULL, $$SELECT customer_import.act_as('ann')$$, '42501 permission denied to act as operator "ann" | ', 'act_as: one who bypasses row security');
SELECT is(CASE WHEN starts_with(outcome, expected) THEN expected ELSE outcome END, expected, name)
  FROM (SELECT *, pg_temp.attempt(who, acts_as, statement) AS outcome FROM faults) AS t ORDER BY number;
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT public.regress_run('SELECT customer_import.grant_gateway(''regress_gw'', true)', 'SELECT may_act_as_admin FROM customer_import.gateways WHERE name = ''regress_gw''')$$), 'ok true', 'granting again changes the flag');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT public.regress_run('SELECT customer_import.grant_gateway(''regress_gw_admin'')', 'SELECT may_act_as_admin FROM customer_import.gateways WHERE name = ''regress_gw_admin''')$$), 'ok true', 'without it it stays');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT public.regress_run('SELECT customer_import.grant_gateway(''regress_gw_admin'', false)', 'SELECT may_act_as_admin FROM customer_import.gateways WHERE name = ''regress_gw_admin''')$$), 'ok false', 'also back');
SELECT is(pg_temp.attempt('regress_gw_none', NULL, 'SELECT public.regress_who()', NULL), 'ok NULL 0', 'who is no gateway acts as nobody');

--
-- Acting
--
SELECT is(pg_temp.attempt(gateway, acts_as, 'SELECT public.regress_who()'), 'ok ' || expected, format('%s as %s', gateway, acts_as))
  FROM (VALUES ('regress_gw', NULL, 'NULL 0'), ('regress_gw', 'ann', 'ann 3'), ('regress_gw', 'viewer', 'viewer 3'), ('regress_gw', 'nothing', 'nothing 0'), ('regress_gw', 'regress_gw_direct', 'regress_gw_direct 3'),
               ('regress_gw_admin', NULL, 'NULL 0'), ('regress_gw_admin', 'ann', 'ann 3'), ('regress_gw_admin', 'admin', 'admin 3'), ('regress_gw_admin', 'root', 'root 3')) AS t (gateway, acts_as, expected);
SELECT is(pg_temp.attempt('regress_gw', 'ann', $$SELECT public.regress_run('SELECT customer_import.act_as(''ann'')', 'SELECT customer_import.act_as(''ann'')', 'SELECT public.regress_who()')$$), 'ok ann 3', 'the same name again changes nothing');
SELECT is(pg_temp.attempt('regress_gw', NULL, $$SELECT public.regress_run('SELECT customer_import.act_as(NULL)', 'SELECT public.regress_who()')$$), '22004 argument "operator" of function act_as() is NULL', 'NULL is an error, and not nobody');
SELECT is(pg_temp.attempt('regress_gw', 'ann', $$SELECT public.regress_run('SELECT customer_import.act_as(NULL)', 'SELECT public.regress_who()')$$), '22004 argument "operator" of function act_as() is NULL', 'also behind another call');
SELECT is(pg_temp.attempt('regress_gw', acts_as, statement), expected, format('as %s: %s', COALESCE(acts_as, 'nobody'), statement))
  FROM (VALUES (1, NULL, 'SELECT count(*) FROM customer_import.role_codes', 'ok 0'), (2, NULL, 'SELECT count(*) FROM customer_import.customers_table_columns', 'ok 0'),
               (3, NULL, 'SELECT customer_import.import_template()',
                '42501 permission denied to read the template of a file | Role "regress_gw" has not called customer_import.act_as() in this transaction.'),
               (4, 'ann', 'SELECT count(*) > 5 FROM customer_import.role_codes', 'ok true'), (5, 'ann', 'SELECT count(*) > 0 FROM customer_import.customers_table_columns', 'ok true'),
               (6, 'ann', 'SELECT customer_import.import_template() LIKE ''userName,addRoles,%''', 'ok true')) AS t (number, acts_as, statement, expected) ORDER BY number;
SELECT is(pg_temp.attempt('regress_gw', NULL, $$SELECT pg_temp.import(E'userName,addRoles\nc1,buyer\n')$$),
          '42501 permission denied to import customers | Role "regress_gw" has not called customer_import.act_as() in this transaction.', 'without act_as() it does not import');
SELECT is(pg_temp.attempt('regress_gw', 'nothing', $$SELECT pg_temp.import(E'userName,addRoles\nc1,buyer\n')$$) ~ '^42501 permission denied to import customers \| Operator "nothing" lacks ', true, 'nor as one who may not');
SELECT matches(pg_temp.attempt('regress_gw', 'ann', $$UPDATE public.customers SET roles = '{}' WHERE user_name = 'c3'$$), '^42501 .*\[customer_import_grant_ceiling\]$', 'the ceiling is that of whom it acts as');
SELECT is(pg_temp.attempt('regress_gw_admin', 'admin', $$UPDATE public.customers SET roles = '{}' WHERE user_name = 'c3'$$), 'ok 1', 'an administrator has none');
SELECT is(pg_temp.attempt('regress_gw_admin', NULL, $$UPDATE public.customers SET roles = '{}'$$), 'ok 0', 'the flag alone gives nothing');

-- Both names are recorded
SELECT is(pg_temp.attempt(who, acts_as, $$SELECT pg_temp.import(E'userName,addRoles\nc2,buyer\n')$$, $$SELECT concat_ws(' ', operator, database_role) FROM customer_import.imports ORDER BY id DESC LIMIT 1$$), 'ok completed updated=1 => ' || expected, 'recorded: ' || expected)
  FROM (VALUES ('regress_gw', 'ann', 'ann regress_gw'), ('regress_gw_admin', 'admin', 'admin regress_gw_admin'), ('regress_gw', 'regress_gw_direct', 'regress_gw_direct regress_gw'),
               ('regress_gw_direct', NULL, 'regress_gw_direct regress_gw_direct')) AS t (who, acts_as, expected);
SELECT is(pg_temp.attempt('regress_gw', 'ann', $$SELECT public.regress_run('SELECT customer_import.import_customers(E''userName,addRoles\nc2,buyer\n'', ''Update Only'')',
              'SELECT customer_import.import_report(max(id)) ->> ''operator'' FROM customer_import.imports')$$), 'ok ann', 'the report names the operator');
-- Imports belong to operators, whichever way they come
CREATE FUNCTION pg_temp.import_once(request text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', state, updated, (SELECT count(*) FROM customer_import.imports WHERE request_id = request))
      FROM customer_import.import_customers(E'userName,addRoles\nc2,buyer\n', 'Update Only', request_id => request)
$$;
SELECT is(pg_temp.attempt('regress_gw', 'ann', $$SELECT public.regress_run('SELECT pg_temp.import_once(''r'')', 'SELECT pg_temp.import_once(''r'')')$$, 'SELECT count(*) FROM customer_import.imports WHERE request_id = ''r'''), 'ok completed 1 1 => 1', 'the same request of an operator is done once');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT public.regress_run('SET LOCAL ROLE regress_gw_direct', 'SELECT pg_temp.import_once(''r'')', 'SET LOCAL ROLE regress_gw', 'SELECT customer_import.act_as(''regress_gw_direct'')', 'SELECT pg_temp.import_once(''r'')')$$,
                          'SELECT count(*) FROM customer_import.imports WHERE request_id = ''r'''), 'ok completed 1 1 => 1', 'also when it logs in once and comes through a gateway once');
SELECT matches(pg_temp.attempt(NULL, NULL, $$SELECT public.regress_run('SET LOCAL ROLE regress_gw_direct', 'SELECT pg_temp.import_once(''r'')', 'SET LOCAL ROLE regress_gw', 'SELECT customer_import.act_as(''ann'')', 'SELECT pg_temp.import_once(''r'')')$$,
                               'SELECT count(*) FROM customer_import.imports WHERE request_id = ''r'''), ' => 2$', 'that of another is another');

--
-- It counts only while the current role is the gateway that called act_as()
--
SELECT is(pg_temp.attempt('regress_gw_member', NULL, format('SELECT public.regress_run(VARIADIC %L)', statements)), 'ok ' || expected, name)
  FROM (VALUES (ARRAY['SET LOCAL ROLE regress_gw', 'SELECT customer_import.act_as(''ann'')', 'SELECT public.regress_who()'], 'ann 3', 'SET ROLE to a gateway, then act_as()'),
               (ARRAY['SET LOCAL ROLE regress_gw', 'SELECT customer_import.act_as(''ann'')', 'RESET ROLE', 'SELECT public.regress_who()'], 'NULL 0', 'RESET ROLE: not any more'),
               (ARRAY['SET LOCAL ROLE regress_gw', 'SELECT customer_import.act_as(''ann'')', 'SET LOCAL ROLE NONE', 'SET LOCAL ROLE regress_gw', 'SELECT public.regress_who()'], 'ann 3', 'back again: again')) AS t (statements, expected, name);
SELECT is(pg_temp.attempt(NULL, NULL, format('SELECT public.regress_run(VARIADIC %L)', statements)), expected, name)
  FROM (VALUES (ARRAY['SET LOCAL ROLE regress_gw', 'SELECT customer_import.act_as(''ann'')', 'SET LOCAL ROLE regress_gw_admin', 'SELECT public.regress_who()'], 'ok NULL 0', 'another gateway acts as nobody'),
               (ARRAY['SET LOCAL ROLE regress_gw', 'SELECT customer_import.act_as(''ann'')', 'SET LOCAL ROLE regress_gw_admin', 'SELECT customer_import.act_as(''bob'')'], '55000 this transaction acts as operator "ann" already', 'and cannot act as another in the same transaction'),
               (ARRAY['SET LOCAL ROLE regress_gw', 'SELECT customer_import.act_as(''ann'')', 'SET LOCAL ROLE regress_gw_direct', 'SELECT public.regress_who()'], 'ok regress_gw_direct 3', 'an operator is himself'),
               (ARRAY['SET LOCAL ROLE regress_gw', 'SELECT customer_import.act_as(''viewer'')', 'SET LOCAL ROLE regress_gw_super', 'SELECT public.regress_who()'], 'ok regress_gw_super 3', 'a superuser is a superuser'),
               (ARRAY['SET LOCAL ROLE regress_gw', 'SELECT customer_import.act_as(''viewer'')', 'SET LOCAL ROLE regress_gw_none', 'SELECT public.regress_who()'], 'ok NULL 0', 'and nobody is nobody')) AS t (statements, expected, name);
CREATE FUNCTION public.regress_as_gateway() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT public.regress_who()';
CREATE FUNCTION public.regress_as_none() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT public.regress_who()';
CREATE FUNCTION public.regress_acts_as(name text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN PERFORM customer_import.act_as(name); RETURN public.regress_who(); END$$;
ALTER FUNCTION public.regress_as_gateway() OWNER TO regress_gw;
ALTER FUNCTION public.regress_as_none() OWNER TO regress_gw_none;
ALTER FUNCTION public.regress_acts_as(text) OWNER TO regress_gw;
SELECT is(pg_temp.attempt('regress_gw', 'ann', 'SELECT public.regress_as_none()'), 'ok NULL 0', 'a SECURITY DEFINER function of another role does not act as him');
SELECT is(pg_temp.attempt('regress_gw_none', NULL, 'SELECT public.regress_as_gateway()'), 'ok NULL 0', 'one of the gateway acts as nobody before act_as()');
SELECT is(pg_temp.attempt('regress_gw_none', NULL, $$SELECT concat_ws(', ', public.regress_acts_as('ann'), public.regress_who())$$), 'ok ann 3, NULL 0', 'act_as() in one of the gateway counts in there, not outside');
SELECT is(pg_temp.attempt('regress_gw', 'ann', $$SELECT public.regress_run('SET LOCAL customer_import.operator = ''bob''')$$) ~ '^42602 ', true, 'no setting changes it');

--
-- Savepoints
--
SELECT is(pg_temp.attempt('regress_gw', NULL, format('SELECT public.regress_run(VARIADIC %L)', statements)), expected, name)
  FROM (VALUES (ARRAY['SELECT public.regress_taken_back(''SELECT customer_import.act_as(''''ann'''')'')', 'SELECT public.regress_who()'], 'ok NULL 0', 'rolled back with its savepoint'),
               (ARRAY['SELECT public.regress_taken_back(''SELECT customer_import.act_as(''''ann'''')'')', 'SELECT customer_import.act_as(''bob'')', 'SELECT public.regress_who()'], 'ok bob 3', 'then another name may follow'),
               (ARRAY['SELECT customer_import.act_as(''ann'')', 'SELECT public.regress_taken_back(''SELECT 1'')', 'SELECT public.regress_who()'], 'ok ann 3', 'a savepoint rolled back later leaves it'),
               (ARRAY['SELECT customer_import.act_as(''ann'')', 'SELECT public.regress_taken_back(''SELECT customer_import.act_as(''''ann'''')'')', 'SELECT public.regress_who()'], 'ok ann 3', 'also one with the same name again'),
               (ARRAY['DO $a$BEGIN BEGIN PERFORM customer_import.act_as(''ann''); EXCEPTION WHEN division_by_zero THEN NULL; END; END$a$', 'SELECT public.regress_who()'], 'ok ann 3', 'a savepoint released keeps it'),
               (ARRAY['SELECT public.regress_taken_back(''DO $a$BEGIN BEGIN PERFORM customer_import.act_as(''''ann''''); EXCEPTION WHEN division_by_zero THEN NULL; END; END$a$'')', 'SELECT public.regress_who()'], 'ok NULL 0', 'unless one around it is rolled back'),
               (ARRAY['DO $a$BEGIN PERFORM customer_import.act_as(''ann''); PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN NULL; END$a$', 'SELECT public.regress_who()'], 'ok NULL 0', 'an error behind it undoes it'),
               (ARRAY['DO $a$BEGIN PERFORM customer_import.act_as(''nobody''); EXCEPTION WHEN undefined_object THEN NULL; END$a$', 'SELECT public.regress_who()'], 'ok NULL 0', 'an act_as() that failed is none'),
               (ARRAY['SELECT customer_import.act_as(''ann'')', 'DO $a$BEGIN PERFORM customer_import.act_as(''bob''); EXCEPTION WHEN object_not_in_prerequisite_state THEN NULL; END$a$', 'SELECT public.regress_who()'], 'ok ann 3', 'and leaves the one before')) AS t (statements, expected, name);
SAVEPOINT outer_one;
SET LOCAL SESSION AUTHORIZATION regress_gw;
SAVEPOINT inner_one;
SELECT lives_ok($$SELECT customer_import.act_as('ann')$$, 'after SAVEPOINT');
SELECT is(public.regress_who(), 'ann 3', 'it acts as him');
ROLLBACK TO inner_one;
SELECT is(public.regress_who(), 'NULL 0', 'after ROLLBACK TO no more');
SELECT lives_ok($$SELECT customer_import.act_as('bob')$$, 'then as another');
SAVEPOINT innermost;
SELECT lives_ok($$SELECT customer_import.act_as('bob')$$, 'the same again');
ROLLBACK TO innermost;
RELEASE inner_one;
SELECT is(public.regress_who(), 'bob 3', 'after RELEASE still');
ROLLBACK TO outer_one;
SET LOCAL SESSION AUTHORIZATION regress_gw;
SELECT is(public.regress_who(), 'NULL 0', 'after ROLLBACK TO around it no more');
SET LOCAL SESSION AUTHORIZATION DEFAULT;

--
-- What changes in the middle counts at once
--
SELECT is(CASE WHEN starts_with(outcome, expected) THEN expected ELSE outcome END, expected, name)
  FROM (VALUES ('ann', $$SELECT customer_import.alter_operator('ann', active => false)$$, 'SELECT public.regress_who()', 'ok NULL 0', 'switched off'),
               ('ann', $$SELECT customer_import.alter_operator('ann', active => false)$$, $$SELECT pg_temp.import(E'userName,addRoles\nc1,buyer\n')$$, '42501 permission denied to import customers | Operator "ann" is not active.', 'switched off, and imports'),
               ('ann', $$SELECT customer_import.remove_operator('ann')$$, 'SELECT public.regress_who()', 'ok NULL 0', 'removed'),
               ('ann', $$SELECT customer_import.remove_operator('ann')$$, $$SELECT pg_temp.import(E'userName,addRoles\nc1,buyer\n')$$, '42501 permission denied to import customers | Operator "ann" does not exist.', 'removed, and imports'),
               ('ann', $$SELECT customer_import.alter_operator('ann', roles => '{importView}')$$, 'SELECT public.regress_who()', 'ok ann 0', 'another set of codes'),
               ('ann', $$SELECT customer_import.alter_operator('ann', roles => '{customerView,customerEdit,importView}')$$, $$SELECT pg_temp.import(E'userName,addRoles\nc1,buyer\n')$$, '42501 permission denied to import customers | Operator "ann" lacks importEdit.', 'a code less'),
               ('nothing', $$SELECT customer_import.alter_operator('nothing', roles => '{customerView}')$$, 'SELECT public.regress_who()', 'ok nothing 3', 'a code more'),
               ('admin', $$SELECT customer_import.grant_gateway('regress_gw_admin', may_act_as_admin => false)$$, 'SELECT customer_import.is_admin()', 'ok false', 'the gateway may not act as administrators any more'),
               ('admin', $$SELECT customer_import.grant_gateway('regress_gw_admin', may_act_as_admin => false)$$, 'SELECT public.regress_who()', 'ok NULL 0', 'and sees nothing'),
               ('nothing', $$SELECT customer_import.alter_operator('nothing', roles => '{administrator}')$$, 'SELECT customer_import.is_admin()', 'ok true', 'it becomes an administrator'),
               ('ann', $$SELECT customer_import.revoke_gateway('regress_gw_admin')$$, 'SELECT customer_import.current_operator()', 'ok NULL', 'the gateway is revoked'),
               ('ann', $$SELECT customer_import.revoke_gateway('regress_gw_admin')$$, 'SELECT count(*) FROM public.customers', '42501 permission denied for table customers', 'and has lost its grants'),
               ('ann', $$DO $a$BEGIN PERFORM customer_import.revoke_gateway('regress_gw_admin'); GRANT regress_gw_all TO regress_gw_admin; END$a$ $$, 'SELECT public.regress_who()', 'ok NULL 0', 'with grants of a DBA it is nobody too'),
               ('ann', $$DO $a$BEGIN PERFORM customer_import.revoke_gateway('regress_gw_admin'); GRANT regress_gw_all TO regress_gw_admin; END$a$ $$, $$SELECT pg_temp.import(E'userName,addRoles\nc1,buyer\n')$$, '42501 permission denied to import customers | Role "regress_gw_admin" is not a gateway.', 'and does not import'),
               ('ann', $$DO $a$BEGIN PERFORM customer_import.revoke_gateway('regress_gw_admin'); PERFORM customer_import.grant_gateway('regress_gw_admin'); END$a$ $$, 'SELECT public.regress_who()', 'ok ann 3', 'revoked and granted again'),
               ('ann', 'ALTER ROLE regress_gw_admin SUPERUSER', $$SELECT customer_import.act_as('ann')$$, '42501 permission denied to act as operator "ann" | ', 'made a superuser, it cannot act'),
               ('ann', 'ALTER ROLE regress_gw_admin BYPASSRLS', $$SELECT customer_import.act_as('ann')$$, '42501 permission denied to act as operator "ann" | ', 'nor with BYPASSRLS'),
               ('ann', 'ALTER ROLE regress_gw_admin BYPASSRLS', $$SELECT pg_temp.import(E'userName,addRoles\nc1,buyer\n')$$, '42501 permission denied to import customers | ', 'which does not import')
       ) AS t (acts_as, change, statement, expected, name)
 CROSS JOIN LATERAL pg_temp.attempt('regress_gw_admin', acts_as, format('SELECT public.regress_run(VARIADIC %L)',
     ARRAY['SELECT public.regress_who()', format('SELECT public.regress_meanwhile(%L)', change), statement])) AS outcome;
SELECT is(pg_temp.attempt('regress_gw', 'ann', $$SELECT public.regress_run('SELECT public.regress_taken_back(''SELECT public.regress_meanwhile(''''SELECT customer_import.alter_operator(''''''''ann'''''''', active => false)'''')'')', 'SELECT public.regress_who()')$$),
          'ok ann 3', 'what was taken back does not count');

--
-- Plans that were made for another
--
CREATE POLICY company ON public.customers AS RESTRICTIVE FOR SELECT USING ((SELECT customer_import.current_operator()) IN (company, 'admin', 'regress_gw_direct'));
CREATE FUNCTION public.regress_plpgsql() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    names text;
BEGIN
    SELECT string_agg(user_name, ' ' ORDER BY user_name) INTO names FROM public.customers;
    RETURN names;
END
$$;
CREATE FUNCTION public.regress_sql() RETURNS text LANGUAGE sql STABLE AS $$SELECT string_agg(user_name, ' ' ORDER BY user_name) FROM public.customers$$;
PREPARE regress_names AS SELECT string_agg(user_name, ' ' ORDER BY user_name) FROM public.customers;
PREPARE regress_change AS UPDATE public.customers SET phone = '1';
CREATE VIEW public.regress_view WITH (security_invoker = true) AS SELECT user_name FROM public.customers;
PREPARE regress_through_view AS WITH v AS MATERIALIZED (SELECT * FROM public.regress_view) SELECT string_agg(user_name, ' ' ORDER BY user_name) FROM v;
GRANT SELECT ON public.regress_view TO regress_gw_admin, regress_gw_direct;
CREATE TEMPORARY TABLE turns (number integer GENERATED ALWAYS AS IDENTITY, who text, acts_as text, names text);
INSERT INTO turns (who, acts_as, names) VALUES
    ('regress_gw_admin', 'admin', 'c1 c2 c3'), ('regress_gw_admin', 'ann', 'c1'), ('regress_gw_admin', 'bob', 'c2 c3'), ('regress_gw_admin', 'viewer', 'NULL'),
    ('regress_gw_admin', NULL, 'NULL'), ('regress_gw_direct', NULL, 'c1 c2 c3'), ('regress_gw_admin', 'ann', 'c1'), ('regress_gw_admin', 'admin', 'c1 c2 c3'), ('regress_gw_admin', 'nothing', 'NULL');
SELECT is((SELECT string_agg(pg_temp.attempt(who, acts_as, statement), ', ' ORDER BY round, number) FROM turns CROSS JOIN generate_series(1, 3) AS round),
          (SELECT string_agg('ok ' || names, ', ' ORDER BY round, number) FROM turns CROSS JOIN generate_series(1, 3) AS round), 'each sees its own: ' || statement)
  FROM unnest(ARRAY['SELECT public.regress_plpgsql()', 'SELECT public.regress_sql()', $$SELECT string_agg(user_name, ' ' ORDER BY user_name) FROM public.regress_view$$]) AS statement;
CREATE FUNCTION pg_temp.execute(name text) RETURNS text LANGUAGE plpgsql AS $$DECLARE result text; BEGIN EXECUTE 'EXECUTE ' || name INTO result; RETURN result; END$$;
SELECT is((SELECT string_agg(pg_temp.attempt(who, acts_as, format('SELECT pg_temp.execute(%L)', name)), ', ' ORDER BY round, number) FROM turns CROSS JOIN generate_series(1, 3) AS round),
          (SELECT string_agg('ok ' || names, ', ' ORDER BY round, number) FROM turns CROSS JOIN generate_series(1, 3) AS round), 'each sees its own: EXECUTE ' || name)
  FROM unnest('{regress_names,regress_through_view}'::text[]) AS name;
SELECT is(pg_temp.attempt('regress_gw', 'ann', $$SELECT pg_temp.import(E'userName,phone\nc1,1\nc2,1\n', 'Update Only')$$), 'ok completed updated=1 skipped=1 (not_found)', 'so do imports');
SELECT is(pg_temp.attempt('regress_gw', 'bob', $$SELECT pg_temp.import(E'userName,phone\nc1,1\nc2,1\n', 'Update Only')$$), 'ok completed updated=1 skipped=1 (not_found)', 'one after another');

-- Parallel workers know as little of act_as() as they may
SELECT name AS parallel_mode FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \gset
CREATE FUNCTION public.regress_parallel() RETURNS text LANGUAGE plpgsql SET :parallel_mode = on SET parallel_setup_cost = 0 SET parallel_tuple_cost = 0 SET min_parallel_table_scan_size = 0 AS $$
DECLARE
    names text;
BEGIN
    SELECT string_agg(user_name, ' ' ORDER BY user_name) INTO names FROM public.customers WHERE customer_import.current_operator() = 'ann';
    RETURN names;
END
$$;
SELECT is(pg_temp.attempt('regress_gw', 'ann', 'SELECT public.regress_parallel()'), 'ok c1', 'a parallel plan asks its leader');

SELECT * FROM finish();
ROLLBACK;
