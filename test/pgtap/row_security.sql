-- Row security: what is in the catalog, and the routes by which rows of others could be seen, guessed or written.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = error;
SELECT plan(216);

CREATE ROLE regress_rls_ann;
CREATE ROLE regress_rls_bob;
CREATE ROLE regress_rls_admin;
CREATE ROLE regress_rls_gateway;
CREATE ROLE regress_rls_all;
CREATE SCHEMA regress_mine;
GRANT ALL ON SCHEMA regress_mine TO regress_rls_ann, regress_rls_admin, regress_rls_gateway;
GRANT pg_read_server_files TO regress_rls_ann, regress_rls_admin, regress_rls_gateway;
DO $$
DECLARE
    four text[] := '{customerView,customerEdit,importView,importEdit}';
BEGIN
    PERFORM customer_import.create_customers_table('public.customers');
    PERFORM customer_import.add_role_codes('{buyer}');
    PERFORM customer_import.add_operator('regress_rls_ann', roles => four);
    PERFORM customer_import.add_operator('regress_rls_bob', roles => four);
    PERFORM customer_import.add_operator('regress_rls_admin', roles => '{administrator}');
    PERFORM customer_import.grant_gateway('regress_rls_gateway', may_act_as_admin => true);
END
$$;

--
-- The catalog
--
SELECT is((SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = name::regclass), true, 'row security is enabled and forced on ' || name)
  FROM unnest('{public.customers,customer_import.imports,customer_import.import_issues,customer_import._import_change_pages,customer_import._import_files,customer_import._background_imports,customer_import._import_slices,customer_import.uploads,customer_import._upload_chunks,customer_import.email_outbox,customer_import.operators,customer_import.role_codes,customer_import.customers_table_columns}'::text[]) AS name;
SELECT set_eq($$SELECT relname::text FROM pg_class WHERE relnamespace = 'customer_import'::regnamespace AND relkind IN ('r', 'p') AND NOT (relrowsecurity AND relforcerowsecurity)$$,
              ARRAY['customers_table', 'gateways', 'mailers', 'operator_privileges', 'granted_privileges'], 'tables without it hold nothing of customers or imports');
SELECT is_empty($$SELECT oid::regclass FROM pg_class WHERE relnamespace = 'customer_import'::regnamespace AND relkind IN ('v', 'm')
                     AND NOT (relkind = 'v' AND 'security_invoker=true' = ANY (COALESCE(reloptions, '{}')))$$, 'every view is security_invoker, and none is materialized');
SELECT policies_are('public', 'customers', '{customer_import_select,customer_import_insert,customer_import_update,customer_import_delete}'::name[]);
SELECT policy_cmd_is('public', 'customers', ('customer_import_' || cmd)::name, cmd) FROM unnest('{select,insert,update,delete}'::text[]) AS cmd;
SELECT is_empty($$SELECT polname FROM pg_policy WHERE NOT polpermissive OR polroles <> '{0}'$$, 'every policy is permissive and for everybody');
SELECT is_empty($$SELECT polrelid::regclass, polname FROM pg_policy WHERE polrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'customer_import'::regnamespace) AND polcmd <> 'r'$$,
                'on tables of the extension there are policies for reading only');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class AS c WHERE relnamespace = 'customer_import'::regnamespace AND relrowsecurity AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid)
                     AND relname NOT IN ('_import_files', '_upload_chunks', '_background_imports', '_removal_marks')$$, 'each table with row security has one, but those that nobody is to see');
-- Helpers are in sub-selects: once they are cut out, no function call is left
CREATE TEMPORARY VIEW expressions AS
    SELECT format('%s.%s', schemaname, tablename) AS relation, policyname AS policy, expression FROM pg_policies, unnest(ARRAY[qual, with_check]) AS expression WHERE expression IS NOT NULL;
SELECT isnt_empty($$SELECT 1 FROM expressions WHERE expression ~ '\( SELECT customer_import\.may_edit_customers\(\)'$$, 'policies call helpers');
SELECT is_empty($$SELECT * FROM expressions WHERE regexp_replace(expression, '\( SELECT customer_import\.[a-z_]+\(\) AS [a-z_]+\)', '', 'g') ~ '\w\('
                     AND regexp_replace(expression, '\( SELECT customer_import\.[a-z_]+\(\) AS [a-z_]+\)', '', 'g') !~ 'IN \( SELECT'$$, 'each in a sub-select of its own');
SELECT matches(expression, '^\( SELECT customer_import\.' || helper || '\(\) AS ' || helper || '\)$', format('%s asks %s() and nothing else', policy, helper))
  FROM (VALUES ('customer_import_select', 'may_view_customers'), ('customer_import_insert', 'may_edit_customers'), ('customer_import_update', 'may_edit_customers'), ('customer_import_delete', 'may_edit_customers')) AS h (name, helper)
  JOIN expressions ON policy = name ORDER BY policy;
SELECT is(concat(provolatile, proparallel, proleakproof, prosecdef), 'srff', proname || '() is STABLE, PARALLEL RESTRICTED, not leakproof, not SECURITY DEFINER')
  FROM pg_proc WHERE pronamespace = 'customer_import'::regnamespace AND proname IN ('current_operator', 'is_admin', 'may_view_customers', 'may_edit_customers', 'may_import_customers', 'may_view_imports') ORDER BY proname;
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'customer_import'::regnamespace AND proleakproof$$, 'nothing of the extension is leakproof');

--
-- Bookkeeping: written by no operator
--
DO $$BEGIN PERFORM customer_import.import_customers(E'userName,addRoles\nx1,buyer\nx2,byer\n', 'Create & Update'); END$$;
DO $$BEGIN PERFORM customer_import.import_customers(E'userName,addRoles\nx1,buyer\n', 'Create & Update', background => true); END$$;
DO $$BEGIN PERFORM customer_import.append_upload(customer_import.begin_upload(), 'userName'); END$$;
INSERT INTO customer_import.email_outbox (import_id, operator, recipient, origin) VALUES (1, 'x', 'x@example.com', 'x');
CREATE TEMPORARY TABLE bookkeeping AS
    SELECT c.relname AS name, a.attname AS first_column, c.relrowsecurity AS has_rls FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = 1
     WHERE c.relnamespace = 'customer_import'::regnamespace AND c.relkind = 'r';
CREATE TEMPORARY TABLE writes (number integer, kind text, template text, granted text);
INSERT INTO writes VALUES
    (1, 'INSERT', 'INSERT INTO customer_import.%1$I SELECT * FROM customer_import.%1$I', '^42501 new row violates row-level security policy'),
    (2, 'INSERT of nothing', 'INSERT INTO customer_import.%1$I DEFAULT VALUES', '^(42501 new row violates row-level security policy|23502 )'),
    (3, 'UPDATE', 'UPDATE customer_import.%1$I SET %2$I = %2$I', '^ok 0$'),
    (4, 'DELETE', 'DELETE FROM customer_import.%1$I', '^ok 0$'),
    (5, 'FOR UPDATE', 'SELECT count(*) FROM (SELECT 1 FROM customer_import.%1$I FOR UPDATE) AS t', '^ok 0$'),
    (6, 'TRUNCATE', 'TRUNCATE customer_import.%1$I', NULL),
    (7, 'COPY', $$COPY customer_import.%1$I FROM '/dev/null'$$, '^0A000 COPY FROM not supported with row-level security'),
    (8, 'LOCK', 'LOCK TABLE customer_import.%1$I IN ROW EXCLUSIVE MODE', NULL),
    (9, 'a trigger', 'CREATE TRIGGER mine BEFORE INSERT ON customer_import.%1$I FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()', NULL),
    (10, 'a policy', 'CREATE POLICY mine ON customer_import.%1$I USING (true)', NULL),
    (11, 'a foreign key', 'CREATE TABLE regress_mine.child (LIKE customer_import.%1$I, FOREIGN KEY (%2$I) REFERENCES customer_import.%1$I)', NULL);
CREATE TEMPORARY TABLE writers (name text, who text, acts_as text);
INSERT INTO writers VALUES ('an operator', 'regress_rls_ann', NULL), ('an administrator', 'regress_rls_admin', NULL), ('a gateway', 'regress_rls_gateway', NULL), ('a gateway as an administrator', 'regress_rls_gateway', 'regress_rls_admin');
SELECT is_empty(format($$SELECT b.name, w.name, outcome FROM bookkeeping AS b CROSS JOIN writers AS w
                         CROSS JOIN LATERAL pg_temp.attempt(w.who, w.acts_as, format(%L, b.name, b.first_column)) AS outcome
                          WHERE outcome !~ '^42501 (permission denied for (table|sequence)|must be owner of)'$$, template), kind || ': nobody, on no table of the extension')
  FROM writes ORDER BY number;
SELECT is_empty($$SELECT b.name, w.name, p FROM bookkeeping AS b CROSS JOIN writers AS w CROSS JOIN unnest('{INSERT,UPDATE,REFERENCES}'::text[]) AS p
                   WHERE has_any_column_privilege(w.who, 'customer_import.' || quote_ident(b.name), p)$$, 'also by no column');
SELECT is(pg_temp.attempt(w.who, w.acts_as, statement), '42501 permission denied for sequence imports_id_seq', format('%s: %s', w.name, statement))
  FROM writers AS w CROSS JOIN unnest(ARRAY[$$SELECT nextval('customer_import.imports_id_seq')$$, $$SELECT setval('customer_import.imports_id_seq', 1)$$, $$SELECT last_value FROM customer_import.imports_id_seq$$]) AS statement
 WHERE w.acts_as IS NULL;
SELECT is(pg_temp.attempt(w.who, w.acts_as, $$INSERT INTO customer_import.import_changes (import_id) VALUES (1)$$) ~ '^(42501|55000) ', true, w.name || ': not by the view either') FROM writers AS w;

-- When a DBA grants all on tables with row security, it is still the extension alone that writes
GRANT ALL ON ALL TABLES IN SCHEMA customer_import TO regress_rls_all;
GRANT ALL ON ALL SEQUENCES IN SCHEMA customer_import TO regress_rls_all;
GRANT regress_rls_all TO regress_rls_ann, regress_rls_admin, regress_rls_gateway;
SELECT is_empty(format($$SELECT b.name, w.name, outcome FROM bookkeeping AS b CROSS JOIN writers AS w
                         CROSS JOIN LATERAL pg_temp.attempt(w.who, w.acts_as, format(%L, b.name, b.first_column)) AS outcome
                          WHERE b.has_rls AND outcome !~ %L AND NOT (outcome = 'ok 0' AND (w.name IN ('an operator', 'a gateway') OR b.name IN ('_import_files', '_upload_chunks', '_background_imports', '_removal_marks')) AND %L = 'INSERT')$$, template, granted, kind), kind || ': nobody on tables with row security, whatever a DBA has granted')
  FROM writes WHERE granted IS NOT NULL ORDER BY number;
REVOKE regress_rls_all FROM regress_rls_ann, regress_rls_admin, regress_rls_gateway;

--
-- Hidden rows: each operator has the customers of its company
--
ALTER TABLE public.customers ADD COLUMN secret text DEFAULT 'sesame', ADD CONSTRAINT phone_is_known CHECK (phone <> 'unknown');
CREATE UNIQUE INDEX customers_email_key ON public.customers (email);
DELETE FROM public.customers;
INSERT INTO public.customers (user_name, company, email, roles, phone, secret) VALUES
    ('a1', 'regress_rls_ann', 'a1@example.com', '{buyer}', '1', 'mine'), ('a2', 'regress_rls_ann', 'a2@example.com', '{}', '1', 'mine'),
    ('hidden1', 'regress_rls_bob', 'hidden1@example.com', '{buyer}', '1', 'sesame'), ('hidden2', 'regress_rls_bob', 'hidden2@example.com', '{administrator}', '1', 'sesame');
CREATE POLICY company ON public.customers AS RESTRICTIVE USING (company = (SELECT customer_import.current_operator()));
-- Remembers what it is shown
CREATE SEQUENCE regress_mine.shown;
GRANT ALL ON SEQUENCE regress_mine.shown TO PUBLIC;
CREATE FUNCTION regress_mine.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
    IF $1 ~ 'hidden|sesame|regress_rls_bob|administrator' THEN
        RAISE 'shown: %', $1;
    END IF;
    RETURN true;
END
$$;
CREATE OPERATOR regress_mine.~~~ (RIGHTARG = text, FUNCTION = regress_mine.leak);
-- Whether the server itself shows hidden rows to WHERE of ON CONFLICT DO UPDATE (CVE-2026-120154): imports never run one.
CREATE TABLE public.probe (name text PRIMARY KEY, owner text, secret text);
INSERT INTO public.probe VALUES ('hidden1', 'regress_rls_bob', 'sesame');
ALTER TABLE public.probe ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON public.probe USING (owner = CURRENT_USER);
GRANT ALL ON public.probe TO PUBLIC;
SELECT pg_temp.attempt('regress_rls_ann', NULL, $$INSERT INTO public.probe AS c (name, owner) VALUES ('hidden1', 'regress_rls_ann')
                                                  ON CONFLICT (name) DO UPDATE SET owner = 'x' WHERE regress_mine.leak(c.secret)$$) ~ '^P0001 shown' AS has_hole \gset
DROP TABLE public.probe;
CREATE TEMPORARY TABLE routes (number integer GENERATED ALWAYS AS IDENTITY, name text, statement text, expected text);
INSERT INTO routes (name, statement, expected) VALUES
    ('count', 'SELECT count(*) FROM public.customers', 'ok 2'),
    ('by name', $$SELECT count(*) FROM public.customers WHERE user_name = 'hidden1'$$, 'ok 0'),
    ('by place', $$SELECT count(*) FROM public.customers WHERE ctid = ANY (ARRAY(SELECT format('(0,%s)', i)::tid FROM generate_series(1, 50) AS i))$$, 'ok 2'),
    ('by roles', $$SELECT count(*) FROM public.customers WHERE roles @> '{administrator}'$$, 'ok 0'),
    ('a sample', 'SELECT count(*) FROM public.customers TABLESAMPLE SYSTEM (100)', 'ok 2'),
    ('a join', 'SELECT count(*) FROM public.customers AS a JOIN public.customers AS b USING (active)', 'ok 4'),
    ('a lock', 'SELECT count(*) FROM (SELECT 1 FROM public.customers FOR UPDATE) AS t', 'ok 2'),
    ('a view of its own', 'DO $a$BEGIN CREATE VIEW regress_mine.v AS SELECT * FROM public.customers; IF (SELECT count(*) FROM regress_mine.v) = 2 THEN RAISE SQLSTATE ''TWO00''; END IF; END$a$', 'TWO00 TWO00'),
    ('a materialized view of its own', 'DO $a$BEGIN CREATE MATERIALIZED VIEW regress_mine.v AS SELECT * FROM public.customers; IF (SELECT count(*) FROM regress_mine.v) = 2 THEN RAISE SQLSTATE ''TWO00''; END IF; END$a$', 'TWO00 TWO00'),
    ('a leaking function', 'SELECT count(*) FROM public.customers WHERE regress_mine.leak(user_name)', 'ok 2'),
    ('a leaking function on another column', 'SELECT count(*) FROM public.customers WHERE regress_mine.leak(secret) AND regress_mine.leak(company)', 'ok 2'),
    ('a leaking function on roles', 'SELECT count(*) FROM public.customers WHERE regress_mine.leak(roles::text)', 'ok 2'),
    ('a leaking operator', 'SELECT count(*) FROM public.customers WHERE OPERATOR(regress_mine.~~~) secret', 'ok 2'),
    ('a leaking function in a join', 'SELECT count(*) FROM public.customers AS a JOIN (VALUES (1)) AS v (i) ON regress_mine.leak(a.user_name)', 'ok 2'),
    ('a leaking function before a limit', 'SELECT count(*) FROM (SELECT 1 FROM public.customers WHERE regress_mine.leak(email) ORDER BY user_name DESC LIMIT 10) AS t', 'ok 2'),
    ('a leaking function to sort by', 'SELECT count(*) FROM (SELECT 1 FROM public.customers ORDER BY regress_mine.leak(secret)) AS t', 'ok 2'),
    ('a leaking function in an aggregate', 'SELECT count(*) FILTER (WHERE regress_mine.leak(secret)) FROM public.customers', 'ok 2'),
    ('an error in a cast', $$SELECT count(*) FROM public.customers WHERE CASE WHEN user_name ~ 'hidden' THEN user_name::integer ELSE 1 END = 1$$, 'ok 2'),
    ('UPDATE', $$UPDATE public.customers SET phone = '2'$$, 'ok 2'),
    ('UPDATE of one', $$UPDATE public.customers SET phone = '2' WHERE user_name = 'hidden1'$$, 'ok 0'),
    ('UPDATE with a leaking function', $$UPDATE public.customers SET phone = '2' WHERE regress_mine.leak(secret)$$, 'ok 2'),
    ('UPDATE that returns', $$SELECT regress_mine.updated()$$, 'ok a1 a2'),
    ('UPDATE to the name of one', $$UPDATE public.customers SET user_name = 'hidden1' WHERE user_name = 'a1'$$, '23505 duplicate key value violates unique constraint "customers_pkey" [customers_pkey]'),
    ('UPDATE to the e-mail of one', $$UPDATE public.customers SET email = 'hidden1@example.com' WHERE user_name = 'a1'$$, '23505 duplicate key value violates unique constraint "customers_email_key" [customers_email_key]'),
    ('UPDATE that gives away', $$UPDATE public.customers SET company = 'regress_rls_bob'$$, '42501 new row violates row-level security policy "company" for table "customers"'),
    ('UPDATE against a CHECK', $$UPDATE public.customers SET phone = 'unknown' WHERE user_name = 'a1'$$, '23514 new row for relation "customers" violates check constraint "phone_is_known" [phone_is_known]'),
    ('DELETE', $$DELETE FROM public.customers$$, 'ok 2'),
    ('DELETE of one', $$DELETE FROM public.customers WHERE user_name = 'hidden1'$$, 'ok 0'),
    ('DELETE with a leaking function', 'DELETE FROM public.customers WHERE regress_mine.leak(secret)', 'ok 2'),
    ('DELETE USING', $$DELETE FROM public.customers AS a USING public.customers AS b WHERE b.user_name ~ 'hidden'$$, 'ok 0'),
    ('INSERT of one', $$INSERT INTO public.customers (user_name, company) VALUES ('hidden1', 'regress_rls_ann')$$, '23505 duplicate key value violates unique constraint "customers_pkey" [customers_pkey]'),
    ('INSERT for another', $$INSERT INTO public.customers (user_name, company) VALUES ('new', 'regress_rls_bob')$$, '42501 new row violates row-level security policy "company" for table "customers"'),
    ('ON CONFLICT DO NOTHING', $$INSERT INTO public.customers (user_name, company) VALUES ('hidden1', 'regress_rls_ann') ON CONFLICT DO NOTHING$$, 'ok 0'),
    ('ON CONFLICT DO UPDATE', $$INSERT INTO public.customers (user_name, company) VALUES ('hidden1', 'regress_rls_ann') ON CONFLICT (user_name) DO UPDATE SET phone = '2'$$,
        '42501 new row violates row-level security policy "company" (USING expression) for table "customers"'),
    ('ON CONFLICT DO UPDATE with a leaking function', $$INSERT INTO public.customers AS c (user_name, company) VALUES ('hidden1', 'regress_rls_ann') ON CONFLICT (user_name) DO UPDATE SET phone = '2' WHERE regress_mine.leak(c.secret)$$,
        CASE WHEN :'has_hole' THEN 'P0001 shown: sesame'
             ELSE '42501 new row violates row-level security policy "company" (USING expression) for table "customers"' END),
    ('ON CONFLICT DO UPDATE that copies', $$INSERT INTO public.customers AS c (user_name, company) VALUES ('hidden1', 'regress_rls_ann') ON CONFLICT (user_name) DO UPDATE SET company = 'regress_rls_ann', phone = c.secret$$,
        '42501 new row violates row-level security policy "company" (USING expression) for table "customers"'),
    ('MERGE', $$MERGE INTO public.customers AS c USING (VALUES ('hidden1')) AS v (u) ON c.user_name = v.u WHEN MATCHED THEN UPDATE SET phone = '2' WHEN NOT MATCHED THEN INSERT (user_name, company) VALUES (v.u, 'regress_rls_ann')$$,
        '23505 duplicate key value violates unique constraint "customers_pkey" [customers_pkey]'),
    ('MERGE that only updates', $$MERGE INTO public.customers AS c USING (VALUES ('hidden1'), ('a1')) AS v (u) ON c.user_name = v.u WHEN MATCHED THEN UPDATE SET phone = '2'$$, 'ok 1'),
    ('MERGE that deletes', $$MERGE INTO public.customers AS c USING (VALUES (1)) AS v (i) ON true WHEN MATCHED AND regress_mine.leak(c.secret) THEN DELETE$$, 'ok 2'),
    ('statistics', $$SELECT count(*) FROM pg_stats WHERE tablename = 'customers'$$, 'ok 0'),
    ('row_security_active()', $$SELECT row_security_active('public.customers')$$, 'ok true');
CREATE FUNCTION regress_mine.updated() RETURNS text LANGUAGE sql AS $$WITH u AS (UPDATE public.customers SET phone = '2' RETURNING user_name) SELECT string_agg(user_name, ' ' ORDER BY user_name) FROM u$$;
ANALYZE public.customers;
CREATE FUNCTION pg_temp.hidden() RETURNS text LANGUAGE sql AS $$SELECT string_agg(concat_ws(' ', user_name, email, roles, phone, company, secret), ', ' ORDER BY user_name) FROM public.customers WHERE user_name ~ '^hidden'$$;
SELECT is(pg_temp.attempt(COALESCE(gateway, 'regress_rls_ann'), CASE WHEN gateway IS NOT NULL THEN 'regress_rls_ann' END, statement, 'SELECT pg_temp.hidden()'),
          expected || ' => hidden1 hidden1@example.com {buyer} 1 regress_rls_bob sesame, hidden2 hidden2@example.com {administrator} 1 regress_rls_bob sesame', format('%s: %s', COALESCE('through a gateway' || substr(gateway, 99), 'logged in'), name))
  FROM routes CROSS JOIN (VALUES (NULL), ('regress_rls_gateway')) AS g (gateway) ORDER BY gateway, number;

-- What an import says of a record that failed is nothing of the customers of others
CREATE FUNCTION pg_temp.last_issue() RETURNS text LANGUAGE sql AS $$SELECT concat_ws('|', code, sqlstate, message, detail, hint) FROM customer_import.import_issues ORDER BY import_id DESC, line LIMIT 1$$;
SELECT is(pg_temp.attempt('regress_rls_ann', NULL, format('SELECT pg_temp.import(%L)', csv), 'SELECT pg_temp.last_issue()'), expected, name)
  FROM (VALUES (E'userName,email\na1,hidden1@example.com\n', 'ok completed rejected=1 (database_error 23505) => database_error|23505|duplicate key value violates unique constraint "customers_email_key"', 'the e-mail of one of others'),
               (E'userName,email,company\nnew,hidden1@example.com,regress_rls_ann\n', 'ok completed rejected=1 (database_error 23505) => database_error|23505|duplicate key value violates unique constraint "customers_email_key"', 'also of a new customer'),
               (E'userName,phone\na1,unknown\n', 'ok completed rejected=1 (database_error 23514) => database_error|23514|new row for relation "customers" violates check constraint "phone_is_known"', 'a CHECK')) AS t (csv, expected, name);
SELECT is(pg_temp.attempt('regress_rls_ann', NULL, format('SELECT pg_temp.import(%L, %L)', E'userName,phone,company\n' || user_name || E',2,regress_rls_ann\n', mode), 'SELECT pg_temp.hidden()'),
          format('ok completed %s => hidden1 hidden1@example.com {buyer} 1 regress_rls_bob sesame, hidden2 hidden2@example.com {administrator} 1 regress_rls_bob sesame', expected), format('%s: %s', mode, user_name))
  FROM unnest('{hidden1,hidden2}'::text[]) AS user_name
 CROSS JOIN (VALUES ('Update Only', 'skipped=1 (not_found)'), ('Create Only', 'rejected=1 (not_permitted)'), ('Create & Update', 'rejected=1 (not_permitted)')) AS m (mode, expected);

--
-- History
--
SET LOCAL SESSION AUTHORIZATION regress_rls_bob;
SELECT pg_temp.import(E'userName,company,addRoles\nhidden3,regress_rls_bob,buyer\nhidden4,regress_rls_bob,sesame\n') AS imported \gset
SET LOCAL SESSION AUTHORIZATION regress_rls_ann;
SELECT pg_temp.import(E'userName,company,addRoles\na3,regress_rls_ann,buyer\na4,regress_rls_ann,byer\n') AS imported \gset
SET LOCAL SESSION AUTHORIZATION DEFAULT;
SELECT id AS bobs FROM customer_import.imports WHERE operator = 'regress_rls_bob' \gset
SELECT is(pg_temp.attempt('regress_rls_ann', NULL, replace(statement, '{bobs}', :'bobs')), replace(expected, '{bobs}', :'bobs'), statement)
  FROM (VALUES ('SELECT string_agg(DISTINCT operator, '','') FROM customer_import.imports', 'ok regress_rls_ann'),
               ('SELECT string_agg(value, '','') FROM customer_import.import_issues', 'ok byer'),
               ('SELECT string_agg(user_name, '','') FROM customer_import.import_changes', 'ok a3'),
               ('SELECT count(*) FROM customer_import._import_change_pages', 'ok 1'),
               ('SELECT count(*) FROM customer_import.imports WHERE regress_mine.leak(operator)', 'ok 1'),
               ('SELECT count(*) FROM customer_import.import_issues WHERE regress_mine.leak(value) AND regress_mine.leak(convert_from(record, ''UTF8''))', 'ok 1'),
               ('SELECT count(*) FROM customer_import.import_changes WHERE regress_mine.leak(user_name) AND regress_mine.leak(after::text)', 'ok 1'),
               ('SELECT count(*) FROM customer_import._import_change_pages WHERE regress_mine.leak(first_user_name)', 'ok 1'),
               ('SELECT count(*) FROM customer_import._import_change_pages AS p, customer_import._read_change_page(p.import_id, p.page) AS c WHERE regress_mine.leak(c.user_name)', 'ok 1'),
               ('SELECT count(*) FROM customer_import._read_change_page({bobs}, 1) AS c WHERE regress_mine.leak(c.user_name)', 'ok 0'),
               ('SELECT customer_import.import_report({bobs})', '42704 import {bobs} does not exist'),
               ('SELECT customer_import.rejected_csv({bobs})', '42704 import {bobs} does not exist'),
               ('SELECT customer_import.rejected_csv_bytes({bobs})', '42704 import {bobs} does not exist'),
               ('SELECT customer_import.skipped_csv({bobs})', '42704 import {bobs} does not exist'),
               ('SELECT count(*) FROM customer_import.rejected_lines({bobs})', '42704 import {bobs} does not exist'),
               ('SELECT count(*) FROM customer_import.skipped_lines({bobs})', '42704 import {bobs} does not exist'),
               ('SELECT customer_import.rejected_csv(-1)', '42704 import -1 does not exist'),
               ('SELECT customer_import.import_report(-1)', '42704 import -1 does not exist'),
               ('SELECT count(*) FROM customer_import.operators WHERE regress_mine.leak(name)', 'ok 1')) AS t (statement, expected);
SELECT is(pg_temp.attempt('regress_rls_admin', NULL, 'SELECT string_agg(DISTINCT operator, '','' ORDER BY operator) FROM customer_import.imports WHERE operator ~ ''regress_rls_(ann|bob)'''), 'ok regress_rls_ann,regress_rls_bob', 'an administrator sees all');
-- The same request id of another operator is not this one's import
SELECT is(pg_temp.attempt('regress_rls_bob', NULL, $$SELECT import_id FROM customer_import.import_customers(E'userName,phone\nhidden1,3\n', 'Update Only', request_id => 'r')$$,
                          $$SELECT max(operator) FROM customer_import.imports WHERE request_id = 'r'$$) ~ ' => regress_rls_bob$', true, 'a request id');
INSERT INTO customer_import.imports (operator, database_role, mode, state, request_id, message) VALUES ('regress_rls_bob', 'regress_rls_bob', 'update_only', 'completed', 'r', 'sesame');
SELECT is(pg_temp.attempt('regress_rls_ann', NULL, $$SELECT message ~ 'sesame' FROM customer_import.import_customers(E'userName,phone\na1,3\n', 'Update Only', request_id => 'r')$$), 'ok false', 'of another is another');

--
-- Large objects
--
SELECT lo_from_bytea(0, E'userName,company\nstolen,regress_rls_ann\n') AS foreign_file \gset
SET LOCAL SESSION AUTHORIZATION regress_rls_ann;
SELECT lo_from_bytea(0, E'userName,company\na5,regress_rls_ann\n') AS own_file \gset
SET LOCAL SESSION AUTHORIZATION DEFAULT;
SELECT is(pg_temp.attempt(who, NULL, format($$SELECT customer_import.import_customers(%s::oid, 'Create Only')$$, :'foreign_file')), format('42501 permission denied for large object %s', :'foreign_file'), who || ' does not import the large object of another')
  FROM unnest('{regress_rls_ann,regress_rls_admin}'::text[]) AS who;
SELECT is(pg_temp.attempt('regress_rls_gateway', 'regress_rls_ann', format($$SELECT customer_import.import_customers(%s::oid, 'Create Only')$$, :'own_file')), format('42501 permission denied for large object %s', :'own_file'),
          'a gateway reads those that its own role may read');
SELECT is(pg_temp.attempt('regress_rls_ann', NULL, format($$SELECT created FROM customer_import.import_customers(%s::oid, 'Create Only', unlink => true)$$, :'own_file'), format('SELECT count(*) FROM pg_largeobject_metadata WHERE oid = %s', :'own_file')),
          'ok 1 => 0', 'its own it imports and removes');
GRANT SELECT ON LARGE OBJECT :foreign_file TO regress_rls_ann;
SELECT is(pg_temp.attempt('regress_rls_ann', NULL, format($$SELECT created FROM customer_import.import_customers(%s::oid, 'Create Only')$$, :'foreign_file')), 'ok 1', 'one that it may read it imports');
SELECT is(pg_temp.attempt('regress_rls_ann', NULL, format($$SELECT created FROM customer_import.import_customers(%s::oid, 'Create Only', unlink => true)$$, :'foreign_file'), $$SELECT count(*) FROM public.customers WHERE user_name = 'stolen'$$),
          format('42501 must be owner of large object %s => 0', :'foreign_file'), 'but does not remove');
SELECT matches(pg_temp.attempt('regress_rls_ann', NULL, $$SELECT customer_import.import_customers(1::oid, 'Create Only')$$), '^42704 ', 'one that does not exist');

--
-- Helpers are called once a statement, however many rows there are
--
DROP INDEX public.customers_email_key;   -- with it an import applies each record by its own statement
INSERT INTO public.customers (user_name, company) SELECT 'many' || i, 'regress_rls_ann' FROM generate_series(1, 500) AS i;
INSERT INTO customer_import.imports (operator, database_role, mode, state) SELECT 'regress_rls_ann', 'regress_rls_ann', 'create_only', 'completed' FROM generate_series(1, 500);
INSERT INTO customer_import.import_issues (import_id, line, issue_number, outcome, code, message) SELECT id, 1, 1, 'skipped', 'not_found', 'x' FROM customer_import.imports WHERE mode = 'create_only' ON CONFLICT DO NOTHING;
SET LOCAL track_functions = 'all';
-- Says how often helpers were called by a statement: "may_view_customers 1, …"
CREATE FUNCTION pg_temp.calls(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    helpers regprocedure[] := ARRAY(SELECT p.oid::regprocedure FROM pg_proc AS p WHERE pronamespace = 'customer_import'::regnamespace AND proname ~ '^(is_admin|may_.*|current_operator)$' ORDER BY proname);
    calls_before bigint[] := ARRAY(SELECT COALESCE(pg_stat_get_xact_function_calls(h), 0) FROM unnest(helpers) AS h);
BEGIN
    EXECUTE statement;
    RETURN (SELECT string_agg(format('%s %s', replace(h::text, 'customer_import.', ''), COALESCE(pg_stat_get_xact_function_calls(h), 0) - before), ', ' ORDER BY h::text)
              FROM unnest(helpers, calls_before) AS t (h, before) WHERE COALESCE(pg_stat_get_xact_function_calls(h), 0) <> before);
END
$$;
SELECT is(pg_temp.attempt('regress_rls_ann', NULL, format('SELECT pg_temp.calls(%L)', statement)), 'ok ' || expected, 'helpers called by ' || statement)
  FROM (VALUES ('SELECT count(*) FROM public.customers', 'current_operator() 1, may_view_customers() 1'),
               ('DELETE FROM public.customers WHERE user_name ~ ''^many''', 'current_operator() 1, may_edit_customers() 1, may_view_customers() 1'),
               ('SELECT count(*) FROM customer_import.imports', 'current_operator() 1, is_admin() 1, may_view_imports() 1'),
               ('SELECT count(*) FROM customer_import.operators', 'current_operator() 1, is_admin() 1')) AS t (statement, expected);
SELECT is_empty(format($$SELECT outcome FROM pg_temp.attempt('regress_rls_ann', NULL, format('SELECT pg_temp.calls(%%L)', %L)) AS outcome
                          WHERE outcome !~ '^ok .*[1-9]' OR EXISTS (SELECT FROM regexp_matches(outcome, '\(\) (\d+)', 'g') AS calls WHERE calls[1]::integer > %s)$$, statement, most),
                format('no helper is called more than %s times by %s', most, left(statement, 70)))
  FROM (VALUES ('UPDATE public.customers SET phone = ''7''', 4),
               ('INSERT INTO public.customers (user_name, company) SELECT ''more'' || i, ''regress_rls_ann'' FROM generate_series(1, 500) AS i', 2),
               ('SELECT count(*) FROM customer_import.import_issues', 2),
               ('SELECT customer_import.import_customers((SELECT string_agg(concat_ws('','', u, p), chr(10)) FROM (SELECT ''userName'' AS u, ''phone'' AS p UNION ALL (SELECT user_name, ''8'' FROM public.customers)) AS t), ''Update Only'')', 10)) AS t (statement, most);
SELECT is((pg_temp.attempt(who, acts_as, format('EXPLAIN (COSTS OFF, FORMAT JSON) %s', statement)) ~ '"Parent Relationship": "InitPlan"'), true, format('a helper is an InitPlan: %s: %s', who, statement))
  FROM (VALUES ('regress_rls_ann', NULL), ('regress_rls_gateway', 'regress_rls_ann'), ('regress_rls_admin', NULL)) AS w (who, acts_as)
 CROSS JOIN unnest('{TABLE public.customers,DELETE FROM public.customers,TABLE customer_import.imports,TABLE customer_import.import_issues,TABLE customer_import._import_change_pages,TABLE customer_import.operators}'::text[]) AS statement;
DROP POLICY company ON public.customers;
SELECT matches(pg_temp.attempt('regress_rls_ann', NULL, 'EXPLAIN (COSTS OFF, FORMAT JSON) TABLE public.customers'), '"Filter": "(\$0|\(InitPlan 1\)\.col1)"', 'whose result is all that a row is compared with');
SELECT matches(pg_temp.attempt('regress_rls_ann', NULL, $$EXPLAIN (COSTS OFF, FORMAT JSON) SELECT * FROM public.customers WHERE user_name = 'a1'$$), '"Index Name": "customers_pkey"', 'and the key is still used');

SELECT * FROM finish();
ROLLBACK;
