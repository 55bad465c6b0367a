-- User names that a file names more than once are told in a warning, wherever the file is read and in whichever order it is applied.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = warning;
SELECT plan(12);

DO $$
BEGIN
    PERFORM customer_import.create_customers_table();
    PERFORM customer_import.add_role_codes('{buyer,approver}');
END
$$;

CREATE FUNCTION pg_temp.warnings(csv text, mode text DEFAULT 'Create & Update', is_dry_run boolean DEFAULT false) RETURNS text[] LANGUAGE sql AS $$
    SELECT warnings FROM customer_import.import_customers(csv, mode, dry_run => is_dry_run)
$$;
CREATE FUNCTION pg_temp.kept() RETURNS text[] LANGUAGE sql AS $$SELECT warnings FROM customer_import.imports ORDER BY id DESC LIMIT 1$$;

\set ONE '{"the record at line 4 repeats a user name of an earlier line"}'
\set TWO '{"2 records repeat a user name of an earlier line, first at line 3"}'
SELECT is(pg_temp.warnings(E'userName,addRoles\nann,buyer\nbob,buyer\nAnn,approver\n', is_dry_run => true), :'ONE', 'one record, in a dry run');
SELECT is(pg_temp.warnings(E'userName,addRoles\nann,buyer\nbob,buyer\nAnn,approver\n'), :'ONE', 'in an import');
SELECT is(pg_temp.kept(), :'ONE', 'which keeps it');
SELECT is((SELECT customer_import.import_report(max(id)) -> 'warnings' FROM customer_import.imports), to_jsonb(:'ONE'::text[]), 'and has it in its report');
SELECT is(pg_temp.warnings(E'userName,addRoles\nann,buyer\nann,buyer\nbob,\nann,byer\nbob,approver\n', 'Update Only'), :'TWO',
          'of more the first one; a record that is rejected for what it holds is none');
SELECT is(pg_temp.warnings(E'userName,addRoles\nann,buyer\nbob,buyer\n'), '{}', 'without any there is no warning');
SELECT is((SELECT warnings FROM customer_import.retry_rejects((SELECT max(import_id) FROM customer_import.import_issues WHERE outcome = 'rejected'))), '{}',
          'a retry reads no file');
SELECT is((SELECT warnings FROM customer_import.undo_import((SELECT min(id) FROM customer_import.imports))), '{}', 'nor does an undo');

-- A table whose records are applied in the order of their lines.
SELECT customer_import.detach_customers_table();
CREATE TABLE public.other (u text PRIMARY KEY, r text[], email text UNIQUE);
SELECT customer_import.attach_customers_table('public.other', 'u', 'r', '{"email": "email"}');
SELECT is(pg_temp.warnings(E'userName,addRoles\nzoe,buyer\nbob,buyer\nzoe,approver\n', is_dry_run => true), :'ONE', 'in another order: in a dry run');
SELECT is(pg_temp.warnings(E'userName,addRoles\nzoe,buyer\nbob,buyer\nzoe,approver\n'), :'ONE', 'in another order: in an import');
SELECT is(pg_temp.warnings((SELECT E'userName,addRoles\n' || string_agg(format(E'u%s,buyer\n', 50000 - i % 40000), '' ORDER BY i) FROM generate_series(1, 50000) AS i)),
          '{"10,000 records repeat a user name of an earlier line, first at line 40002"}', 'of many');
SELECT is((SELECT warnings FROM customer_import.undo_import((SELECT max(id) FROM customer_import.imports))), '{}', 'an undo');

SELECT * FROM finish();
ROLLBACK;
