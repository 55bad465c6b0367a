-- What a role without any grant may do: compute with role sets and user names, and nothing else.
BEGIN;
SELECT plan(129);

DO $$
BEGIN
    PERFORM customer_import.create_customers_table('public.customers');
    PERFORM customer_import.add_role_codes('{buyer}');
    PERFORM customer_import.import_customers(E'userName,addRoles\nann,buyer\nbob,byer\n', 'Create & Update');
END
$$;
CREATE ROLE regress_anybody;
CREATE ROLE regress_granted;
GRANT CREATE, USAGE ON SCHEMA public TO regress_anybody, regress_granted;

CREATE TEMPORARY VIEW relations AS
    SELECT c.oid, c.relname, c.relkind, c.relacl, c.relowner FROM pg_class AS c
     WHERE c.relnamespace = 'customer_import'::regnamespace AND c.relkind IN ('r', 'v', 'S');

-- The schema
SELECT is(has_schema_privilege('regress_anybody', 'customer_import', 'USAGE'), true, 'everybody may use the schema');
SELECT is(has_schema_privilege('regress_anybody', 'customer_import', 'CREATE'), false, 'nobody may create in it');

-- Each table, view and sequence: eight rights that no role has
SELECT is_empty(format($$SELECT p FROM unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS p
                          WHERE has_table_privilege('regress_anybody', %s, p)$$, oid), format('nobody has a right on %s', relname))
  FROM relations WHERE relkind <> 'S' ORDER BY relname;
SELECT is_empty($$SELECT p FROM unnest('{USAGE,SELECT,UPDATE}'::text[]) AS p WHERE has_sequence_privilege('regress_anybody', 'customer_import.imports_id_seq', p)$$,
                'nobody has a right on imports_id_seq');
SELECT is_empty($$SELECT r.relname, a.attname FROM relations AS r JOIN pg_attribute AS a ON a.attrelid = r.oid WHERE a.attacl IS NOT NULL$$, 'nobody has a right on a column');
SELECT is_empty($$SELECT r.relname, a.grantee FROM relations AS r, aclexplode(r.relacl) AS a WHERE a.grantee <> r.relowner
                     AND (r.relname, a.grantee, a.privilege_type, a.is_grantable) NOT IN (('import_activity', 'pg_monitor'::regrole, 'SELECT', false), ('import_health', 'pg_monitor'::regrole, 'SELECT', false))$$,
                'nothing is granted at all, but to pg_monitor the views that are for it');
SELECT is_empty($$SELECT p FROM unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS p
                   WHERE has_table_privilege('regress_anybody', 'public.customers', p)$$, 'nobody has a right on the customers table');

SELECT is(has_parameter_privilege('regress_anybody', 'customer_import.batch_rows', 'SET'), false, 'nobody may set batch_rows');
SELECT is((SELECT context FROM pg_settings WHERE name = 'customer_import.batch_rows'), 'superuser', 'batch_rows is for superusers');
SELECT is_empty($$SELECT name FROM pg_settings WHERE name LIKE 'customer\_import.%' AND context <> 'superuser' AND name <> 'customer_import.databases'$$, 'all are for superusers, but one that is for the configuration file');
SELECT is((SELECT min_val FROM pg_settings WHERE name = 'customer_import.batch_rows'), '1', 'batch_rows is at least 1');
SELECT set_eq($$SELECT name FROM pg_settings WHERE name LIKE 'customer\_import.%'$$, ARRAY['customer_import.max_uploads', 'customer_import.max_upload_bytes', 'customer_import.upload_lifetime', 'customer_import.batch_rows', 'customer_import.databases', 'customer_import.import_timeout', 'customer_import.lock_timeout', 'customer_import.log_level', 'customer_import.longest_wait', 'customer_import.max_queued_bytes', 'customer_import.max_queued_imports', 'customer_import.max_running_imports', 'customer_import.retention', 'customer_import.workers_per_import'], 'there are these settings and no others');

-- As that role
SET LOCAL ROLE regress_anybody;
SELECT lives_ok($$SELECT customer_import.role_set('{b,a}')$$, 'everybody may make role sets');
SELECT lives_ok($$SELECT customer_import.is_role_set('{a}')$$, 'check them');
SELECT lives_ok($$SELECT customer_import.parse_role_set('b;a')$$, 'read them from a cell');
SELECT lives_ok($$SELECT '{a}'::text[] OPERATOR(customer_import.|) '{b}', '{a}'::text[] OPERATOR(customer_import.-) '{b}', '{a}'::text[] OPERATOR(customer_import.&) '{b}'$$, 'merge them');
SELECT lives_ok($$SELECT customer_import.role_set_agg('{a}'::text[])$$, 'aggregate them');
SELECT lives_ok($$SELECT customer_import.fold_user_name('Ann')$$, 'fold user names');
SELECT lives_ok($$SELECT customer_import.is_user_name('ann')$$, 'and check them');
SELECT lives_ok('SHOW customer_import.batch_rows', 'everybody may see batch_rows');

SELECT throws_ok('SET customer_import.batch_rows = 1', '42501', 'permission denied to set parameter "customer_import.batch_rows"');
SELECT throws_ok('ALTER ROLE regress_anybody SET customer_import.batch_rows = 1', '42501', NULL, 'nobody may set batch_rows for himself');
SELECT throws_ok('CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql SET customer_import.batch_rows = 1 AS $f$SELECT 1$f$', '42501', NULL, 'or for a function');
SELECT throws_ok($$SELECT customer_import.import_customers('userName,addRoles', 'Create Only')$$, '42501', 'permission denied for function import_customers');
SELECT throws_ok($$SELECT customer_import.import_customers(''::bytea, 'Create Only')$$, '42501', 'permission denied for function import_customers');
SELECT throws_ok($$SELECT customer_import.import_customers(1::oid, 'Create Only')$$, '42501', 'permission denied for function import_customers');
SELECT throws_ok($$SELECT customer_import.create_customers_table('public.mine')$$, '42501', 'permission denied for function create_customers_table');
SELECT throws_ok($$SELECT customer_import.attach_customers_table('pg_class', 'a', 'b')$$, '42501', 'permission denied for function attach_customers_table');
SELECT throws_ok($$SELECT customer_import.detach_customers_table()$$, '42501', 'permission denied for function detach_customers_table');
SELECT throws_ok($$SELECT customer_import.edit_customer('ann', '{"email": "x"}')$$, '42501', 'permission denied for function edit_customer');
SELECT throws_ok($$SELECT customer_import.add_role_codes('{mine}')$$, '42501', 'permission denied for function add_role_codes');
SELECT throws_ok($$SELECT customer_import.alter_role_code('buyer')$$, '42501', 'permission denied for function alter_role_code');
SELECT throws_ok($$SELECT customer_import.remove_role_codes('{buyer}')$$, '42501', 'permission denied for function remove_role_codes');
SELECT throws_ok($$SELECT customer_import.import_report(1)$$, '42501', 'permission denied for function import_report');
SELECT throws_ok($$SELECT customer_import.rejected_csv(1)$$, '42501', 'permission denied for function rejected_csv');
SELECT throws_ok($$SELECT customer_import.rejected_csv_bytes(1)$$, '42501', 'permission denied for function rejected_csv_bytes');
SELECT throws_ok($$SELECT * FROM customer_import.preview_import('userName,addRoles', 'Create Only')$$, '42501', 'permission denied for function preview_import');
SELECT throws_ok($$SELECT customer_import.undo_import(1)$$, '42501', 'permission denied for function undo_import');
SELECT throws_ok($$SELECT customer_import.retry_rejects(1)$$, '42501', 'permission denied for function retry_rejects');
SELECT throws_ok($$SELECT customer_import.retry_skipped(1, 'Create Only')$$, '42501', 'permission denied for function retry_skipped');
SELECT throws_ok($$SELECT customer_import.skipped_csv(1)$$, '42501', 'permission denied for function skipped_csv');
SELECT throws_ok($$SELECT customer_import.skipped_lines(1)$$, '42501', 'permission denied for function skipped_lines');
SELECT throws_ok($$SELECT customer_import.rejected_lines(1)$$, '42501', 'permission denied for function rejected_lines');
SELECT throws_ok($$SELECT customer_import.amend_record(1, 2, '')$$, '42501', 'permission denied for function amend_record');
SELECT throws_ok($$SELECT customer_import.import_template()$$, '42501', 'permission denied for function import_template');
SELECT throws_ok($$SELECT customer_import._read_change_page(1, 1)$$, '42501', 'permission denied for function _read_change_page');
SELECT throws_ok($$SELECT customer_import._decide(1, 0, false, '(0,1)', '1'::xid, '{}', 1)$$, '42501', 'permission denied for function _decide');
SELECT throws_ok($$SELECT customer_import._merged_roles(1, 0)$$, '42501', 'permission denied for function _merged_roles');
SELECT throws_ok($$SELECT customer_import._guard_customers()$$, '42501', 'permission denied for function _guard_customers');
SELECT throws_ok($$SELECT customer_import._announce_change()$$, '42501', 'permission denied for function _announce_change');
SELECT throws_ok('TABLE customer_import.role_codes', '42501', 'permission denied for table role_codes');
SELECT throws_ok('TABLE customer_import.customers_table', '42501', 'permission denied for table customers_table');
SELECT throws_ok('TABLE customer_import.customers_table_columns', '42501', 'permission denied for table customers_table_columns');
SELECT throws_ok('TABLE customer_import.imports', '42501', 'permission denied for table imports');
SELECT throws_ok('TABLE customer_import.import_issues', '42501', 'permission denied for table import_issues');
SELECT throws_ok('TABLE customer_import._import_change_pages', '42501', 'permission denied for table _import_change_pages');
SELECT throws_ok('TABLE customer_import.import_changes', '42501', 'permission denied for view import_changes');
SELECT throws_ok($$SELECT nextval('customer_import.imports_id_seq')$$, '42501', 'permission denied for sequence imports_id_seq');
SELECT throws_ok($$INSERT INTO customer_import.role_codes (code) VALUES ('mine')$$, '42501', 'permission denied for table role_codes');
SELECT throws_ok($$UPDATE customer_import.imports SET state = 'undone'$$, '42501', 'permission denied for table imports');
SELECT throws_ok('DELETE FROM customer_import.import_issues', '42501', 'permission denied for table import_issues');
SELECT throws_ok('TRUNCATE customer_import._import_change_pages', '42501', 'permission denied for table _import_change_pages');
SELECT throws_ok('CREATE TABLE customer_import.mine (i int)', '42501', 'permission denied for schema customer_import');
SELECT throws_ok('TABLE public.customers', '42501', 'permission denied for table customers');
SELECT throws_ok('TABLE customer_import.customer_export', '42501', 'permission denied for view customer_export');
SELECT throws_ok('SELECT FROM customer_import._export_customers() AS c (a text)', '42501', 'permission denied for function _export_customers');
SELECT throws_ok('TABLE customer_import.customer_export_spreadsheet', '42501', 'permission denied for view customer_export_spreadsheet');
SELECT throws_ok('SELECT FROM customer_import._export_spreadsheet() AS c (a text)', '42501', 'permission denied for function _export_spreadsheet');
SELECT throws_ok($$SELECT customer_import.customer_roles('ann')$$, '42501', 'permission denied for function customer_roles');
SELECT throws_ok($$SELECT customer_import.customer_history('ann')$$, '42501', 'permission denied for function customer_history');
SELECT throws_ok($$SELECT customer_import.search_customers('ann')$$, '42501', 'permission denied for function search_customers');
SELECT throws_ok($$SELECT customer_import.customers_with_roles('{buyer}')$$, '42501', 'permission denied for function customers_with_roles');
SELECT throws_ok('SELECT customer_import.create_search_indexes()', '42501', 'permission denied for function create_search_indexes');
-- Internal functions cannot be used on its own tables either
CREATE TABLE public.mine (roles text[]);
SELECT throws_ok($$CREATE TRIGGER mine BEFORE INSERT ON public.mine FOR EACH ROW EXECUTE FUNCTION customer_import._guard_customers('roles')$$, '42501', 'permission denied for function customer_import._guard_customers');
SELECT throws_ok('CREATE TRIGGER mine AFTER INSERT ON public.mine EXECUTE FUNCTION customer_import._announce_change()', '42501', 'permission denied for function customer_import._announce_change');
RESET ROLE;

-- A role that was given everything by grants is still no superuser
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA customer_import TO regress_granted;
GRANT SELECT ON ALL TABLES IN SCHEMA customer_import TO regress_granted;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.customers TO regress_granted;
SET LOCAL ROLE regress_granted;
SELECT throws_ok($$SELECT customer_import.import_customers('userName,addRoles', 'Create Only')$$, '42501', 'permission denied to import customers');
SELECT throws_ok($$SELECT customer_import.edit_customer('ann', '{"email": "x"}')$$, '42501', 'permission denied to change customers');
SELECT throws_ok($$SELECT customer_import.add_role_codes('{mine}')$$, '42501', 'permission denied to change role codes');
SELECT throws_ok($$SELECT customer_import.alter_role_code('buyer', privileged => true)$$, '42501', 'permission denied to change role codes');
SELECT throws_ok($$SELECT customer_import.remove_role_codes('{buyer}')$$, '42501', 'permission denied to change role codes');
SELECT throws_ok($$SELECT customer_import.create_customers_table('public.others')$$, '42501', 'permission denied to create the customers table');
SELECT throws_ok($$SELECT customer_import.attach_customers_table('pg_class', 'a', 'b')$$, '42501', 'permission denied to attach a customers table');
SELECT throws_ok($$SELECT customer_import.detach_customers_table()$$, '42501', 'permission denied to detach the customers table');
SELECT throws_ok($$SELECT customer_import.rejected_csv(1)$$, '42501', 'permission denied to view imports');
SELECT throws_ok('TABLE customer_import.customer_export', '42501', 'permission denied to export customers');
SELECT throws_ok('TABLE customer_import.customer_export_spreadsheet', '42501', 'permission denied to export customers');
SELECT throws_ok($$SELECT customer_import.skipped_csv(1)$$, '42501', 'permission denied to view imports');
SELECT throws_ok($$SELECT customer_import.skipped_lines(1)$$, '42501', 'permission denied to view imports');
SELECT throws_ok($$SELECT customer_import.rejected_lines(1)$$, '42501', 'permission denied to view imports');
SELECT throws_ok($$SELECT customer_import.retry_skipped(1, 'Create Only')$$, '42501', 'permission denied to retry skipped records');
SELECT throws_ok($$SELECT customer_import.customer_roles('ann')$$, '42501', 'permission denied to see the roles of customers');
SELECT throws_ok($$SELECT customer_import.search_customers('ann')$$, '42501', 'permission denied to search customers');
SELECT throws_ok($$SELECT customer_import.customers_with_roles('{buyer}')$$, '42501', 'permission denied to search customers');
SELECT throws_ok('SELECT customer_import.create_search_indexes()', '42501', 'permission denied to create search indexes');
SELECT throws_ok($$SELECT * FROM customer_import.preview_import('userName,addRoles', 'Create Only')$$, '42501', 'permission denied to import customers');
SELECT throws_ok($$SELECT customer_import.undo_import(1)$$, '42501', 'permission denied to undo imports');
SELECT throws_ok($$SELECT customer_import.retry_rejects(1)$$, '42501', 'permission denied to retry rejected records');
SELECT throws_ok($$SELECT customer_import.amend_record(1, 2, '')$$, '42501', 'permission denied to amend records');
-- The customers are behind forced row security without a policy
SELECT is_empty('TABLE public.customers', 'with all rights on the table it sees no customer');
SELECT throws_ok($$INSERT INTO public.customers (user_name) VALUES ('cleo')$$, '42501', 'new row violates row-level security policy for table "customers"');
SELECT is_empty($$UPDATE public.customers SET roles = '{}' RETURNING user_name$$, 'changes none');
SELECT is_empty('DELETE FROM public.customers RETURNING user_name', 'and deletes none');
RESET ROLE;
SELECT is((SELECT roles FROM public.customers WHERE user_name = 'ann'), '{buyer}', 'the customer is as the import left him');

SELECT * FROM finish();
ROLLBACK;
