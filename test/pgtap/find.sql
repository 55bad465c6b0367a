-- Finding customers: search_customers(), customers_with_roles(), customer_roles(), and which customers are hidden from which operator.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = warning;
SELECT plan(102);

-- The table belongs to a plain role: its row security is forced on that role, too
CREATE ROLE regress_find_boss;
CREATE ROLE regress_find_ann;
CREATE ROLE regress_find_clerk;
GRANT CREATE, USAGE ON SCHEMA public TO regress_find_boss;
DO $$
BEGIN
    PERFORM customer_import.add_operator('regress_find_boss', roles => '{administrator}');
    PERFORM customer_import.add_operator('regress_find_ann', roles => '{customerView}');
    PERFORM customer_import.add_operator('regress_find_clerk', roles => '{customerView,customerEdit,importView,importEdit}');
    PERFORM customer_import.add_role_codes('{buyer,approver,Auditor,gone}');
    PERFORM customer_import.alter_role_code('buyer', 'Buyer', 'May buy');
END
$$;

SELECT throws_ok($$SELECT customer_import.search_customers('ann')$$, '55000', 'there is no customers table');
SELECT throws_ok($$SELECT customer_import.customers_with_roles('{buyer}')$$, '55000', 'there is no customers table');
SELECT throws_ok($$SELECT customer_import.customer_roles('ann')$$, '55000', 'there is no customers table');
SELECT throws_ok('SELECT customer_import.create_search_indexes()', '55000', 'there is no customers table');

SET LOCAL ROLE regress_find_boss;
SELECT lives_ok($$SELECT customer_import.create_customers_table('public.customers')$$, 'the table belongs to a plain role');
RESET ROLE;
INSERT INTO public.customers (user_name, email, first_name, last_name, company, roles) VALUES
    ('ann', 'x@shop.example', 'Zoe', 'Miller', 'Acme', '{buyer}'),
    ('ann-marie', NULL, NULL, NULL, NULL, '{}'),
    ('anna', 'anna@shop.example', 'Anna', 'Lee', 'Acme', '{approver,buyer}'),
    ('bea', 'ann@shop.example', 'Bea', 'O''Neill', '100%_\Shop', '{Auditor}'),
    ('cid', NULL, 'Joanna', 'Smith', 'Łódź Söhne', '{gone}'),
    ('dan', NULL, 'Dan', 'van Anner', NULL, '{administrator,buyer}'),
    ('王芳', NULL, '芳', '王', 'ŁÓDŹ', '{buyer}');

--
-- Search
--
CREATE FUNCTION pg_temp.found(query text, max_rows integer DEFAULT 50) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(user_name, ' ' ORDER BY position)
      FROM customer_import.search_customers(query, max_rows) WITH ORDINALITY AS s (user_name, a, b, c, d, position)
$$;
SELECT throws_ok($$SELECT customer_import.search_customers('ann', 0)$$, '22023', 'max_rows must be between 1 and 1000');
SELECT throws_ok($$SELECT customer_import.search_customers('ann', -1)$$, '22023', 'max_rows must be between 1 and 1000');
SELECT throws_ok($$SELECT customer_import.search_customers('ann', 1001)$$, '22023', 'max_rows must be between 1 and 1000');
SELECT throws_ok('SELECT pg_temp.found(NULL)', '22004', NULL, 'NULL is no query');
SELECT is(pg_temp.found('nobody'), NULL, 'nor does what nobody has');

-- Every query, once without the indexes and once with them
CREATE TEMPORARY TABLE queries (query text PRIMARY KEY, found text);
INSERT INTO queries VALUES
    ('ann', 'ann ann-marie anna bea cid dan'), ('ANN', 'ann ann-marie anna bea cid dan'), (' ann ', 'ann ann-marie anna bea cid dan'),
    ('anna', 'anna cid'), ('shop.example', 'ann anna bea'), ('@', 'ann anna bea'), ('ill', 'ann bea'),
    ('%', 'bea'), ('_', 'bea'), ('\', 'bea'), ('100%', 'bea'), ('0%_\s', 'bea'), ('a%n', NULL), ('a_n', NULL), ('o''neill', 'bea'),
    ('łÓDź', 'cid 王芳'), ('söhne', 'cid'), ('SO' || U&'\0308' || 'hne', 'cid'), ('sohne', NULL), ('王', '王芳'), ('芳', '王芳'), ('芳 王', '王芳'),
    ('zoe miller', 'ann'), ('e mil', 'ann'), ('miller zoe', NULL), (E'ann\nx', NULL), (E'shop.example\nzoe', NULL),
    ('acme', 'ann anna'), ('me', 'ann anna'), ('v', 'dan'), ('''; DROP TABLE public.customers; --', NULL), (repeat('x', 10000), NULL);
SELECT is(pg_temp.found(query), found, format('without an index: %s', left(query, 30))) FROM queries ORDER BY query COLLATE "C";
SELECT is(pg_temp.found(''), 'ann ann-marie anna bea cid dan 王芳', 'nothing asked: everybody, by user name');
SELECT is(pg_temp.found('', 2), 'ann ann-marie', 'not more than asked for');
SELECT is(pg_temp.found('ann', 3), 'ann ann-marie anna', 'and those that match best');
SELECT is(pg_temp.found('ann', 4), 'ann ann-marie anna bea', 'also where the user names do not suffice');
SELECT results_eq($$SELECT * FROM customer_import.search_customers('zoe')$$,
                  $$VALUES ('ann', 'x@shop.example', 'Zoe', 'Miller', 'Acme')$$, 'what there is to show of a customer');

SELECT is(pg_temp.attempt(NULL, NULL, 'SELECT customer_import.create_search_indexes()'), '55000 the extension pg_trgm is not installed', 'the indexes need pg_trgm');
CREATE EXTENSION pg_trgm;
SET LOCAL ROLE regress_find_boss;
SELECT lives_ok('SELECT customer_import.create_search_indexes()', 'the owner creates the indexes');
SELECT lives_ok('SELECT customer_import.create_search_indexes()', 'again, there is nothing to do');
RESET ROLE;
SELECT set_eq($$SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'public.customers'::regclass$$,
              '{customers_pkey,customer_import_search_text,customer_import_search_roles}'::text[], 'there are two');
SELECT is_empty($$SELECT query FROM queries WHERE pg_temp.found(query) IS DISTINCT FROM found$$, 'with the indexes every query finds the same');
SET LOCAL ROLE regress_find_ann;
SELECT is(pg_temp.found('ann'), 'ann ann-marie anna bea cid dan', 'so for an operator');
SELECT ok(pg_stat_get_xact_numscans('public.customer_import_search_text'::regclass) > 0, 'by the index');
SELECT is((SELECT string_agg(user_name, ' ') FROM customer_import.customers_with_roles('{administrator}')), 'dan', 'a rare role');
SELECT ok(pg_stat_get_xact_numscans('public.customer_import_search_roles'::regclass) > 0, 'by its index');
RESET ROLE;
SELECT is((SELECT count(*) FROM pg_settings WHERE name IN ('enable_seqscan', 'jit', 'search_path') AND source = 'session'), 0::bigint, 'no setting has stayed');
INSERT INTO public.customers (user_name, first_name) VALUES ('late', 'Latecomer');
SELECT is(pg_temp.found('latec'), 'late', 'who comes later is found');
UPDATE public.customers SET first_name = 'Other' WHERE user_name = 'late';
SELECT is(pg_temp.found('latec'), NULL, 'and under what it is called now');

-- More matches than are read
INSERT INTO public.customers (user_name, company) SELECT 'many' || n, 'Crowd' FROM generate_series(1, 10100) AS n;
UPDATE public.customers SET email = 'crowd@shop.example' WHERE user_name = 'many77';
SELECT is(pg_temp.found('many99', 3), 'many99 many990 many9900', 'user names come first whatever there is');
SELECT is((SELECT count(*) FROM customer_import.search_customers('crowd', 1000)), 1000::bigint, 'a broad query gives as many as asked for');
SELECT is((SELECT count(*) FROM customer_import.search_customers('row', 1000)), 1000::bigint, 'also inside of texts');
SELECT is((SELECT count(*) FROM customer_import.customers_with_roles('{}')), 10108::bigint, 'no role is held by everybody');

-- A header that needs quotes, as an attached table may have
INSERT INTO customer_import.customers_table_columns SELECT max(position) + 1, 'a, "b"', 'created_at' FROM customer_import.customers_table_columns;
SELECT is(customer_import.import_template(), E'userName,addRoles,removeRoles,email,firstName,lastName,phone,company,active,"a, ""b"""\n', 'the template quotes it');
SELECT lives_ok($$SELECT customer_import.import_customers(customer_import.import_template(), 'Create Only')$$, 'and is a header that an import takes');
DELETE FROM customer_import.customers_table_columns WHERE column_name = 'created_at';

--
-- Roles
--
DELETE FROM public.customers WHERE user_name LIKE 'many%' OR user_name = 'late';
CREATE FUNCTION pg_temp.holders(codes text[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(user_name, ' ') FROM customer_import.customers_with_roles(codes)
$$;
SELECT throws_ok('SELECT pg_temp.holders(NULL)', '22004', NULL, 'NULL is no list of codes');
SELECT is(pg_temp.holders('{byer}'), NULL, 'nor does a code that nobody holds');
SELECT is(pg_temp.holders('{buyer}'), 'ann anna dan 王芳', 'all who hold a code');
SELECT is(pg_temp.holders('{BUYER,Approver}'), 'anna', 'all of several codes, in any case');
SELECT is(pg_temp.holders('{auditor,"",auditor}'), 'bea', 'an empty code is none');
SELECT is(pg_temp.holders('{gone}'), 'cid', 'a code');
SELECT lives_ok($$SELECT customer_import.remove_role_codes('{gone}')$$, 'that the catalog loses');
SELECT is(pg_temp.holders('{gone}'), 'cid', 'is still found');
SELECT results_eq($$SELECT * FROM customer_import.customers_with_roles('{approver}')$$, $$VALUES ('anna', '{approver,buyer}'::text[])$$, 'with all roles');

--
-- Where roles came from
--
SET LOCAL ROLE regress_find_clerk;
SELECT lives_ok($$SELECT customer_import.import_customers(E'userName,addRoles,email\neva,buyer,eva@x\nFred,"buyer,approver",\n', 'Create & Update')$$, 'customers who come with roles');
SELECT lives_ok($$SELECT customer_import.import_customers(E'userName,addRoles,removeRoles\n\neva,auditor,\nfred,,buyer\n', 'Update Only')$$, 'others given and taken');
RESET ROLE;
SELECT lives_ok($$UPDATE public.customers SET roles = '{administrator,approver,buyer}' WHERE user_name = 'fred'$$, 'and some by hand');
SELECT max(id) AS last FROM customer_import.imports \gset
CREATE FUNCTION pg_temp.given(who text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s:%s:%s:%s', code, granted_by, import_id - current_setting('regress.last')::bigint, line), ' ')
      FROM customer_import.customer_roles(who)
$$;
SELECT set_config('regress.last', :'last', true);
SELECT throws_ok('SELECT pg_temp.given(NULL)', '22004', NULL, 'NULL is no user name');
SELECT is(pg_temp.given('nobody'), NULL, 'nobody holds nothing');
SELECT is(pg_temp.given('ann-marie'), NULL, 'who holds nothing neither');
SELECT is(pg_temp.given('ann'), 'buyer:::', 'by hand: nobody knows');
SELECT is(pg_temp.given('eva'), 'Auditor:regress_find_clerk:0:3 buyer:regress_find_clerk:-1:2', 'with the creation, and later');
SELECT is(pg_temp.given(' EVA '), pg_temp.given('eva'), 'the user name is folded');
SELECT is(pg_temp.given('fred'), 'administrator::: approver:regress_find_clerk:-1:3 buyer:::', 'taken by an import and given again by hand: nobody knows');
SELECT results_eq($$SELECT code, name, description, granted_at = (SELECT applied_at FROM customer_import._import_change_pages WHERE import_id = s.import_id)
                      FROM customer_import.customer_roles('eva') AS s$$,
                  $$VALUES ('Auditor', NULL, NULL, true), ('buyer', 'Buyer', 'May buy', true)$$, 'what the code means, and since when it has it');
SELECT is(pg_temp.given('cid'), 'gone:::', 'a code that the catalog has lost');
-- An undo, as it is logged
CREATE TEMPORARY TABLE page AS SELECT * FROM customer_import._import_change_pages WHERE import_id = :last;
INSERT INTO customer_import.imports (id, operator, database_role, mode, state, source_import_id, customers_table)
    SELECT :last + 1, 'x', 'x', 'undo', 'completed', :last, relation FROM customer_import.customers_table;
INSERT INTO customer_import._import_change_pages
    SELECT :last + 1, 1, 'fred', 'fred', 1, '\x0101'::bytea || '\x08'::bytea || '\x00'::bytea || '\x0466726564'::bytea || '\x010005'::bytea || 'buyer'::bytea || '\x0000'::bytea, clock_timestamp();
SELECT is((SELECT count(*) FROM customer_import.import_changes WHERE import_id = :last + 1 AND user_name = 'fred' AND line = 4 AND added = '{buyer}'), 1::bigint, 'after an undo of the import that took it');
SELECT is(pg_temp.given('fred'), 'administrator::: approver:regress_find_clerk:-1:3 buyer:regress_find_clerk:-1:3', 'a role comes from where it was before');
DELETE FROM customer_import._import_change_pages WHERE import_id = :last + 1;
DELETE FROM customer_import.imports WHERE id IN (:last, :last + 1);
SELECT is(pg_temp.given('eva'), 'Auditor::: buyer:regress_find_clerk:-1:2', 'of an import that was purged nobody knows');

--
-- Hidden customers
--
CREATE POLICY only_acme ON public.customers AS RESTRICTIVE FOR SELECT TO regress_find_ann USING (company = 'Acme');
SET LOCAL ROLE regress_find_ann;
SELECT is(pg_temp.found('ann'), 'ann anna', 'a policy limits the search');
SELECT is(pg_temp.found('cid'), NULL, 'also for a whole user name');
SELECT is(pg_temp.found(''), 'ann anna', 'and for no query');
SELECT is(pg_temp.found('o'), 'ann anna', 'and for a short one');
SELECT is(pg_temp.holders('{buyer}'), 'ann anna', 'and the holders of a role');
SELECT is(pg_temp.given('cid'), NULL, 'and the roles tab');
SELECT is((SELECT string_agg("userName", ' ' ORDER BY "userName") FROM customer_import.customer_export), 'ann anna', 'and the export');
RESET ROLE;
-- A policy that closes cursors, ours among them, as far as it is let
CREATE FUNCTION pg_temp.close_all() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'CLOSE ALL';
    RETURN true;
EXCEPTION WHEN OTHERS THEN
    RETURN true;
END $$;
SELECT pg_my_temp_schema()::regnamespace AS temporary \gset
GRANT USAGE ON SCHEMA :"temporary" TO regress_find_ann;
CREATE POLICY closes ON public.customers AS RESTRICTIVE FOR SELECT TO regress_find_ann USING (pg_temp.close_all());
SET LOCAL ROLE regress_find_ann;
SELECT is(pg_temp.holders('{buyer}'), 'ann anna', 'a policy that closes all cursors leaves ours');
SELECT is(pg_temp.found('ann'), 'ann anna', 'in a search as well');
RESET ROLE;
DROP POLICY closes ON public.customers;
SET LOCAL ROLE regress_find_boss;
SELECT is(pg_temp.found('ann'), 'ann ann-marie anna bea cid dan', 'not the others');
SELECT lives_ok('SELECT customer_import.detach_customers_table()', 'detaching');
RESET ROLE;
SELECT is_empty($$SELECT FROM pg_class WHERE relname LIKE 'customer_import_search%' OR relname LIKE 'customer_export%'$$, 'takes the indexes and the views away');
SELECT is((SELECT count(*) FROM public.customers), 9::bigint, 'and no customer');

SELECT * FROM finish();
ROLLBACK;
