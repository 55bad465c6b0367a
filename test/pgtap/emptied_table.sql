-- A table that was nearly empty when it was last analyzed, with an index that has kept its pages: each customer is still looked up, and not
-- found by reading the whole index for each record.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = error;
SELECT plan(8);

CREATE ROLE regress_ann;
DO $$
BEGIN
    PERFORM customer_import.create_customers_table('public.customers');
    PERFORM customer_import.add_role_codes('{buyer,approver}');
    PERFORM customer_import.add_operator('regress_ann', roles => '{customerView,customerEdit,importView,importEdit}');
END
$$;
INSERT INTO public.customers (user_name, roles) SELECT 'user' || i, '{buyer}' FROM generate_series(1, 20000) AS i;
DELETE FROM public.customers WHERE user_name > 'user1';
ANALYZE public.customers;
INSERT INTO public.customers (user_name, roles) SELECT 'user' || i, '{buyer}' FROM generate_series(2, 600) AS i;
SELECT is((SELECT reltuples FROM pg_class WHERE oid = 'public.customers'::regclass), 1::real, 'the statistics say that the table has one row');
SELECT cmp_ok(pg_relation_size('public.customers_pkey') / 8192, '>', 50::bigint, 'its index has many pages');

CREATE FUNCTION pg_temp.file(first integer, last integer, roles text) RETURNS text LANGUAGE sql AS $$
    SELECT E'userName,addRoles\n' || string_agg(format(E'user%s,%s\n', i, roles), '') FROM generate_series(first, last) AS i
$$;
-- What the call, made by the operator, came to, and whether it looked each of 600 customers up, or read all of them for it.
CREATE FUNCTION pg_temp.effort(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    scans bigint := pg_stat_get_xact_numscans('public.customers_pkey'::regclass);
    rows bigint := pg_stat_get_xact_tuples_fetched('public.customers'::regclass);
    came_to text;
BEGIN
    SET LOCAL SESSION AUTHORIZATION regress_ann;
    EXECUTE 'SELECT concat_ws('' '', created, updated, unchanged, deleted) FROM ' || call INTO came_to;
    RESET SESSION AUTHORIZATION;
    scans := pg_stat_get_xact_numscans('public.customers_pkey'::regclass) - scans;
    rows := pg_stat_get_xact_tuples_fetched('public.customers'::regclass) - rows;
    RETURN came_to || CASE WHEN scans < 600 THEN ', each compared with all' WHEN rows > 6000 THEN ', all read for each' ELSE '' END;
END
$$;
SELECT is(pg_temp.effort(format('customer_import.import_customers(%L, ''Update Only'')', pg_temp.file(1, 600, 'approver'))), '0 600 0 0', 'they are updated');
SELECT is(pg_temp.effort(format('customer_import.import_customers(%L, ''Update Only'')', pg_temp.file(1, 600, 'approver'))), '0 0 600 0', 'they are unchanged');
SELECT is(pg_temp.effort('customer_import.undo_import((SELECT min(id) FROM customer_import.imports))'), '0 600 0 0', 'that is undone');
SELECT is(pg_temp.effort(format('customer_import.import_customers(%L, ''Create & Update'')', pg_temp.file(301, 900, 'approver'))), '300 300 0 0', 'half of them are new');
SELECT is(pg_temp.effort('customer_import.undo_import((SELECT max(id) FROM customer_import.imports))'), '0 300 0 300', 'that is undone');
SELECT is(pg_temp.effort('customer_import.undo_import((SELECT max(id) FROM customer_import.imports))'), '300 300 0 0', 'and done again');
SELECT * FROM finish();
ROLLBACK;
