-- A library of another version than the catalog, as a package brings it before ALTER EXTENSION UPDATE: nothing imports, and the guard holds.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = error;

-- Each function that does more than compute, called with NULLs; what customers' policies call, and what gateways need for them, works as before
CREATE TEMPORARY TABLE calls AS
    SELECT p.oid::regprocedure::text AS signature,
           p.proname IN ('current_operator', 'is_admin', 'may_view_customers', 'may_edit_customers', 'may_import_customers', 'may_view_imports', 'act_as') AS works,
           format(CASE WHEN p.prokind = 'p' THEN 'CALL' WHEN p.proretset OR p.prorettype = 'record'::regtype THEN 'SELECT * FROM' ELSE 'SELECT' END || ' customer_import.%I(%s)%s',
                  p.proname, (SELECT string_agg('NULL::' || format_type(t, NULL), ', ' ORDER BY n) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a (t, n)
                               WHERE n <= p.pronargs - p.pronargdefaults OR p.provariadic <> 0),
                  CASE WHEN p.proname = '_export_customers' THEN ' AS c (a text)' END) AS statement
      FROM pg_proc AS p
     WHERE p.pronamespace = 'customer_import'::regnamespace AND p.prokind IN ('f', 'p') AND p.provolatile <> 'i' AND p.proname !~ '^_';
SELECT plan((SELECT count(*)::integer FROM calls) + 23);

CREATE ROLE regress_version_ann;
CREATE ROLE regress_version_boss;
CREATE ROLE regress_version_web;
DO $$
BEGIN
    PERFORM customer_import.add_operator('regress_version_ann', roles => '{customerView,customerEdit,importView,importEdit}');
    PERFORM customer_import.add_operator('regress_version_boss', roles => '{administrator}');
    PERFORM customer_import.grant_gateway('regress_version_web');
    PERFORM customer_import.create_customers_table('public.customers');
    PERFORM customer_import.add_role_codes('{buyer,approver}');
    PERFORM customer_import.import_customers(E'userName,addRoles\nann,buyer\nbob,approver\n', 'Create & Update');
END
$$;
SELECT extversion AS version FROM pg_extension WHERE extname = 'customer_import' \gset
UPDATE pg_extension SET extversion = '0.0.9' WHERE extname = 'customer_import';

SELECT throws_ok('SELECT customer_import.import_template()', '55000', 'the library and the catalog of customer_import are of different versions');
DO $$
DECLARE
    message text;
    detail text;
    hint text;
BEGIN
    PERFORM customer_import.import_template();
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    PERFORM set_config('regress.detail', detail, true), set_config('regress.hint', hint, true);
END
$$;
SELECT is(current_setting('regress.detail'), format('The library has version %s, the catalog of this database 0.0.9.', :'version'), 'it says which versions');
SELECT matches(current_setting('regress.hint'), '^Run ALTER EXTENSION customer_import UPDATE\.', 'and what to do');

SELECT CASE WHEN works THEN doesnt_match(pg_temp.attempt(NULL, NULL, statement), '^55000', signature || ' works')
            ELSE matches(pg_temp.attempt(NULL, NULL, statement), '^(55000 the library and the catalog of customer_import are of different versions|2D000|25001)', signature || ' is refused') END
  FROM calls ORDER BY signature;
SELECT matches(pg_temp.attempt(NULL, NULL, statement), '^55000 the library and the catalog of customer_import are of different versions', statement)
  FROM unnest('{SELECT count(*) FROM customer_import.import_status,SELECT count(*) FROM customer_import.import_changes,SELECT count(*) FROM customer_import.import_health,
                SELECT count(*) FROM customer_import.import_activity,SELECT count(*) FROM customer_import.customer_export}'::text[]) AS statement;

-- The customers table is as it was
SELECT is(pg_temp.attempt('regress_version_ann', NULL, statement), expected, statement)
  FROM (VALUES ($$SELECT count(*) FROM public.customers$$, 'ok 2'),
               ($$UPDATE public.customers SET roles = '{approver,BUYER}' WHERE user_name = 'ann'$$, 'ok 1'),
               ($$UPDATE public.customers SET roles = '{administrator}' WHERE user_name = 'bob'$$, '42501 only administrators may give role code "administrator" [customer_import_grant_ceiling]'),
               ($$UPDATE public.customers SET roles = '{byer}' WHERE user_name = 'bob'$$, '23514 role code "byer" is not in the catalog'),
               ($$INSERT INTO public.customers (user_name) VALUES ('Cleo')$$, '23514 new row for relation "customers" violates check constraint "customer_import_user_name" [customer_import_user_name]'),
               ($$INSERT INTO public.customers (user_name, roles) VALUES ('cleo', '{buyer}')$$, 'ok 1'),
               ($$DELETE FROM public.customers WHERE user_name = 'bob'$$, 'ok 1')) AS s (statement, expected);
SELECT is(pg_temp.attempt('regress_version_web', 'regress_version_ann', 'SELECT count(*) FROM public.customers'), 'ok 2', 'also through a gateway');
SELECT is(pg_temp.attempt('regress_version_web', NULL, 'SELECT count(*) FROM public.customers'), 'ok 0', 'which sees nothing by itself');
SELECT is(pg_temp.attempt('regress_version_boss', NULL, $$UPDATE public.customers SET roles = '{administrator}' WHERE user_name = 'bob'$$), 'ok 1', 'an administrator may');
SELECT is((SELECT customer_import.role_set('{b,a}') || customer_import.fold_user_name('ANN')::text), '{a,b,ann}'::text[], 'what only computes works');
SELECT is((SELECT count(*) FROM customer_import.imports), 1::bigint, 'the history can be read');

-- After ALTER EXTENSION UPDATE
UPDATE pg_extension SET extversion = :'version' WHERE extname = 'customer_import';
SELECT lives_ok($$SELECT * FROM customer_import.import_customers(E'userName,addRoles\nann,buyer\n', 'Update Only')$$, 'with the version of the library all is as before');
SELECT is((SELECT count(*) FROM customer_import.import_status), 2::bigint, 'and shows');
-- Once in a session that has found them equal
UPDATE pg_extension SET extversion = '9.9.9' WHERE extname = 'customer_import';
SELECT throws_ok('SELECT customer_import.import_template()', '55000', 'the library and the catalog of customer_import are of different versions', 'a session that has used the library before is refused, too');

SELECT * FROM finish();
ROLLBACK;
