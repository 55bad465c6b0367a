-- A customers table that create_customers_table() makes in partitions: the table, what holds on each partition, what imports do
-- with it, and what detach_customers_table() leaves of it.
BEGIN;
\ir attempt.psql
\ir import_on.psql
SET LOCAL client_min_messages = error;
SET LOCAL track_functions = 'all';
SELECT plan(68);

-- Refused
SELECT throws_ok('SELECT customer_import.create_customers_table(partitions => -1)', '22023', 'invalid number of partitions: -1', 'a negative number');
SELECT throws_ok('SELECT customer_import.create_customers_table(partitions => -2147483648)', '22023', 'invalid number of partitions: -2147483648', 'the least one');
SELECT throws_ok('SELECT customer_import.create_customers_table(partitions => 257)', '22023', 'invalid number of partitions: 257', 'too many');
SELECT throws_ok('SELECT customer_import.create_customers_table(partitions => NULL)', '22004', 'argument "partitions" of function create_customers_table() is NULL', 'NULL');
SELECT hasnt_table('public', 'customers'::name, 'none of them has made a table');
SAVEPOINT bare;
CREATE TABLE public.customers_p3 ();
SELECT throws_ok('SELECT customer_import.create_customers_table(partitions => 4)', '42P07', 'relation "customers_p3" already exists', 'the name of a partition is taken');
SELECT hasnt_table('public', 'customers'::name, 'nothing is left of it');
ROLLBACK TO bare;
SELECT lives_ok('SELECT customer_import.create_customers_table(partitions => 0)', '0: a table without partitions');
SELECT is((SELECT relkind FROM pg_class WHERE oid = 'public.customers'::regclass), 'r'::"char", 'as by default');
ROLLBACK TO bare;
SELECT lives_ok('SELECT customer_import.create_customers_table(partitions => 256)', 'as many as there may be');
SELECT is((SELECT count(*) FROM pg_partition_tree('public.customers') WHERE isleaf), 256::bigint, 'all are there');
ROLLBACK TO bare;
SELECT lives_ok(format('SELECT customer_import.create_customers_table(%L, 2)', 'public.' || repeat('ä', 31)), 'the longest name');
SELECT is((SELECT array_agg(relname::text ORDER BY relname) FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE relkind = 'r'), ARRAY[repeat('ä', 30) || '_p0', repeat('ä', 30) || '_p1'], 'is cut off for partitions, before their number');
ROLLBACK TO bare;

-- The table and its partitions
CREATE ROLE regress_owner SUPERUSER;
CREATE ROLE regress_ann;
CREATE ROLE regress_bob;
GRANT ALL ON SCHEMA public TO regress_owner, regress_ann, regress_bob;
SET LOCAL ROLE regress_owner;
SELECT is(customer_import.create_customers_table(partitions => 4)::text, 'customers', 'create_customers_table() makes a table in partitions');
RESET ROLE;
CREATE TEMPORARY TABLE part AS SELECT relid FROM pg_partition_tree('public.customers') WHERE isleaf;
GRANT SELECT ON part TO PUBLIC;
SELECT is(pg_get_partkeydef('public.customers'::regclass), 'HASH (user_name)', 'by the hash of the user name');
SELECT is((SELECT array_agg(relid::text ORDER BY relid::text) FROM part), '{customers_p0,customers_p1,customers_p2,customers_p3}', 'their names');
SELECT is_empty($$SELECT relid FROM part JOIN pg_class ON oid = relid WHERE relowner <> 'regress_owner'::regrole OR relkind <> 'r' OR relpersistence <> 'p' OR relacl IS NOT NULL$$, 'tables of the caller, with nothing granted');
SELECT is_empty($$SELECT relid FROM part JOIN pg_class ON oid = relid WHERE reloptions IS DISTINCT FROM '{fillfactor=85}'$$, 'with the space of a created table');
SELECT is_empty($$SELECT relid FROM part JOIN pg_class ON oid = relid WHERE NOT relrowsecurity OR NOT relforcerowsecurity$$, 'with row security, enabled and forced');
PREPARE policies AS SELECT polname::text, polcmd::text, pg_get_expr(polqual, polrelid) AS using, pg_get_expr(polwithcheck, polrelid) AS with_check FROM pg_policy WHERE polrelid = $1;
SELECT bag_eq(format('EXECUTE policies(%s)', relid::oid), format('EXECUTE policies(%s)', 'public.customers'::regclass::oid), format('%s has the policies of the table', relid)) FROM part ORDER BY 1;
SELECT is((SELECT count(*) FROM pg_policy WHERE polrelid = 'public.customers_p0'::regclass), 4::bigint, 'which are four');
SELECT is_empty($$SELECT relid FROM part WHERE NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = relid AND tgname = '~customer_import_guard' AND tgenabled = 'O' AND tgtype = 31)$$, 'and the guard');
SELECT is_empty($$SELECT relid FROM part WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = relid AND conname = 'customer_import_user_name' AND convalidated)$$, 'and the CHECK');

DO $$
BEGIN
    PERFORM customer_import.add_role_codes('{buyer,approver}');
    PERFORM customer_import.add_operator('regress_ann', roles => '{customerView,customerEdit,importView,importEdit}');
END
$$;
INSERT INTO public.customers (user_name, roles) VALUES ('bob', '{approver}'), ('cleo', '{}');
SELECT format('public.%I', relid::regclass) AS bobs FROM (SELECT tableoid AS relid FROM public.customers WHERE user_name = 'bob') AS s \gset

-- Who names a partition
SELECT is(pg_temp.attempt('regress_ann', NULL, 'SELECT count(*) FROM ' || :'bobs'), format('42501 permission denied for table %s', split_part(:'bobs', '.', 2)), 'operators have no privilege on partitions');
GRANT ALL ON ALL TABLES IN SCHEMA public TO regress_ann, regress_bob;
SELECT is(pg_temp.attempt('regress_ann', NULL, 'SELECT count(*) > 0 FROM ' || :'bobs'), 'ok true', 'somebody gives them one: what they may see');
SELECT is(pg_temp.attempt('regress_bob', NULL, 'SELECT count(*) FROM ' || :'bobs'), 'ok 0', 'others see nothing');
SELECT is(pg_temp.attempt('regress_bob', NULL, 'UPDATE ' || :'bobs' || ' SET phone = 1'), 'ok 0', 'and change nothing');
SELECT is(pg_temp.attempt('regress_bob', NULL, 'DELETE FROM ' || :'bobs'), 'ok 0', 'nor delete');
SELECT matches(pg_temp.attempt('regress_bob', NULL, 'INSERT INTO ' || :'bobs' || ' (user_name) VALUES (''bob'')'), '^42501 ', 'nor insert');
SELECT is(pg_temp.attempt('regress_ann', NULL, 'UPDATE ' || :'bobs' || ' SET roles = ''{administrator}'' WHERE user_name = ''bob'''),
          '42501 only administrators may give role code "administrator" [customer_import_grant_ceiling]', 'the grant ceiling holds there');
SELECT is(pg_temp.attempt(NULL, NULL, 'UPDATE ' || :'bobs' || ' SET roles = ''{approver,nothing}'' WHERE user_name = ''bob'''), '23514 role code "nothing" is not in the catalog', 'the catalog, too');
SELECT matches(pg_temp.attempt(NULL, NULL, 'INSERT INTO ' || :'bobs' || ' (user_name) VALUES (''BOB'')'), '^23514 ', 'and folded names');
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM regress_ann, regress_bob;
GRANT SELECT ON part TO PUBLIC;
DO $$BEGIN PERFORM customer_import.alter_operator('regress_ann'); END$$;

-- Imports: what became of the records, and whether guard and CHECK were called
CREATE FUNCTION pg_temp.import_on(change text, csv text, mode text DEFAULT 'Create & Update') RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', created, updated, unchanged, skipped, rejected, '|', decided, guard, name_check) FROM pg_temp.try_import(change, csv, mode)
$$;
\set update 'userName,addRoles\nbob,buyer\ncleo,buyer\n'
SELECT is(pg_temp.import_on('SELECT 1', :'update'), '0 2 0 0 0 | 2', 'an update leaves out what the engine knows of the rows');
SELECT is(pg_temp.import_on('SELECT 1', E'userName,addRoles\nzoe,buyer\n', 'Create Only'), '1 0 0 0 0 | 0', 'so does a create');
SELECT is(pg_temp.import_on('ALTER TABLE ' || :'bobs' || ' ADD CHECK (roles <> ''{approver,buyer}'')', :'update'), '0 1 0 0 1 | 4 guard check', 'not an update where a partition has a CHECK of its own');
\set create 'userName,addRoles,phone\nann,buyer,1\ndave,buyer,2\nemil,buyer,9\nzoe,buyer,3\n'
SELECT is(pg_temp.import_on('ALTER TABLE ' || :'bobs' || ' ADD CHECK (phone <> ''none'')', :'create', 'Create Only'), '4 0 0 0 0 | 0 guard check', 'nor a create');
CREATE FUNCTION pg_temp.pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
SELECT is(pg_temp.import_on('CREATE TRIGGER a BEFORE INSERT ON ' || :'bobs' || ' FOR EACH ROW EXECUTE FUNCTION pg_temp.pass()', :'create', 'Create Only'), '4 0 0 0 0 | 0 guard check', 'nor where a partition has a trigger of its own');
SELECT is(pg_temp.import_on('CREATE POLICY more ON public.customers AS RESTRICTIVE FOR INSERT WITH CHECK (phone <> ''9'')', :'create', 'Create Only'), '3 0 0 0 1 | 0 guard check', 'policies on the table hold for a create');
SELECT is(pg_temp.import_on('UPDATE public.customers SET phone = 0; ALTER TABLE ' || :'bobs' || ' ALTER phone SET NOT NULL',
                            (SELECT E'userName,addRoles\n' || string_agg(format(E'new%s,buyer\n', i), '') FROM generate_series(1, 20) AS i), 'Create Only'), '15 0 0 0 5 | 0 guard check', 'so does NOT NULL of a partition');
SELECT is(pg_temp.import_on('CREATE POLICY more ON public.customers AS RESTRICTIVE FOR UPDATE USING (user_name <> ''bob'')', :'update', 'Update Only'), '0 1 0 0 1 | 3', 'policies on the table hold');
SELECT is(pg_temp.import_on('SELECT 1', E'userName,addRoles\nbob,buyer\nbob,approver\nbob,buyer\nregress_ann,buyer\nzoe,administrator\n'), '0 1 2 0 2 | 3', 'one customer several times, and the grant ceiling');

-- A file with as many records as there are customers
INSERT INTO public.customers (user_name, roles) SELECT 'user' || i, '{buyer}' FROM generate_series(1, 3000) AS i;
ANALYZE public.customers;
SELECT set_config('customer_import.batch_rows', '500', true);
SELECT E'userName,addRoles\n' || string_agg(format('user%s,buyer', i), E'\n') AS unchanged FROM generate_series(1, 3000) AS i \gset
SELECT E'userName,addRoles\n' || string_agg(format('user%s,approver', i), E'\n') AS changed FROM generate_series(1, 3000) AS i \gset
SELECT is(pg_temp.import_on('SELECT 1', :'unchanged', 'Update Only'), '0 0 3000 0 0 | 501', 'customers that do not change are read in order, as those of one table');
SELECT is(pg_temp.import_on('SELECT 1', :'changed', 'Update Only'), '0 3000 0 0 0 | 3001', 'all are updated');

-- Everything else that there is to a customers table
SELECT is((SELECT concat_ws(' ', created, updated) FROM customer_import.import_customers(E'userName,addRoles,email\nbob,buyer,bob@example.com\nzoe,buyer,\n', 'Create & Update')), '1 1', 'an import');
SELECT results_eq($$SELECT user_name, roles FROM public.customers WHERE user_name IN ('bob', 'zoe') ORDER BY 1$$,
                  $$VALUES ('bob' COLLATE "C", '{approver,buyer}'::text[] COLLATE "C"), ('zoe', '{buyer}')$$, 'did it');
SELECT results_eq($$SELECT user_name, outcome FROM customer_import.preview_import(E'userName,addRoles\nyan,buyer\ncleo,buyer\n', 'Create & Update') ORDER BY line$$,
                  $$VALUES ('yan', 'created'), ('cleo', 'updated')$$, 'a preview');
SELECT is((SELECT count(*) FROM public.customers WHERE user_name = 'yan' OR user_name = 'cleo' AND roles <> '{}'), 0::bigint, 'left nothing behind');
CREATE EXTENSION pg_trgm;
SELECT lives_ok('SELECT customer_import.create_search_indexes()', 'search indexes');
SELECT is((SELECT count(*) FROM part JOIN pg_index ON indrelid = relid), 12::bigint, 'on each partition');
CREATE FUNCTION pg_temp.written() RETURNS bigint LANGUAGE sql AS 'SELECT sum(n_tup_upd)::bigint FROM pg_stat_xact_user_tables JOIN part USING (relid)';
SELECT pg_temp.written() AS written \gset
SELECT is((SELECT concat_ws(' ', created, updated) FROM customer_import.import_customers(E'userName,addRoles,removeRoles\ncleo,buyer,\ncleo,approver,\ncleo,,buyer\ncleo,,approver\n', 'Update Only')), '0 4', 'with them four records of one customer');
SELECT is(pg_temp.written() - :written, 2::bigint, 'are one row that is written, after the trial');
SELECT is((SELECT string_agg(user_name, ' ') FROM customer_import.search_customers('bob@ex')), 'bob', 'a search');
SELECT is((SELECT count(*) FROM customer_import.customers_with_roles('{buyer}')), 3002::bigint, 'by roles');
SELECT is((SELECT string_agg(concat_ws(' ', code, import_id), ', ') FROM customer_import.customer_roles('zoe')), 'buyer ' || (SELECT min(id) FROM customer_import.imports WHERE created = 1 AND updated = 1), 'where a role came from');
SELECT is((SELECT count(*) FROM customer_import.customer_export), 3003::bigint, 'the export');
SELECT is((SELECT concat_ws(' ', state, updated, deleted) FROM customer_import.undo_import((SELECT min(id) FROM customer_import.imports WHERE created = 1 AND updated = 1))), 'completed 1 1', 'an undo');
SELECT is((SELECT string_agg(user_name || roles::text, ' ') FROM public.customers WHERE user_name IN ('bob', 'zoe')), 'bob{approver}', 'took it back');

-- detach
CREATE POLICY of_mine ON public.customers_p0 USING (true);
SELECT lives_ok('SELECT customer_import.detach_customers_table()', 'it can be detached');
SELECT is((SELECT string_agg(polname, ' ') FROM pg_policy WHERE polrelid IN (SELECT relid FROM pg_partition_tree('public.customers'))), 'of_mine', 'no policy is left on a partition but that of others');
SELECT is_empty($$SELECT relid FROM pg_partition_tree('public.customers') JOIN pg_class ON oid = relid WHERE relrowsecurity OR relforcerowsecurity$$, 'no row security');
SELECT is_empty($$SELECT relid FROM pg_partition_tree('public.customers') JOIN pg_trigger ON tgrelid = relid$$, 'no guard');
SELECT is_empty($$SELECT relid FROM pg_partition_tree('public.customers') JOIN pg_constraint ON conrelid = relid WHERE contype = 'c'$$, 'no CHECK');
SELECT is((SELECT count(*) FROM part JOIN pg_index ON indrelid = relid), 4::bigint, 'no search index');
SELECT is((SELECT count(*) FROM public.customers), 3002::bigint, 'and the rows stay, in their partitions');
SELECT lives_ok('DROP EXTENSION customer_import', 'then the extension can be dropped');
SELECT * FROM finish();
ROLLBACK;
