-- Which database role an operator, a gateway or a mailer is: the one that it was made of, whatever that is called by now,
-- and no other that gets its name. On an application's own table without row security, where privileges and the guard hold
-- alone. And which operators a role counts as, too: those of all roles that it may become.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = error;
SELECT plan(65);

CREATE TABLE public.account (login text PRIMARY KEY, codes text[]);
SELECT customer_import.attach_customers_table('public.account', 'login', 'codes');
SELECT customer_import.add_role_codes('{buyer}');
INSERT INTO public.account VALUES ('regress_bound_ann', '{buyer}'), ('regress_bound_bob', '{buyer}'), ('bob', '{buyer}'),
                                  ('ann@example.com', '{buyer}'), ('cleo', '{buyer}');
CREATE ROLE regress_bound_ann;
CREATE ROLE regress_bound_pool;
CREATE ROLE regress_bound_mail;
CREATE ROLE regress_bound_admin;
SELECT customer_import.add_operator('regress_bound_ann', roles => '{customerView,customerEdit,importView,importEdit}');
SELECT customer_import.add_operator('regress_bound_admin', roles => '{administrator}');
SELECT customer_import.grant_gateway('regress_bound_pool', true);
SELECT customer_import.grant_mailer('regress_bound_mail');

-- What a role has been granted directly, in this database, on anything
CREATE FUNCTION pg_temp.granted(who text) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*)
      FROM (SELECT relacl AS acl FROM pg_class UNION ALL SELECT proacl FROM pg_proc UNION ALL SELECT nspacl FROM pg_namespace) AS o
     CROSS JOIN LATERAL aclexplode(o.acl) AS a
      JOIN pg_roles AS r ON r.oid = a.grantee
     WHERE r.rolname = who
$$;
-- Runs statements, then one as a given role, returns its result, and undoes all.
CREATE FUNCTION pg_temp.after(statements text, who text, acts_as text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    outcome text;
BEGIN
    EXECUTE format('DO $do$BEGIN %s END$do$', statements);
    outcome := pg_temp.attempt(who, acts_as, statement);
    RAISE EXCEPTION USING ERRCODE = 'UNDO2', MESSAGE = outcome;
EXCEPTION
    WHEN SQLSTATE 'UNDO2' THEN
        RETURN SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.ceiling() RETURNS text LANGUAGE sql AS
    $$SELECT '42501 only administrators may give role code "administrator" [customer_import_grant_ceiling]'$$;

--
-- A role that is renamed
--
CREATE TEMPORARY TABLE renamings (number integer GENERATED ALWAYS AS IDENTITY, statements text, who text, acts_as text, statement text, expected text, name text);
INSERT INTO renamings (statements, who, acts_as, statement, expected, name) VALUES
    ('', 'regress_bound_new', NULL, 'SELECT customer_import.current_operator()', 'ok regress_bound_ann', 'a renamed role is the operator that it was'),
    ('', 'regress_bound_new', NULL, 'SELECT customer_import.may_edit_customers()', 'ok true', 'with its rights'),
    ('', 'regress_bound_new', NULL, $$UPDATE public.account SET codes = '{administrator}' WHERE login = 'cleo'$$, pg_temp.ceiling(), 'and held to its ceiling'),
    ('', 'regress_bound_new', NULL, $$UPDATE public.account SET codes = '{}' WHERE login = 'regress_bound_ann'$$,
         '42501 only administrators may change their own roles [customer_import_grant_ceiling]', 'its own roles are those of the operator'),
    ('', 'regress_bound_new', NULL, $$SELECT pg_temp.import(E'userName,addRoles\ncleo,administrator\nbob,\n')$$,
         'ok completed unchanged=1 rejected=1 (role_not_grantable)', 'in imports, too'),
    ($$PERFORM customer_import.alter_operator('regress_bound_ann', active => false);$$, 'regress_bound_new', NULL, 'TABLE public.account', '42501 permission denied for table account',
         'switched off, it has nothing'),
    ($$PERFORM customer_import.remove_operator('regress_bound_ann');$$, NULL, NULL, $$SELECT pg_temp.granted('regress_bound_new')$$, 'ok 0', 'removed, all is revoked, by the role'),
    ($$PERFORM customer_import.remove_operator('regress_bound_ann');$$, NULL, NULL, $$SELECT count(*) FROM customer_import.granted_privileges WHERE role = 'regress_bound_ann'$$, 'ok 0', 'and forgotten'),
    ('DELETE FROM customer_import.operators;', 'regress_bound_new', NULL, $$UPDATE public.account SET codes = '{administrator}' WHERE login = 'cleo'$$, pg_temp.ceiling(),
         'who holds a recorded grant is held to the ceiling, operator or not'),
    ('', NULL, NULL, $$SELECT customer_import.add_operator('regress_bound_new')$$,
         '42710 role "regress_bound_new" is the database role of operator "regress_bound_ann"', 'one role is not two operators'),
    ('', NULL, NULL, $$SELECT customer_import.add_operator('regress_bound_new', database_role => true)$$,
         '42710 role "regress_bound_new" is the database role of operator "regress_bound_ann"', 'not on demand either'),
    ($$PERFORM customer_import.detach_customers_table();$$, NULL, NULL, $$SELECT has_table_privilege('regress_bound_new', 'public.account', 'SELECT')$$, 'ok false', 'detach revokes from it'),
    ('', NULL, NULL, $$SELECT customer_import.alter_operator('regress_bound_ann', database_role => true)$$, '42704 role "regress_bound_ann" does not exist', 'it cannot be given a role that is not there'),
    ($$CREATE ROLE regress_bound_ann; PERFORM customer_import.alter_operator('regress_bound_ann', database_role => true);$$, 'regress_bound_ann', NULL,
         'SELECT customer_import.current_operator()', 'ok regress_bound_ann', 'only an administrator gives it the next role of its name'),
    ($$CREATE ROLE regress_bound_ann; PERFORM customer_import.alter_operator('regress_bound_ann', database_role => true);$$, NULL, NULL,
         $$SELECT pg_temp.granted('regress_bound_new')$$, 'ok 0', 'which takes it from the first one'),
    ($$PERFORM customer_import.alter_operator('regress_bound_ann', database_role => false);$$, 'regress_bound_new', NULL, 'SELECT customer_import.current_operator()', 'ok NULL', 'or none'),
    ($$PERFORM customer_import.alter_operator('regress_bound_ann', database_role => false);$$, NULL, NULL, $$SELECT pg_temp.granted('regress_bound_new')$$, 'ok 0', 'which revokes'),
    ($$ALTER ROLE regress_bound_new SUPERUSER;$$, 'regress_bound_new', NULL, 'SELECT customer_import.is_admin()', 'ok true', 'a superuser may do everything'),
    ('CREATE ROLE regress_bound_ann;', 'regress_bound_ann', NULL, 'SELECT customer_import.current_operator()', 'ok NULL', 'a new role of the first name is nobody'),
    ('CREATE ROLE regress_bound_ann; GRANT ALL ON ALL FUNCTIONS IN SCHEMA customer_import TO regress_bound_ann;', 'regress_bound_ann', NULL, $$SELECT pg_temp.import('userName,addRoles')$$,
         '42501 permission denied to import customers | Role "regress_bound_ann" is not the role that is operator "regress_bound_ann".', 'and is told so'),
    ($$CREATE ROLE regress_bound_ann; PERFORM customer_import.alter_operator('regress_bound_ann', email => 'x@example.com');$$, NULL, NULL, $$SELECT pg_temp.granted('regress_bound_ann')$$,
         'ok 0', 'nor is it granted anything when the operator is altered'),
    ($$ALTER ROLE regress_bound_admin RENAME TO regress_bound_ann; ALTER ROLE regress_bound_new RENAME TO regress_bound_admin;$$, 'regress_bound_admin', NULL,
         'SELECT customer_import.is_admin()', 'ok false', 'names that were exchanged exchange no rights'),
    ($$ALTER ROLE regress_bound_admin RENAME TO regress_bound_ann; ALTER ROLE regress_bound_new RENAME TO regress_bound_admin;$$, 'regress_bound_ann', NULL,
         'SELECT customer_import.is_admin()', 'ok true', 'for neither'),
    -- gateways and mailers
    ('ALTER ROLE regress_bound_pool RENAME TO regress_bound_pool_2;', 'regress_bound_pool_2', 'regress_bound_ann', 'SELECT customer_import.current_operator()', 'ok regress_bound_ann', 'a renamed gateway is one'),
    ('ALTER ROLE regress_bound_pool RENAME TO regress_bound_pool_2; CREATE ROLE regress_bound_pool; GRANT EXECUTE ON FUNCTION customer_import.act_as(text) TO regress_bound_pool;',
         'regress_bound_pool', 'regress_bound_ann', 'SELECT 1', '42501 permission denied to act as operator "regress_bound_ann" | Role "regress_bound_pool" is not a gateway.', 'the next role of its name is not'),
    ($$ALTER ROLE regress_bound_pool RENAME TO regress_bound_pool_2; PERFORM customer_import.revoke_gateway('regress_bound_pool_2');$$, NULL, NULL,
         $$SELECT pg_temp.granted('regress_bound_pool_2') || ' ' || count(*) FROM customer_import.gateways$$, 'ok 0 0', 'it is revoked by the name that it has'),
    ('ALTER ROLE regress_bound_pool RENAME TO regress_bound_pool_2;', NULL, NULL, $$SELECT customer_import.revoke_gateway('regress_bound_pool')$$,
         '42704 role "regress_bound_pool" is not a gateway', 'not by the one that it had'),
    ($$ALTER ROLE regress_bound_pool RENAME TO regress_bound_pool_2; PERFORM customer_import.grant_gateway('regress_bound_pool_2');$$, NULL, NULL,
         $$SELECT string_agg(name || ' ' || may_act_as_admin, ', ') FROM customer_import.gateways$$, 'ok regress_bound_pool_2 true', 'granted again it has its name and what it might'),
    ($$ALTER ROLE regress_bound_pool RENAME TO regress_bound_pool_2; CREATE ROLE regress_bound_pool; PERFORM customer_import.grant_gateway('regress_bound_pool');$$, NULL, NULL,
         $$SELECT string_agg(customer_import._role_of(name, role_key)::regrole::text || ' ' || may_act_as_admin, ', ' ORDER BY may_act_as_admin) FROM customer_import.gateways$$,
         'ok regress_bound_pool false, regress_bound_pool_2 true', 'the next of its name may be another gateway'),
    ($$DROP OWNED BY regress_bound_pool; DROP ROLE regress_bound_pool; PERFORM customer_import.revoke_gateway('regress_bound_pool');$$, NULL, NULL,
         'SELECT count(*) FROM customer_import.gateways', 'ok 0', 'one that was dropped is revoked by the name that it had'),
    ('ALTER ROLE regress_bound_mail RENAME TO regress_bound_mail_2;', 'regress_bound_mail_2', NULL, 'SELECT customer_import.next_message_at()', 'ok NULL', 'a renamed mailer is one'),
    ('ALTER ROLE regress_bound_mail RENAME TO regress_bound_mail_2; CREATE ROLE regress_bound_mail; GRANT EXECUTE ON FUNCTION customer_import.next_message_at() TO regress_bound_mail;',
         'regress_bound_mail', NULL, 'SELECT customer_import.next_message_at()', '42501 permission denied to send messages | Role "regress_bound_mail" is not a mailer.', 'the next role of its name is not'),
    ($$ALTER ROLE regress_bound_mail RENAME TO regress_bound_mail_2; PERFORM customer_import.revoke_mailer('regress_bound_mail_2');$$, NULL, NULL,
         $$SELECT pg_temp.granted('regress_bound_mail_2')$$, 'ok 0', 'and it is revoked by the name that it has');
SELECT is(pg_temp.after('ALTER ROLE regress_bound_ann RENAME TO regress_bound_new; ' || statements, who, acts_as, statement), expected, name) FROM renamings ORDER BY number;

--
-- A role that is dropped
--
SELECT is(pg_temp.after(statements, who, NULL, statement), expected, name)
  FROM (VALUES (1, 'DROP OWNED BY regress_bound_ann; DROP ROLE regress_bound_ann; CREATE ROLE regress_bound_ann; GRANT ALL ON public.account TO regress_bound_ann;', 'regress_bound_ann',
                'SELECT customer_import.current_operator()', 'ok NULL', 'a role that was made anew is nobody'),
               (2, $$DROP OWNED BY regress_bound_ann; DROP ROLE regress_bound_ann; PERFORM customer_import.remove_operator('regress_bound_ann');$$, NULL,
                $$SELECT count(*) FROM customer_import.granted_privileges WHERE role = 'regress_bound_ann'$$, 'ok 0', 'the operator of a dropped role is removed, and what was granted forgotten'),
               (3, $$DROP OWNED BY regress_bound_ann; DROP ROLE regress_bound_ann; PERFORM customer_import.remove_operator('regress_bound_ann'); CREATE ROLE regress_bound_ann;
                     PERFORM customer_import.add_operator('regress_bound_ann', roles => '{customerView}');$$, 'regress_bound_ann', 'SELECT customer_import.current_operator()', 'ok regress_bound_ann',
                'and can be added anew'),
               (4, $$DROP OWNED BY regress_bound_ann; PERFORM customer_import.alter_operator('regress_bound_ann');$$, 'regress_bound_ann', 'SELECT count(*) FROM public.account', 'ok 5',
                'after DROP OWNED alter_operator() grants again'),
               (5, 'DROP OWNED BY regress_bound_ann;', 'regress_bound_ann', 'TABLE public.account', '42501 permission denied for table account', 'until then it has nothing'),
               (6, 'DROP OWNED BY regress_bound_ann; GRANT SELECT, UPDATE ON public.account TO regress_bound_ann;', 'regress_bound_ann',
                $$UPDATE public.account SET codes = '{administrator}' WHERE login = 'cleo'$$, pg_temp.ceiling(), 'or what others grant, under its ceiling'),
               (7, $$ALTER TABLE public.account OWNER TO regress_bound_ann; REASSIGN OWNED BY regress_bound_ann TO regress_bound_admin; PERFORM customer_import.alter_operator('regress_bound_ann');$$,
                'regress_bound_ann', $$UPDATE public.account SET codes = '{administrator}' WHERE login = 'cleo'$$, pg_temp.ceiling(), 'REASSIGN OWNED takes its table and not its ceiling'),
               (8, $$ALTER TABLE public.account OWNER TO regress_bound_ann; REASSIGN OWNED BY regress_bound_ann TO regress_bound_admin; PERFORM customer_import.remove_operator('regress_bound_ann');
                     DROP OWNED BY regress_bound_ann; DROP ROLE regress_bound_ann;$$, NULL, 'SELECT count(*) FROM public.account', 'ok 5', 'and nothing keeps it from being dropped')
       ) AS t (number, statements, who, statement, expected, name) ORDER BY number;

--
-- What a restore brings: names count until a role is found, once
--
CREATE FUNCTION pg_temp.restored() RETURNS text LANGUAGE sql AS $$
    SELECT 'UPDATE customer_import.operators SET role_key = ''1/1/'' || split_part(role_key, ''/'', 3) WHERE database_role;
            UPDATE customer_import.gateways SET role_key = ''1/1/'' || split_part(role_key, ''/'', 3);
            UPDATE customer_import.granted_privileges SET role_key = ''1/1/'' || split_part(role_key, ''/'', 3);'
$$;
-- As COPY of a restore does it: the rows come anew.
CREATE FUNCTION pg_temp.loaded() RETURNS text LANGUAGE sql AS $$
    SELECT 'CREATE TEMPORARY TABLE o AS TABLE customer_import.operators; CREATE TEMPORARY TABLE g AS TABLE customer_import.granted_privileges;
            DELETE FROM customer_import.operators; DELETE FROM customer_import.granted_privileges;
            INSERT INTO customer_import.operators SELECT * FROM o; INSERT INTO customer_import.granted_privileges SELECT * FROM g;'
$$;
SELECT is(pg_temp.after(pg_temp.restored() || statements, who, NULL, statement), expected, name)
  FROM (VALUES (1, '', 'regress_bound_ann', 'SELECT customer_import.current_operator()', 'ok regress_bound_ann', 'restored, a role is the operator of its name'),
               (2, pg_temp.loaded() || 'ALTER ROLE regress_bound_ann RENAME TO regress_bound_new;', 'regress_bound_new', 'SELECT customer_import.current_operator()', 'ok regress_bound_ann',
                'to which a restore binds it'),
               (3, pg_temp.loaded() || 'ALTER ROLE regress_bound_ann RENAME TO regress_bound_new; CREATE ROLE regress_bound_ann;', 'regress_bound_ann', 'SELECT customer_import.current_operator()', 'ok NULL',
                'once: the next of that name is nobody'),
               (4, pg_temp.loaded() || $$ALTER ROLE regress_bound_ann RENAME TO regress_bound_new; PERFORM customer_import.remove_operator('regress_bound_ann');$$, NULL,
                $$SELECT pg_temp.granted('regress_bound_new')$$, 'ok 0', 'what was granted is bound, too'),
               (5, 'DROP OWNED BY regress_bound_ann; DROP ROLE regress_bound_ann; ' || pg_temp.loaded() || 'CREATE ROLE regress_bound_ann;', 'regress_bound_ann', 'SELECT customer_import.current_operator()',
                'ok regress_bound_ann', 'restored without roles, the first one that gets the name'),
               (6, 'DROP OWNED BY regress_bound_ann; DROP ROLE regress_bound_ann; ' || pg_temp.loaded() || $$CREATE ROLE regress_bound_ann; PERFORM customer_import.alter_operator('regress_bound_admin');
                     ALTER ROLE regress_bound_ann RENAME TO regress_bound_new; CREATE ROLE regress_bound_ann;$$, 'regress_bound_ann', 'SELECT customer_import.current_operator()', 'ok NULL',
                'bound as soon as operators are changed'),
               (7, 'DROP OWNED BY regress_bound_ann; DROP ROLE regress_bound_ann; ' || pg_temp.loaded(), NULL, $$SELECT count(*) FROM customer_import.granted_privileges WHERE role = 'regress_bound_ann'
                    AND customer_import._role_of(role, role_key) IS NOT NULL$$, 'ok 0', 'an OID of another database counts for nothing'),
               (8, '', 'regress_bound_pool', 'SELECT customer_import.is_admin()', 'ok false', 'a restored gateway acts as nobody by itself')
       ) AS t (number, statements, who, statement, expected, name) ORDER BY number;
SELECT is(pg_temp.after(pg_temp.restored(), 'regress_bound_pool', 'regress_bound_ann', 'SELECT customer_import.current_operator()'), 'ok regress_bound_ann', 'but as others');

--
-- A role's own roles: those of every role that it may become
--
CREATE ROLE regress_bound_bob;
CREATE ROLE regress_bound_app;
SELECT customer_import.add_operator('regress_bound_bob', roles => '{customerView,customerEdit,importView,importEdit}', user_name => 'bob');
CREATE FUNCTION pg_temp.own() RETURNS text LANGUAGE sql AS $$SELECT '42501 only administrators may change their own roles [customer_import_grant_ceiling]'$$;
SELECT is(pg_temp.after(statements, who, acts_as, statement), expected, name)
  FROM (VALUES (1, 'GRANT regress_bound_ann TO regress_bound_app;', 'regress_bound_app', NULL, $$UPDATE public.account SET codes = '{}' WHERE login = 'regress_bound_ann'$$, pg_temp.own(),
                'who was granted an operator''s role does not change that operator''s roles'),
               (2, 'GRANT regress_bound_ann TO regress_bound_app;', 'regress_bound_app', NULL, $$UPDATE public.account SET codes = '{}' WHERE login = 'cleo'$$, 'ok 1', 'but others'''),
               (3, 'GRANT regress_bound_ann TO regress_bound_bob;', 'regress_bound_bob', NULL, $$UPDATE public.account SET codes = '{}' WHERE login IN ('regress_bound_ann', 'bob')$$, pg_temp.own(),
                'an operator who was granted another one''s has the roles of both'),
               (4, 'ALTER ROLE regress_bound_bob NOINHERIT; GRANT regress_bound_ann TO regress_bound_bob;', 'regress_bound_bob', NULL,
                $$SELECT pg_temp.import(E'userName,removeRoles\nregress_bound_ann,buyer\nbob,buyer\ncleo,buyer\n')$$, 'ok completed updated=1 rejected=2 (role_not_grantable, role_not_grantable)',
                'whether it inherits or not, in imports, too'),
               (5, 'CREATE ROLE regress_bound_team; GRANT regress_bound_ann TO regress_bound_team; GRANT regress_bound_team TO regress_bound_bob;', 'regress_bound_bob', NULL,
                $$UPDATE public.account SET codes = '{}' WHERE login = 'regress_bound_ann'$$, pg_temp.own(), 'by way of others'),
               (6, 'GRANT regress_bound_ann TO regress_bound_bob;', 'regress_bound_bob', NULL,
                $$DO $do$BEGIN SET LOCAL ROLE regress_bound_ann; UPDATE public.account SET codes = '{}' WHERE login = 'bob'; END$do$ $$, pg_temp.own(), 'after SET ROLE whoever has logged in counts'),
               (7, 'CREATE ROLE regress_bound_rest IN ROLE regress_bound_ann, regress_bound_bob;', 'regress_bound_rest', NULL,
                $$DO $do$BEGIN SET LOCAL ROLE regress_bound_ann; UPDATE public.account SET codes = '{}' WHERE login = 'bob'; END$do$ $$, 'ok 0', 'if that is an operator'),
               (8, 'GRANT regress_bound_ann TO regress_bound_pool;', 'regress_bound_pool', 'regress_bound_bob', $$UPDATE public.account SET codes = '{}' WHERE login = 'bob'$$, pg_temp.own(),
                'who acts as an operator is that one'),
               (9, 'GRANT regress_bound_admin TO regress_bound_bob;', 'regress_bound_bob', NULL, $$UPDATE public.account SET codes = '{}' WHERE login = 'bob'$$, pg_temp.own(),
                'an administrator''s role makes nobody an administrator'),
               (10, 'GRANT regress_bound_admin TO regress_bound_bob;', 'regress_bound_bob', NULL,
                $$DO $do$BEGIN SET LOCAL ROLE regress_bound_admin; UPDATE public.account SET codes = '{}' WHERE login = 'bob'; END$do$ $$, 'ok 0', 'before it is used')
       ) AS t (number, statements, who, acts_as, statement, expected, name) ORDER BY number;
-- The same session notices what changes. Before 16 the member says whether it inherits, from then on each grant does.
CREATE FUNCTION pg_temp.inherit(member text, role text, inherits boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('server_version_num')::int >= 160000 THEN
        EXECUTE format('GRANT %I TO %I WITH INHERIT %s', role, member, upper(inherits::text));
    ELSE
        EXECUTE format('ALTER ROLE %I %s', member, CASE WHEN inherits THEN 'INHERIT' ELSE 'NOINHERIT' END);
    END IF;
END
$$;
CREATE ROLE regress_bound_late NOINHERIT IN ROLE regress_bound_ann;
GRANT SELECT, UPDATE ON public.account TO regress_bound_late;
SELECT is(pg_temp.attempt('regress_bound_late', NULL, $$UPDATE public.account SET codes = '{administrator}' WHERE login = 'cleo'$$), 'ok 1', 'who does not inherit is the application''s own role');
SELECT pg_temp.inherit('regress_bound_late', 'regress_bound_ann', true);
SELECT is(pg_temp.attempt('regress_bound_late', NULL, $$UPDATE public.account SET codes = '{administrator}' WHERE login = 'cleo'$$), pg_temp.ceiling(), 'after it has begun to inherit it is not, in the same session');
SELECT pg_temp.inherit('regress_bound_late', 'regress_bound_ann', false);
SELECT is(pg_temp.attempt('regress_bound_late', NULL, $$UPDATE public.account SET codes = '{administrator}' WHERE login = 'cleo'$$), 'ok 1', 'and back');
REVOKE regress_bound_ann FROM regress_bound_late;
GRANT regress_bound_bob TO regress_bound_late;
SELECT pg_temp.inherit('regress_bound_late', 'regress_bound_bob', true);
SELECT is(pg_temp.attempt('regress_bound_late', NULL, $$UPDATE public.account SET codes = '{}' WHERE login = $$ || quote_literal(login)), expected, 'after REVOKE and GRANT: ' || login)
  FROM (VALUES ('bob', pg_temp.own()), ('regress_bound_ann', 'ok 1')) AS t (login, expected);

SELECT * FROM finish();
ROLLBACK;
