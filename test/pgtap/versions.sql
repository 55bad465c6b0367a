-- What newer servers have: grants that say what they give (16), MAINTAIN (17), virtual generated columns (18).
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = error;
SELECT server >= 160000 AS has_grant_options, server >= 170000 AS has_maintain, server >= 180000 AS has_virtual
  FROM CAST(current_setting('server_version_num') AS int) AS server \gset
SELECT plan(2 + CASE WHEN :'has_grant_options' THEN 12 ELSE 0 END + CASE WHEN :'has_maintain' THEN 4 ELSE 0 END
            + CASE WHEN :'has_virtual' THEN 4 ELSE 0 END);

CREATE TABLE public.account (login text PRIMARY KEY, codes text[], size int GENERATED ALWAYS AS (cardinality(codes)) STORED);
SELECT customer_import.attach_customers_table('public.account', 'login', 'codes');
SELECT customer_import.add_role_codes('{buyer}');
CREATE ROLE regress_ver_ann;
CREATE ROLE regress_ver_app;
SELECT customer_import.add_operator('regress_ver_ann', roles => '{customerView,customerEdit,importView,importEdit}');
GRANT SELECT, UPDATE ON public.account TO regress_ver_app;
INSERT INTO public.account VALUES ('regress_ver_ann', '{buyer}'), ('cleo', '{buyer}');
CREATE FUNCTION pg_temp.ceiling(message text) RETURNS text LANGUAGE sql AS $$SELECT '42501 ' || message || ' [customer_import_grant_ceiling]'$$;
CREATE FUNCTION pg_temp.update(login text, codes text, role text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.attempt('regress_ver_app', NULL, format('DO $do$BEGIN %s UPDATE public.account SET codes = %L WHERE login = %L; END$do$',
                                                           'SET LOCAL ROLE ' || role || ';', codes, login))
$$;
SELECT is(pg_temp.update('cleo', '{administrator}'), 'ok 0', 'a role of the application is not judged');
SELECT is(pg_temp.update('regress_ver_ann', '{}'), 'ok 0', 'whichever customer it is');

\if :has_grant_options
    GRANT regress_ver_ann TO regress_ver_app WITH INHERIT FALSE, SET FALSE;
    SELECT is(pg_temp.update('cleo', '{administrator}'), 'ok 0', 'a member WITH INHERIT FALSE, SET FALSE is not judged');
    SELECT is(pg_temp.update('cleo', '{}', 'regress_ver_ann') ~ '^42501 permission denied to set role', true, 'nor can it become the operator');
    SELECT is(pg_temp.attempt('regress_ver_app', NULL, $$SELECT state FROM customer_import.import_customers(E'userName,addRoles\ncleo,buyer\n', 'Update Only')$$) ~ '^42501',
              true, 'nor import');
    GRANT regress_ver_ann TO regress_ver_app WITH SET TRUE;
    SELECT is(pg_temp.update('cleo', '{administrator}'), 'ok 0', 'WITH SET TRUE it is not judged as itself');
    SELECT is(pg_temp.update('cleo', '{administrator}', 'regress_ver_ann'), pg_temp.ceiling('only administrators may give role code "administrator"'),
              'but as the operator that it has become');
    SELECT is(pg_temp.update('cleo', '{}', 'regress_ver_ann'), 'ok 0', 'who may do what the operator may');
    SELECT is(pg_temp.update('regress_ver_ann', '{}', 'regress_ver_ann'), pg_temp.ceiling('only administrators may change their own roles'),
              'and not change its own roles');
    GRANT regress_ver_ann TO regress_ver_app WITH INHERIT TRUE, SET FALSE;
    SELECT is(pg_temp.update('cleo', '{administrator}'), pg_temp.ceiling('only administrators may give role code "administrator"'),
              'WITH INHERIT TRUE it is judged, in the same session');
    SELECT is(pg_temp.update('regress_ver_ann', '{}'), pg_temp.ceiling('only administrators may change their own roles'),
              'and the operator''s own roles are its own');
    SELECT is(pg_temp.update('cleo', '{}'), 'ok 0', 'the rest it may');
    GRANT regress_ver_ann TO regress_ver_app WITH INHERIT FALSE;
    SELECT is(pg_temp.update('cleo', '{administrator}'), 'ok 0', 'WITH INHERIT FALSE again it is not');
    REVOKE regress_ver_ann FROM regress_ver_app;
    SELECT is(pg_temp.update('cleo', '{administrator}'), 'ok 0', 'nor without the grant');
\endif

\if :has_maintain
    GRANT MAINTAIN ON public.account TO regress_ver_app;
    SELECT is(pg_temp.attempt('regress_ver_app', NULL, 'LOCK TABLE public.account IN ACCESS EXCLUSIVE MODE'), 'ok 0', 'who has MAINTAIN can lock the table');
    SELECT is(has_table_privilege('regress_ver_ann', 'public.account', 'MAINTAIN'), false, 'operators are not granted it');
    SELECT customer_import.remove_operator('regress_ver_ann');
    SELECT is(has_table_privilege('regress_ver_ann', 'public.account', 'SELECT'), false, 'a removed operator has no privilege');
    SELECT is(has_table_privilege('regress_ver_app', 'public.account', 'MAINTAIN'), true, 'what the DBA granted stays');
\endif

\if :has_virtual
    SELECT customer_import.detach_customers_table();
    CREATE TABLE public.shopper (login text PRIMARY KEY, codes text[], first text, shown text GENERATED ALWAYS AS (upper(first)) VIRTUAL);
    SELECT throws_ok($$SELECT customer_import.attach_customers_table('public.shopper', 'login', 'codes', '{"shown": "shown"}')$$,
                     NULL, 'cannot attach table public.shopper', 'a virtual generated column cannot be mapped');
    SELECT customer_import.attach_customers_table('public.shopper', 'login', 'codes', '{"firstName": "first"}');
    SELECT is((SELECT state || ' ' || created FROM customer_import.import_customers(
                   E'userName,addRoles,firstName\nann,buyer,Ann\nbob,buyer,Bob\nann,,Anna\n', 'Create & Update')), 'completed 2',
              'a table with one is imported into');
    SELECT is((SELECT string_agg(shown, ' ' ORDER BY login) FROM public.shopper), 'ANNA BOB', 'and computes it');
    SELECT is((SELECT state || ' ' || deleted FROM customer_import.undo_import((SELECT max(id) FROM customer_import.imports))), 'completed 2',
              'an undo finds the customers as they were');
\endif

SELECT * FROM finish();
ROLLBACK;
