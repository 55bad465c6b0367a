-- The shadow of a customers table, which a test build makes of any: who may write it, and what its policies hide. (test/shadow)
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = warning;
SELECT plan(39);

CREATE ROLE regress_shadow_ann;
CREATE ROLE regress_shadow_bea;
CREATE ROLE regress_shadow_group;
GRANT regress_shadow_group TO regress_shadow_ann;
DO $$
BEGIN
    PERFORM customer_import.create_customers_table();
    PERFORM customer_import.add_role_codes('{buyer,approver}');
    PERFORM customer_import.add_operator('regress_shadow_ann', roles => '{customerView,customerEdit,importView,importEdit}');
    PERFORM customer_import.add_operator('regress_shadow_bea', roles => '{customerView,customerEdit,importView,importEdit}');
    PERFORM customer_import.import_customers(E'userName,addRoles,company\nann,buyer,Acme\nanna,buyer,Other\nannie,"approver,buyer",Acme\nbob,approver,\n', 'Create Only');
END
$$;
CREATE TABLE public.companies (name text);
INSERT INTO public.companies VALUES ('Acme');
GRANT SELECT ON public.companies TO regress_shadow_ann, regress_shadow_bea;

-- What an operator sees, by each way
CREATE FUNCTION pg_temp.seen(who text, code text DEFAULT 'buyer') RETURNS TABLE (way text, found text) LANGUAGE sql AS $$
    SELECT v.way, pg_temp.attempt(who, NULL, v.statement)
      FROM (VALUES ('export', $q$SELECT string_agg("userName", ' ' ORDER BY "userName") FROM customer_import.customer_export$q$),
                   ('spreadsheet', $q$SELECT string_agg("userName", ' ' ORDER BY "userName") FROM customer_import.customer_export_spreadsheet$q$),
                   ('search', $q$SELECT string_agg(user_name, ' ' ORDER BY user_name) FROM customer_import.search_customers('ann')$q$),
                   ('first', $q$SELECT string_agg(user_name, ' ' ORDER BY user_name) FROM customer_import.search_customers('', 1)$q$),
                   ('inside', $q$SELECT string_agg(user_name, ' ' ORDER BY user_name) FROM customer_import.search_customers('nn')$q$),
                   ('holders', format($q$SELECT string_agg(user_name || roles::text, ' ' ORDER BY user_name) FROM customer_import.customers_with_roles('{%s}')$q$, code)),
                   ('roles', $q$SELECT string_agg(code, ' ') FROM customer_import.customer_roles('anna')$q$)) AS v (way, statement)
$$;
CREATE FUNCTION pg_temp.all_seen() RETURNS SETOF text LANGUAGE sql AS $$
    VALUES ('export ok ann anna annie bob'), ('spreadsheet ok ann anna annie bob'), ('search ok ann anna annie'), ('first ok ann'), ('inside ok ann anna annie'),
           ('holders ok ann{buyer} anna{buyer} annie{approver,buyer}'), ('roles ok buyer')
$$;
CREATE FUNCTION pg_temp.acme_seen() RETURNS SETOF text LANGUAGE sql AS $$
    VALUES ('export ok ann annie'), ('spreadsheet ok ann annie'), ('search ok ann annie'), ('first ok ann'), ('inside ok ann annie'),
           ('holders ok ann{buyer} annie{approver,buyer}'), ('roles ok NULL')
$$;
CREATE FUNCTION pg_temp.none_seen() RETURNS SETOF text LANGUAGE sql AS $$
    VALUES ('export ok NULL'), ('spreadsheet ok NULL'), ('search ok NULL'), ('first ok NULL'), ('inside ok NULL'), ('holders ok NULL'), ('roles ok NULL')
$$;
CREATE FUNCTION pg_temp.sees(who text, expected text, said text) RETURNS text LANGUAGE sql AS $$
    SELECT set_eq(format('SELECT way || '' '' || found FROM pg_temp.seen(%L)', who), format('SELECT * FROM pg_temp.%I()', expected), said)
$$;

-- Nobody but the engine and edit_customer() writes the shadow
SELECT is(pg_temp.attempt(who, NULL, statement), '42809 cannot change the shadow of the customers table', format('%s: %s', COALESCE(who, 'a superuser'), statement))
  FROM (VALUES (NULL), ('regress_shadow_ann')) AS w (who),
       (VALUES ($$INSERT INTO customer_import._shadow (user_name) VALUES ('x')$$), ($$INSERT INTO customer_import._shadow (user_name, roles) VALUES ('x', '{buyer}') ON CONFLICT DO NOTHING$$)) AS s (statement);
SELECT is(pg_temp.attempt('regress_shadow_ann', NULL, 'SELECT count(*) FROM customer_import._shadow'), 'ok 0', 'the shadow is empty');
SELECT matches(pg_temp.attempt('regress_shadow_ann', NULL, 'SELECT count(*) FROM customer_import._stage'), '^42501 permission denied for table _stage', 'and the stage is nobody''s');

-- Policies of the shadow
SELECT pg_temp.sees('regress_shadow_ann', 'all_seen', 'without a policy all are seen');
CREATE POLICY acme ON customer_import._shadow AS RESTRICTIVE USING (company = 'Acme' OR (SELECT customer_import.current_operator()) <> 'regress_shadow_ann');
SELECT pg_temp.sees('regress_shadow_ann', 'acme_seen', 'a policy that restricts hides the others');
SELECT pg_temp.sees('regress_shadow_bea', 'all_seen', 'from whom it says');
SELECT is(pg_temp.attempt('regress_shadow_ann', NULL, $$SELECT pg_temp.import(E'userName,addRoles,company\nann,approver,\nanna,approver,\nbob,buyer,Acme\ncid,buyer,Acme\ndan,buyer,Other\n')$$,
                          $$SELECT string_agg(concat(user_name, roles), ' ' ORDER BY user_name) FROM public.customers$$),
          'ok completed created=1 updated=1 rejected=3 (not_permitted 42501, not_permitted, not_permitted 42501) => ann{approver,buyer} anna{buyer} annie{approver,buyer} bob{approver} cid{buyer}',
          'imports neither change nor make a hidden customer');
SELECT is(pg_temp.attempt('regress_shadow_ann', NULL, $$SELECT customer_import.edit_customer('anna', '{"company": "Acme"}')$$), '42704 customer "anna" does not exist', 'nor is one edited');
SELECT is(pg_temp.attempt(NULL, NULL, $$SELECT count(*) FROM customer_import.customer_export$$), 'ok 4', 'a superuser sees all');
DROP POLICY acme ON customer_import._shadow;
CREATE POLICY acme ON customer_import._shadow AS RESTRICTIVE FOR SELECT TO regress_shadow_group USING (company = 'Acme');
SELECT pg_temp.sees('regress_shadow_ann', 'acme_seen', 'one for a role holds for its members');
SELECT pg_temp.sees('regress_shadow_bea', 'all_seen', 'and for no others');
DROP POLICY acme ON customer_import._shadow;
CREATE POLICY acme ON customer_import._shadow AS RESTRICTIVE USING (company IN (SELECT c.name FROM public.companies AS c WHERE c.name = _shadow.company));
SELECT pg_temp.sees('regress_shadow_ann', 'acme_seen', 'one may read another table, with the row');
DROP POLICY acme ON customer_import._shadow;
SET LOCAL my.company = 'Acme';
CREATE POLICY acme ON customer_import._shadow AS RESTRICTIVE USING (company = current_setting('my.company'));
SELECT pg_temp.sees('regress_shadow_ann', 'acme_seen', 'and a setting');
CREATE POLICY two ON customer_import._shadow AS RESTRICTIVE USING (company <> 'Acme');
SELECT pg_temp.sees('regress_shadow_ann', 'none_seen', 'two that restrict do so together');
DROP POLICY acme ON customer_import._shadow;
DROP POLICY two ON customer_import._shadow;
CREATE POLICY none ON customer_import._shadow AS RESTRICTIVE FOR UPDATE USING (false);
CREATE POLICY more ON customer_import._shadow FOR SELECT USING (company = 'Acme');
SELECT pg_temp.sees('regress_shadow_ann', 'all_seen', 'one for UPDATE, or one more that permits, hides nobody');
DROP POLICY none ON customer_import._shadow;
DROP POLICY customer_import_select ON customer_import._shadow;
SELECT pg_temp.sees('regress_shadow_ann', 'acme_seen', 'without that of the extension, one that permits is what permits');
CREATE POLICY most ON customer_import._shadow FOR SELECT USING (company = 'Other' OR user_name = 'bob');
SELECT pg_temp.sees('regress_shadow_ann', 'all_seen', 'one of several is enough');
DROP POLICY more ON customer_import._shadow;
DROP POLICY most ON customer_import._shadow;
SELECT pg_temp.sees('regress_shadow_ann', 'none_seen', 'without any, nobody is seen');
ALTER TABLE customer_import._shadow DISABLE ROW LEVEL SECURITY;
SELECT pg_temp.sees('regress_shadow_ann', 'all_seen', 'without row-level security all are');
ALTER TABLE customer_import._shadow ENABLE ROW LEVEL SECURITY;
CREATE POLICY customer_import_select ON customer_import._shadow FOR SELECT USING (true);

-- The caller's search_path does not say what a policy means
CREATE SCHEMA traps;
GRANT USAGE, CREATE ON SCHEMA traps TO regress_shadow_ann;
CREATE POLICY acme ON customer_import._shadow AS RESTRICTIVE USING (company = 'Acme' AND lower(company) = 'acme');
SET LOCAL SESSION AUTHORIZATION regress_shadow_ann;
CREATE FUNCTION traps.yes(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION traps.lower(text) RETURNS text LANGUAGE sql AS $$SELECT 'acme'$$;
CREATE OPERATOR traps.= (LEFTARG = text, RIGHTARG = text, FUNCTION = traps.yes);
CREATE TEMPORARY TABLE customer_import_candidates AS SELECT 'trap'::text AS "user_name";
SET LOCAL search_path = traps, pg_catalog, pg_temp;
SELECT pg_catalog.string_agg("userName", ' ') AS exported FROM customer_import.customer_export \gset
SELECT pg_catalog.string_agg(user_name, ' ') AS found FROM customer_import.search_customers('ann') \gset
SET LOCAL SESSION AUTHORIZATION DEFAULT;
RESET search_path;
SELECT is(:'exported'::text, 'ann annie', 'an export has the server''s own operators and functions, and our rows');
SELECT is(:'found'::text, 'ann annie', 'and a search');

-- More customers than are looked at together
DROP POLICY acme ON customer_import._shadow;
SELECT count(*) FROM customer_import.import_customers((SELECT E'userName,company\n' || string_agg(format(E'many%s,%s', lpad(n::text, 4, '0'), n % 100), E'\n' ORDER BY n)
                                                        FROM generate_series(1, 1000) AS n), 'Create Only');
CREATE POLICY hundredth ON customer_import._shadow AS RESTRICTIVE FOR SELECT USING (company = '7');
SET LOCAL ROLE regress_shadow_ann;
SELECT is((SELECT count(*) FROM customer_import.customer_export), 10::bigint, 'a few of many are exported');
SELECT is((SELECT array_agg(user_name) FROM customer_import.search_customers('many', 3)), '{many0007,many0107,many0207}', 'hidden ones do not use up what is asked for');
SELECT is((SELECT array_agg(user_name) FROM customer_import.search_customers('', 2)), '{many0007,many0107}', 'not even without a text');
SELECT is((SELECT count(*) FROM customer_import.customers_with_roles('{}')), 10::bigint, 'holders of no role');
RESET ROLE;

-- Where the customers of a batch are all new, those of the next one are taken for new until they are shipped
RESET ROLE;
DROP POLICY hundredth ON customer_import._shadow;
DELETE FROM public.customers;
INSERT INTO public.customers (user_name, roles, company) VALUES ('new0250', '{buyer}', 'Old'), ('new0255', '{administrator}', 'Old'), ('new0399', '{}', 'Old');
SET LOCAL customer_import.batch_rows = 100;
CREATE FUNCTION pg_temp.file() RETURNS text LANGUAGE sql AS $$
    SELECT E'userName,addRoles,company\n' || string_agg(format('new%s,%s,New', lpad(n::text, 4, '0'), CASE n WHEN 255 THEN 'administrator' ELSE 'approver' END), E'\n' ORDER BY n)
      FROM generate_series(0, 399) AS n
$$;
CREATE FUNCTION pg_temp.known() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat(user_name, roles, company), ' ' ORDER BY user_name) FROM public.customers WHERE right(user_name, 4) IN ('0099', '0250', '0255', '0399')
$$;
SELECT is(pg_temp.attempt('regress_shadow_ann', NULL, 'SELECT pg_temp.import(pg_temp.file())', 'SELECT pg_temp.known()'),
          'ok completed created=397 updated=3 => new0099{approver}New new0250{approver,buyer}New new0255{administrator}New new0399{approver}New',
          'who is not new is found, and may hold what the operator may not give');
SELECT is(pg_temp.attempt('regress_shadow_ann', NULL, $$SELECT pg_temp.import(pg_temp.file(), 'Create Only')$$, 'SELECT pg_temp.known()'),
          'ok completed created=397 skipped=3 (already_exists, already_exists, already_exists) => new0099{approver}New new0250{buyer}Old new0255{administrator}Old new0399{}Old',
          'and is skipped');
SELECT is(pg_temp.attempt('regress_shadow_ann', NULL, $$SELECT string_agg(outcome || ' ' || count, ', ' ORDER BY outcome) FROM (SELECT outcome, count(*) FROM customer_import.preview_import(pg_temp.file(), 'Create & Update') GROUP BY 1) AS o$$),
          'ok created 397, updated 3', 'a preview says the same');
ALTER TABLE public.customers ADD CONSTRAINT told CHECK (company <> 'New' OR user_name <> 'new0250');
SELECT is(pg_temp.attempt('regress_shadow_ann', NULL, 'SELECT pg_temp.import(pg_temp.file())', 'SELECT pg_temp.known()'),
          'ok completed created=397 updated=2 rejected=1 (database_error 23514) => new0099{approver}New new0250{buyer}Old new0255{administrator}New new0399{approver}New',
          'an error of the table rejects one record, and those beside it are found');
ALTER TABLE public.customers DROP CONSTRAINT told;
INSERT INTO public.customers (user_name) SELECT 'other' || n FROM generate_series(1, 3) AS n;

-- In a session that knows the table
SELECT is(pg_temp.attempt('regress_shadow_ann', NULL, $$SELECT state FROM customer_import.import_customers(E'userName,company\nann,Acme\n', 'Update Only')$$), 'ok completed', 'an import before the table is changed');
ALTER TABLE public.customers ADD COLUMN more text;
SELECT matches(pg_temp.attempt('regress_shadow_ann', NULL, $$SELECT state FROM customer_import.import_customers(E'userName,company\nann,Acme\n', 'Update Only')$$), '^55000 the customers table has other columns or defaults', 'it has other columns than the shadow');
ALTER TABLE public.customers DROP COLUMN more;
ALTER TABLE public.customers ALTER COLUMN active SET DEFAULT false;
SELECT matches(pg_temp.attempt('regress_shadow_ann', NULL, $$SELECT state FROM customer_import.import_customers(E'userName,company\nann,Acme\n', 'Update Only')$$), '^55000 the customers table has other columns or defaults', 'or another default');
ALTER TABLE public.customers ALTER COLUMN active SET DEFAULT true;
SELECT is((SELECT format('%s %s', stage::text, pg_get_userbyid(relowner) = current_user) FROM customer_import.customers_table JOIN pg_class ON oid = stage), 'customer_import._stage t', 'the register names the stage, which is the owner''s of the table');
SAVEPOINT before_drop;
DROP TABLE customer_import._shadow;
SELECT is(to_regclass('customer_import._stage'), NULL, 'which goes with the shadow, so with the table and the extension');
ROLLBACK TO SAVEPOINT before_drop;

-- Detach tells what is lost
CREATE FUNCTION pg_temp.detach() RETURNS void LANGUAGE sql AS 'SELECT customer_import.detach_customers_table()';
SELECT pg_temp.detach();
SELECT is((SELECT count(*) FROM pg_class WHERE relname IN ('_shadow', '_stage')), 0::bigint, 'detaching drops the shadow');
SELECT is((SELECT count(*) FROM public.customers), 6::bigint, 'and no customer');

SELECT * FROM finish();
ROLLBACK;
