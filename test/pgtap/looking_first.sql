-- Where the customers of a batch have hardly changed, those of the next one are read in order and decided without the UPDATE, which
-- then writes those that change. What comes of it is in the oracle's ways.
BEGIN;
\ir import_on.psql
SET LOCAL client_min_messages = error;
SET LOCAL track_functions = 'all';
SELECT plan(16);

\ir customers_for_ann.psql
INSERT INTO public.customers (user_name, roles, company) SELECT 'user' || i, '{buyer}', CASE WHEN i % 500 = 0 THEN 'theirs' ELSE 'ours' END FROM generate_series(1, 3000) AS i;
ANALYZE public.customers;

-- What an import in batches did to a changed table, and how many rows the UPDATE has asked about.
CREATE FUNCTION pg_temp.import_on(change text, csv text, mode text DEFAULT 'Update Only', batch_rows integer DEFAULT 500) RETURNS text LANGUAGE sql AS $$
    SELECT set_config('customer_import.batch_rows', batch_rows::text, true);
    SELECT concat_ws(' | ', concat_ws(' ', created, updated, unchanged, skipped, rejected), decided) FROM pg_temp.try_import(change, csv, mode)
$$;
-- A file of the first so many customers; one of `every` gets another role.
CREATE FUNCTION pg_temp.file(records integer, every integer DEFAULT NULL, name text DEFAULT 'user') RETURNS text LANGUAGE sql AS $$
    SELECT E'userName,addRoles\n' || string_agg(format(E'%s%s,%s\n', name, i, CASE WHEN i % every = 0 THEN 'approver' ELSE 'buyer' END), '') FROM generate_series(1, records) AS i
$$;

SELECT is(pg_temp.import_on('SELECT 1', pg_temp.file(3000)), '0 0 3000 0 0 | 501', 'all unchanged: after the trial and the first batch they are only looked at');
SELECT is(pg_temp.import_on('SELECT 1', pg_temp.file(3000), batch_rows => 3000), '0 0 3000 0 0 | 1001', 'large batches: the first one is small');
SELECT is(pg_temp.import_on('SELECT 1', pg_temp.file(3000), batch_rows => 50), '0 0 3000 0 0 | 3001', 'so small batches tell nothing');
SELECT is(pg_temp.import_on('SELECT 1', pg_temp.file(900)), '0 0 900 0 0 | 900', 'a small file: each customer is looked up');
SELECT is(pg_temp.import_on('SELECT 1', pg_temp.file(1400)), '0 0 1400 0 0 | 1401', 'a file of less than half of the customers, too');
SELECT is(pg_temp.import_on('SELECT 1', pg_temp.file(3000) || E'zoe,buyer\nboss,administrator\nuser1,gardener\n'), '0 0 3000 2 1 | 500', 'others and faults');
SELECT is(pg_temp.import_on('CREATE POLICY more ON public.customers AS RESTRICTIVE FOR UPDATE USING (company <> ''theirs'')', pg_temp.file(3000)), '0 0 3000 0 0 | 501',
          'a policy on updating: what may be seen is unchanged');
SELECT is(pg_temp.import_on('CREATE POLICY more ON public.customers AS RESTRICTIVE USING (company <> ''theirs'')', pg_temp.file(3000)), '0 0 2994 6 0 | 500', 'a policy on both: what cannot be seen is not found');
SELECT is(pg_temp.import_on('CREATE POLICY more ON public.customers AS RESTRICTIVE FOR UPDATE USING (company <> ''theirs'')', pg_temp.file(3000, 250)), '0 6 2988 0 6 | 517',
          'a policy on updating: what may only be seen cannot be changed');
SELECT is(pg_temp.import_on('SELECT 1', pg_temp.file(3000) || 'new1,buyer', 'Create & Update'), '1 0 3000 0 0 | 500', 'a new customer is created');
SELECT is(pg_temp.import_on('SELECT 1', pg_temp.file(3000, 10)), '0 300 2700 0 0 | 750', 'one in ten changes: the UPDATE asks about those again');
SELECT is(pg_temp.import_on('SELECT 1', pg_temp.file(3000, 2)), '0 1500 1500 0 0 | 3001', 'more change: the UPDATE asks about all');
SELECT is(pg_temp.import_on('SELECT 1', pg_temp.file(3000, name => 'new'), 'Create & Update'), '3000 0 0 0 0 | 0', 'all are new');

-- Whether the first batch had 1,000 records: then a page of the change log ends there.
CREATE FUNCTION pg_temp.begins_small(import bigint) RETURNS boolean LANGUAGE sql AS $$
    SELECT bool_or(s.changes = 1000)
      FROM (SELECT sum(changes) OVER (ORDER BY page) AS changes FROM customer_import._import_change_pages WHERE import_id = import) AS s
$$;
SELECT set_config('customer_import.batch_rows', '3000', true) \g /dev/null
SELECT import_id AS first FROM customer_import.import_customers(pg_temp.file(3000, 1), 'Update Only') \gset
SELECT ok(pg_temp.begins_small(:first), 'the first batch of a file is small');
SELECT import_id AS undo FROM customer_import.undo_import(:first) \gset
SELECT ok(NOT pg_temp.begins_small(:undo), 'that of an undo, which learns nothing by it, is not');
CREATE FUNCTION pg_temp.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER keep BEFORE UPDATE ON public.customers FOR EACH ROW EXECUTE FUNCTION pg_temp.keep();
SELECT import_id AS second FROM customer_import.import_customers(pg_temp.file(3000, 1), 'Update Only') \gset
SELECT ok(NOT pg_temp.begins_small(:second), 'nor is that of records that are applied one by one');
SELECT * FROM finish();
ROLLBACK;
