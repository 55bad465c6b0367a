-- Checks of rights that no other file would miss: each was found by test/mutations, which takes them away one by one.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = error;
SELECT plan(63);

-- Before anything that needs it is set up
SELECT is(customer_import.is_admin(), true, 'a superuser of the database is an administrator');

CREATE ROLE regress_check_ann;
CREATE ROLE regress_check_new;                          -- no operator
CREATE ROLE regress_check_gateway;
CREATE ROLE regress_check_other;                        -- another gateway
CREATE ROLE regress_check_root SUPERUSER;
DO $$
DECLARE
    four text[] := '{customerView,customerEdit,importView,importEdit}';
BEGIN
    PERFORM customer_import.create_customers_table('public.customers');
    PERFORM customer_import.add_role_codes('{buyer,approver}');
    PERFORM customer_import.add_operator('regress_check_ann', roles => four);
    PERFORM customer_import.add_operator('cleo', roles => '{administrator}');
    PERFORM customer_import.grant_gateway('regress_check_gateway', may_act_as_admin => true);
    PERFORM customer_import.grant_gateway('regress_check_other', may_act_as_admin => true);
END
$$;
INSERT INTO public.customers (user_name, roles) VALUES ('plain', '{approver}'), ('zoe', '{}');

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

--
-- Operators and gateways
--
SELECT is(CASE WHEN starts_with(outcome, expected) THEN expected ELSE outcome END, expected, name)
  FROM (VALUES (1, 'a blank before a name', $$SELECT customer_import.add_operator(' dora')$$, '22023 the name of the operator begins or ends with a blank'),
               (2, 'a blank behind it', $$SELECT customer_import.add_operator(E'dora\t')$$, '22023 '),
               (3, 'a blank of Unicode', $$SELECT customer_import.add_operator(U&'dora\3000')$$, '22023 the name of the operator begins or ends with a blank'),
               (4, 'a blank inside is none', $$SELECT customer_import.add_operator('dora lee')$$, 'ok '),
               (5, 'an e-mail with a label of 63 letters', format($$SELECT customer_import.add_operator('dora', 'd@%s.com')$$, repeat('a', 63)), 'ok '),
               (6, 'and with one of 64', format($$SELECT customer_import.add_operator('dora', 'd@%s.com')$$, repeat('a', 64)), '22023 invalid e-mail address '),
               (7, 'a label that ends with a hyphen', $$SELECT customer_import.add_operator('dora', 'd@example-.com')$$, '22023 invalid e-mail address '),
               (8, 'a hyphen inside is none', $$SELECT customer_import.add_operator('dora', 'd@exam-ple.com')$$, 'ok '),
               (9, 'the name of a superuser, for one who is not he', $$SELECT customer_import.add_operator('regress_check_root', database_role => false)$$, '22023 ')
       ) AS t (number, name, statement, expected)
 CROSS JOIN LATERAL pg_temp.attempt(NULL, NULL, statement) AS outcome ORDER BY number;
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT public.regress_run('SELECT customer_import.alter_operator(''cleo'', active => false)', 'SELECT customer_import.alter_operator(''cleo'', email => ''cleo@example.com'')',
                                           'SELECT active FROM customer_import.operators WHERE name = ''cleo''')$$), 'ok false', 'who is switched off stays so when something else changes');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT public.regress_run('SELECT customer_import.revoke_gateway(''regress_check_other'')', 'SELECT customer_import.grant_gateway(''regress_check_other'', NULL)',
                                           'SELECT may_act_as_admin FROM customer_import.gateways WHERE name = ''regress_check_other''')$$), 'ok false', 'NULL does not let a gateway act as an administrator');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT public.regress_run('SET LOCAL ROLE regress_check_gateway', 'SELECT customer_import.act_as(''cleo'')', 'SET LOCAL ROLE regress_check_other', 'SELECT customer_import.act_as(''cleo'')')$$),
          '55000 this transaction acts as operator "cleo" already', 'another gateway cannot act in the same transaction, as the same operator neither');

--
-- Role codes: which are privileged
--
SELECT is(pg_temp.attempt('regress_check_root', NULL, $$SELECT customer_import.add_role_codes('{ADMINISTRATOR,importEdit,nurse}', false)$$,
                          $$SELECT string_agg(code || ' ' || privileged, ', ' ORDER BY code) FROM customer_import.role_codes WHERE code = ANY ('{administrator,importEdit,nurse}')$$),
          'ok 1 => administrator true, importEdit true, nurse false', 'built-in codes that are added again stay privileged');
SELECT is(pg_temp.attempt('regress_check_root', NULL, $$SELECT pg_temp.import(E'userName,addRoles\nzoe,nurse\n', unknown_roles => 'create')$$,
                          $$SELECT privileged FROM customer_import.role_codes WHERE code = 'nurse'$$),
          'ok completed updated=1 => false', 'a code that a file makes is not privileged');

--
-- What a session keeps in memory: whatever changes a row of the tables it comes from, by hand or by functions
--
SELECT is(tgtype, 60::int2, format('every INSERT, DELETE, UPDATE and TRUNCATE of %s is announced', tgrelid::regclass))
  FROM pg_trigger WHERE tgfoid = 'customer_import._announce_change()'::regprocedure ORDER BY tgrelid::regclass::text;
SELECT is(pg_temp.attempt(who, acts_as, format('SELECT public.regress_run(VARIADIC %L)', ARRAY['SELECT COALESCE(customer_import.current_operator(), ''NULL'')', format('SELECT public.regress_meanwhile(%L)', change),
                                                                                              'SELECT COALESCE(customer_import.current_operator(), ''NULL'')'])), 'ok ' || expected, name)
  FROM (VALUES (1, 'regress_check_new', NULL, $$SELECT customer_import.add_operator('regress_check_new')$$, 'regress_check_new', 'a stranger becomes an operator'),
               (2, 'regress_check_new', NULL, $$INSERT INTO customer_import.operators (name, database_role) VALUES ('regress_check_new', true)$$, 'regress_check_new', 'also by an INSERT'),
               (3, 'regress_check_ann', NULL, $$SELECT customer_import.alter_operator('regress_check_ann', active => false)$$, 'NULL', 'an operator is switched off'),
               (4, 'regress_check_ann', NULL, $$UPDATE customer_import.operators SET active = false$$, 'NULL', 'also by an UPDATE'),
               (5, 'regress_check_ann', NULL, $$SELECT customer_import.remove_operator('regress_check_ann')$$, 'NULL', 'an operator is removed'),
               (6, 'regress_check_ann', NULL, $$DELETE FROM customer_import.operators$$, 'NULL', 'also by a DELETE'),
               (7, 'regress_check_ann', NULL, $$TRUNCATE customer_import.operators$$, 'NULL', 'or by TRUNCATE'),
               (8, 'regress_check_gateway', 'cleo', $$UPDATE customer_import.gateways SET may_act_as_admin = false$$, 'NULL', 'a gateway may not act as an administrator any more, by an UPDATE'),
               (9, 'regress_check_gateway', 'cleo', $$DELETE FROM customer_import.gateways$$, 'NULL', 'a gateway is one no more by a DELETE'),
               (10, 'regress_check_gateway', 'cleo', $$TRUNCATE customer_import.gateways$$, 'NULL', 'or by TRUNCATE'),
               (11, 'regress_check_new', NULL, $$ALTER ROLE regress_check_new SUPERUSER$$, 'regress_check_new', 'a stranger''s role becomes a superuser')
       ) AS t (number, who, acts_as, change, expected, name) ORDER BY number;
SELECT is(pg_temp.attempt('regress_check_gateway', NULL, $$SELECT public.regress_run('SELECT customer_import.current_operator()', 'SELECT public.regress_meanwhile(''DELETE FROM customer_import.gateways'')', 'SELECT customer_import.is_admin()',
                                           'SELECT public.regress_meanwhile(''INSERT INTO customer_import.gateways VALUES (''''regress_check_gateway'''', true)'')', 'SELECT pg_temp.import('''')')$$),
          '42501 permission denied to import customers | Role "regress_check_gateway" has not called customer_import.act_as() in this transaction.', 'a role becomes a gateway by an INSERT');

--
-- The grant ceiling and imports
--
-- A code that is held in another spelling than the catalog's is the same code
SET LOCAL session_replication_role = replica;
INSERT INTO public.customers (user_name, roles) VALUES ('boss', '{ADMINISTRATOR}'), ('regress_check_ann', '{BUYER}');
SET LOCAL session_replication_role = origin;
SELECT is(pg_temp.attempt('regress_check_ann', NULL, $$SELECT pg_temp.import(E'userName,addRoles\nboss,administrator\n')$$, $$SELECT roles FROM public.customers WHERE user_name = 'boss'$$),
          'ok completed updated=1 => {administrator}', 'a privileged code may get the catalog''s spelling');
SELECT is(pg_temp.attempt('regress_check_ann', NULL, $$SELECT pg_temp.import(E'userName,addRoles\nregress_check_ann,buyer\n')$$, $$SELECT roles FROM public.customers WHERE user_name = 'regress_check_ann'$$),
          'ok completed updated=1 => {buyer}', 'also a code of its own');
SELECT matches(pg_temp.attempt('regress_check_ann', NULL, $$SELECT pg_temp.import(E'userName,removeRoles\nboss,administrator\n')$$), '^ok completed rejected=1 \(role_not_grantable\)$', 'but it may not be taken');

-- A DBA may let names be written in any way
ALTER TABLE public.customers DROP CONSTRAINT customer_import_user_name;
INSERT INTO public.customers (user_name) VALUES ('Regress_Check_ANN');
SELECT is(pg_temp.attempt('regress_check_ann', NULL, $$UPDATE public.customers SET roles = '{approver}' WHERE user_name = 'Regress_Check_ANN'$$),
          '42501 only administrators may change their own roles [customer_import_grant_ceiling]', 'it is himself in any spelling');

-- Without the guard there is no customers table
SELECT is(pg_temp.attempt('regress_check_ann', NULL, $$SELECT public.regress_run('SELECT public.regress_meanwhile(''DROP TRIGGER "~customer_import_guard" ON public.customers'')', 'SELECT pg_temp.import(E''userName,addRoles\nzoe,buyer\n'')')$$),
          '55000 there is no customers table', 'without the guard there is no customers table');

-- Create Only does not search for customers while all are new; a record that the ceiling refuses is searched for
SET LOCAL customer_import.batch_rows = 200;
SELECT is(pg_temp.attempt('regress_check_ann', NULL, $$SELECT pg_temp.import(E'userName,addRoles\n' || string_agg(format('new%s,buyer', 1000 + i), E'\n') || E'\nplain,administrator\nzoe2,administrator\n', 'Create Only') FROM generate_series(1, 200) AS i$$),
          'ok completed created=200 skipped=1 rejected=1 (already_exists, role_not_grantable)', 'Create Only skips who exists, also where the ceiling would refuse him');
RESET customer_import.batch_rows;

-- Triggers of users: one makes more of a customer than the operator may; one does not let it be written; one answers for
-- the import
CREATE FUNCTION public.regress_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.user_name LIKE 'raised%' THEN
        NEW.roles := NEW.roles || '{administrator}'::text[];
    ELSIF NEW.user_name LIKE 'kept%' THEN
        RETURN NULL;
    ELSIF NEW.user_name LIKE 'decided%' THEN
        NEW.roles := customer_import._merged_roles(0, 0);
    END IF;
    RETURN NEW;
END
$$;
INSERT INTO public.customers (user_name) VALUES ('decided'), ('kept'), ('raised');
CREATE TRIGGER regress_trigger BEFORE INSERT OR UPDATE ON public.customers FOR EACH ROW EXECUTE FUNCTION public.regress_trigger();
SELECT is(pg_temp.attempt('regress_check_ann', NULL, format('SELECT pg_temp.import(%L)', E'userName,addRoles\n' || records)), expected, name)
  FROM (VALUES (1, 'a trigger passes the ceiling with a customer who exists', E'plain,buyer\nraised,buyer\n', 'ok completed updated=1 rejected=1 (role_not_grantable 42501)'),
               (2, 'and with a new one', E'plain,buyer\nraised2,buyer\n', 'ok completed updated=1 rejected=1 (role_not_grantable 42501)'),
               (3, 'a trigger does not let a customer be changed', E'plain,buyer\nkept,buyer\n', 'ok completed updated=1 rejected=1 (not_permitted)'),
               (4, 'nor be created', E'plain,buyer\nkept2,buyer\n', 'ok completed updated=1 rejected=1 (not_permitted)'),
               (5, 'a trigger cannot answer for the import without its token', E'decided,buyer\n', '55000 no import is running here')
       ) AS t (number, name, records, expected) ORDER BY number;

--
-- Imports in the background
--
GRANT EXECUTE ON FUNCTION customer_import.release_restored() TO regress_check_ann;
SELECT is(pg_temp.attempt('regress_check_ann', NULL, 'SELECT customer_import.release_restored()'),
          '42501 permission denied to release restored imports | Only superusers of the database may do this.', 'EXECUTE alone does not release restored imports');
INSERT INTO customer_import.imports (id, operator, database_role, mode, state) VALUES (-1, 'cleo', 'cleo', 'create_only', 'running'), (-2, 'regress_check_ann', 'regress_check_ann', 'create_only', 'running');
INSERT INTO customer_import._import_slices (import_id, slice) VALUES (-1, 0), (-2, 0);
SELECT is(pg_temp.attempt('regress_check_ann', NULL, 'SELECT string_agg(import_id::text, '','') FROM customer_import._import_slices'), 'ok -2', 'it sees how far its imports are, and not those of others');
SELECT is(pg_temp.attempt('regress_check_gateway', 'cleo', 'SELECT count(*) FROM customer_import._import_slices'), 'ok 2', 'an administrator sees all');

--
-- Messages: EXECUTE alone is not enough
--
INSERT INTO customer_import.email_outbox (id, import_id, operator, recipient, state, origin) VALUES (-1, -1, 'cleo', 'cleo@example.com', 'failed', 'here');
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA customer_import TO regress_check_ann;
GRANT SELECT ON customer_import.email_outbox TO regress_check_ann;
SELECT is(pg_temp.attempt('regress_check_ann', NULL, 'SELECT customer_import.' || call), outcome, call)
  FROM (VALUES ('claim_message()', '42501 permission denied to send messages | Role "regress_check_ann" is not a mailer.'),
               ('store_message(-1, 1, ''x'')', '42501 permission denied to send messages | Role "regress_check_ann" is not a mailer.'),
               ('message_sent(-1, 1)', '42501 permission denied to send messages | Role "regress_check_ann" is not a mailer.'),
               ('message_failed(-1, 1, ''x'', true)', '42501 permission denied to send messages | Role "regress_check_ann" is not a mailer.'),
               ('next_message_at()', '42501 permission denied to send messages | Role "regress_check_ann" is not a mailer.'),
               ('retry_message(-1)', '42501 permission denied to retry messages | Operator "regress_check_ann" lacks administrator.'),
               ('grant_mailer(''regress_check_ann'')', '42501 permission denied to change mailers | Only superusers of the database may do this.'),
               ('revoke_mailer(''regress_check_ann'')', '42501 permission denied to change mailers | Only superusers of the database may do this.')) AS t (call, outcome);
SELECT is(pg_temp.attempt('regress_check_ann', NULL, 'SELECT count(*) FROM customer_import.email_outbox'), 'ok 0', 'SELECT alone shows no message');
SELECT is(pg_temp.attempt(NULL, NULL, 'SELECT customer_import.next_message_at()'), 'ok NULL', 'a superuser of the database may send messages');
SELECT matches(pg_temp.attempt(NULL, NULL, 'SELECT customer_import.grant_mailer(''regress_nobody'')'), '^42704 ', 'a mailer is a database role');
SELECT matches(pg_temp.attempt(NULL, NULL, 'SELECT customer_import.revoke_mailer(''regress_check_ann'')'), '^42704 ', 'only a mailer is revoked');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT public.regress_run('SELECT customer_import.grant_mailer(''regress_check_new'')',
              'SELECT string_agg(proname, '','' ORDER BY proname) FROM pg_proc, aclexplode(proacl) WHERE grantee = ''regress_check_new''::regrole')$$),
          'ok claim_message,message_failed,message_sent,next_message_at,store_message', 'a mailer is granted five functions');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT public.regress_run('SELECT customer_import.grant_mailer(''regress_check_new'')', 'SELECT customer_import.revoke_mailer(''regress_check_new'')',
              'SELECT string_agg(proname, '','' ORDER BY proname) FROM pg_proc, aclexplode(proacl) WHERE grantee = ''regress_check_new''::regrole')$$), 'ok NULL', 'revoked, none of them');

--
-- What a DBA grants by default on all that is created does not open the tables of the extension
--
DROP EXTENSION customer_import CASCADE;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO PUBLIC;
CREATE EXTENSION customer_import;
SELECT is_empty($$SELECT c.oid::regclass, a.privilege_type FROM pg_class AS c, aclexplode(c.relacl) AS a
                   WHERE c.relnamespace = 'customer_import'::regnamespace AND c.relkind = 'S' AND a.grantee = 0$$, 'default privileges open no sequence');
SELECT is_empty($$SELECT c.oid::regclass, a.privilege_type FROM pg_class AS c, aclexplode(c.relacl) AS a
                   WHERE c.relnamespace = 'customer_import'::regnamespace AND c.relkind <> 'S' AND a.grantee = 0$$, 'nor any table or view');

SELECT * FROM finish();
ROLLBACK;
