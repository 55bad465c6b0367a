-- customer_history(): all that imports did to one customer, what of it is in force, whom it is shown to, and by which index it is read.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = warning;
SELECT plan(32);

CREATE ROLE regress_history_ann;
CREATE ROLE regress_history_bob;
CREATE ROLE regress_history_boss;
CREATE ROLE regress_history_web;
DO $$
BEGIN
    PERFORM customer_import.add_operator('regress_history_ann', roles => '{customerView,customerEdit,importView,importEdit}');
    PERFORM customer_import.add_operator('regress_history_bob', roles => '{customerView,customerEdit,importView,importEdit}');
    PERFORM customer_import.add_operator('regress_history_boss', roles => '{administrator}');
    PERFORM customer_import.grant_gateway('regress_history_web');
    PERFORM customer_import.add_role_codes('{buyer,approver}');
END
$$;
SELECT throws_ok($$SELECT customer_import.customer_history('ann')$$, '55000', 'there is no customers table');
SELECT lives_ok('SELECT customer_import.create_customers_table()', 'the customers table');
SELECT throws_ok($$SELECT customer_import.customer_history(repeat('a', 1048577))$$, '54000', 'the user name is larger than 1048576 bytes');

CREATE FUNCTION pg_temp.imported(file text) RETURNS bigint LANGUAGE sql AS $$
    SELECT import_id FROM customer_import.import_customers(file::text, 'Create & Update')
$$;
-- A row as a text: which import (its place among them), line, operator, what it did, and ! for what is undone
CREATE FUNCTION pg_temp.history(who text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s:%s %s %s+%s-%s %s>%s%s', import_id - current_setting('regress.first')::bigint, line, right(operator, 3),
                             CASE WHEN created THEN 'new ' END, array_to_string(added, ','), array_to_string(removed, ','), before ->> 'company', after ->> 'company',
                             CASE WHEN undone THEN ' !' END), '; ')
      FROM customer_import.customer_history(who)
$$;
SELECT pg_temp.imported(E'userName,addRoles\n') AS first \gset
SELECT set_config('regress.first', :'first', true);
SELECT is(pg_temp.history('nobody'), NULL, 'whom no import knows has no history');

SET LOCAL ROLE regress_history_ann;
SELECT pg_temp.imported(E'userName,addRoles,company\nmia,buyer,Acme\nmiabella,approver,Other\nmia,approver,\n') AS a \gset
RESET ROLE;
SET LOCAL ROLE regress_history_bob;
SELECT pg_temp.imported(E'userName,removeRoles,company\nmia,buyer,Hooli\n') AS b \gset
RESET ROLE;
SELECT is(pg_temp.history('mia'), '1:2 ann new +buyer- >Acme; 1:4 ann +approver- >; 2:2 bob +-buyer Acme>Hooli', 'what imports did to a customer, oldest first');
SELECT is(pg_temp.history(' MIA '), pg_temp.history('mia'), 'the user name is folded');
SELECT is(pg_temp.history('miabella'), '1:3 ann new +approver- >Other', 'and of nobody else');
SELECT is_empty($$SELECT h.import_id, h.line, h.created, h.added, h.removed, h.before, h.after FROM customer_import.customer_history('mia') AS h
                  EXCEPT SELECT c.import_id, c.line, c.created, c.added, c.removed, c.before, c.after FROM customer_import.import_changes AS c WHERE c.user_name = 'mia'$$,
                'all of it as in import_changes');
SELECT is_empty($$SELECT FROM customer_import.customer_history('mia') AS h
                   WHERE NOT EXISTS (SELECT FROM customer_import._import_change_pages AS p WHERE p.import_id = h.import_id AND p.applied_at = h.applied_at)$$,
                'with the time of its batch');

-- Undo, and the undo of an undo
SET LOCAL ROLE regress_history_bob;
SELECT import_id AS undo FROM customer_import.undo_import(:b) \gset
RESET ROLE;
SELECT is(pg_temp.history('mia'), '1:2 ann new +buyer- >Acme; 1:4 ann +approver- >; 2:2 bob +-buyer Acme>Hooli !; 3:2 bob +buyer- Hooli>Acme', 'what was undone is marked');
SET LOCAL ROLE regress_history_boss;
SELECT import_id FROM customer_import.undo_import(:undo);
SELECT is(pg_temp.history('mia'), '1:2 ann new +buyer- >Acme; 1:4 ann +approver- >; 2:2 bob +-buyer Acme>Hooli; 3:2 bob +buyer- Hooli>Acme !; 4:2 oss +-buyer Acme>Hooli',
          'and after the undo of the undo it is in force again');
-- Of the creation the company has changed since: it is undone in part
SELECT import_id FROM customer_import.undo_import(:a);
SELECT is(pg_temp.history('mia'), '1:2 ann new +buyer- >Acme; 1:4 ann +approver- > !; 2:2 bob +-buyer Acme>Hooli; 3:2 bob +buyer- Hooli>Acme !; 4:2 oss +-buyer Acme>Hooli; 5:4 oss +-approver >',
          'what was undone in part is not undone');
RESET ROLE;

-- Whom it is shown to
SELECT is(pg_temp.attempt('regress_history_ann', NULL, $$SELECT pg_temp.history('mia')$$), 'ok 1:2 ann new +buyer- >Acme; 1:4 ann +approver- > !',
          'an operator sees its own imports, and what others have undone of them');
SELECT is(pg_temp.attempt('regress_history_web', 'regress_history_bob', $$SELECT pg_temp.history('mia')$$), 'ok 2:2 bob +-buyer Acme>Hooli; 3:2 bob +buyer- Hooli>Acme !',
          'who comes through a gateway those of the operator');
SELECT is(pg_temp.attempt('regress_history_web', NULL, $$SELECT pg_temp.history('mia')$$), '42501 permission denied to see the history of customers | Role "regress_history_web" has not called customer_import.act_as() in this transaction.', 'the gateway itself none');
SELECT is(pg_temp.attempt('regress_history_boss', NULL, $$SELECT count(*) FROM customer_import.customer_history('mia')$$), 'ok 6', 'an administrator all');
SELECT is(pg_temp.attempt('regress_history_boss', NULL, 'SELECT customer_import.purge_imports(''0 seconds'')', $$SELECT count(*) FROM customer_import.customer_history('mia')$$),
          'ok 6 => 0', 'of imports that were purged nothing is left');

-- A thousand imports of a hundred customers each, the pages of which are read by the index alone
CREATE TEMPORARY TABLE page AS SELECT * FROM customer_import._import_change_pages WHERE import_id = :b;
INSERT INTO customer_import.imports (id, operator, database_role, mode, state, customers_table, submitted_at)
    SELECT :first + 1000 + n, 'op' || n % 200, 'x', 'create_and_update', 'completed', relation, '2020-01-01'::timestamptz + make_interval(hours => n)
      FROM generate_series(1, 1000) AS n, customer_import.customers_table;
INSERT INTO customer_import._import_change_pages
    SELECT :first + 1000 + n, 1, u, u, 1, '\x0101'::bytea || '\x04'::bytea || '\x00'::bytea || '\x04'::bytea || u::bytea || '\x010005'::bytea || 'buyer'::bytea || '\x0000'::bytea,
           '2020-01-01'::timestamptz + make_interval(hours => n)
      FROM generate_series(1, 1000) AS n CROSS JOIN LATERAL (SELECT 'c' || lpad((n % 200)::text, 3, '0')) AS c (u);
ANALYZE customer_import._import_change_pages;
ANALYZE customer_import.imports;
-- A plain index scan counts the rows that it fetches with its index, a bitmap scan with the table
CREATE TEMPORARY TABLE pages AS
    SELECT unnest('{customer_import._import_change_pages,customer_import._import_change_pages_user_names}'::regclass[]) AS r;
CREATE TEMPORARY TABLE read AS
    SELECT pg_stat_get_xact_numscans('customer_import._import_change_pages'::regclass) AS whole,
           pg_stat_get_xact_numscans('customer_import._import_change_pages_user_names'::regclass) AS by_index,
           (SELECT sum(pg_stat_get_xact_tuples_fetched(r)) FROM pages AS r) AS pages;
SELECT is((SELECT count(*) FROM customer_import.customer_history('c007') WHERE operator = 'op7' AND NOT undone), 5::bigint, 'among a thousand imports');
SELECT is(pg_stat_get_xact_numscans('customer_import._import_change_pages'::regclass) - whole, 0::bigint, 'the change log is not read as a whole') FROM read;
SELECT is(pg_stat_get_xact_numscans('customer_import._import_change_pages_user_names'::regclass) - by_index, 1::bigint, 'but once by the index') FROM read;
SELECT is((SELECT sum(pg_stat_get_xact_tuples_fetched(r)) FROM pages AS r) - pages, 5::numeric, 'which gives the pages that may speak of the customer') FROM read;

-- Imports by operator and by time
CREATE FUNCTION pg_temp.plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    lines text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        lines := lines || line || E'\n';
    END LOOP;
    RETURN lines;
END
$$;
SELECT matches(pg_temp.plan($$SELECT * FROM customer_import.imports WHERE operator = 'op1' ORDER BY submitted_at DESC LIMIT 5$$), 'imports_operator', 'the newest imports of an operator by an index');
SELECT matches(pg_temp.plan($$SELECT * FROM customer_import.imports WHERE submitted_at > '2020-02-11'$$), 'imports_submitted', 'those of a time as well');
SET LOCAL ROLE regress_history_boss;
SELECT matches(pg_temp.plan($$SELECT * FROM customer_import.imports WHERE operator = 'op1' ORDER BY submitted_at DESC LIMIT 5$$), 'imports_operator', 'also where the policies hold');
SELECT matches(pg_temp.plan($$SELECT * FROM customer_import.imports WHERE submitted_at > '2020-02-11'$$), 'imports_submitted', 'for a time, too');
RESET ROLE;

-- Undos and retries by what they are made from; among many of one import, too
SELECT matches(pg_temp.plan(q), 'imports_reversals', q) FROM unnest(ARRAY[
    'SELECT id, mode FROM customer_import.imports WHERE source_import_id = 5 ORDER BY id LIMIT 1',
    'SELECT id FROM customer_import.imports WHERE source_import_id = 5 AND id > 6 ORDER BY id LIMIT 1',
    $$SELECT id FROM customer_import.imports WHERE source_import_id = 5 AND mode = 'undo'$$]) AS q;
UPDATE customer_import.imports SET source_import_id = :first, mode = 'retry', finished_at = clock_timestamp() WHERE id > :first;
ANALYZE customer_import.imports;
SELECT matches(pg_temp.plan('SELECT id, mode FROM customer_import.imports WHERE source_import_id = 5 ORDER BY id LIMIT 1'), 'imports_reversals', 'where most are retries');
SELECT pg_stat_get_xact_numscans('customer_import.imports'::regclass) AS whole \gset
SELECT ok(customer_import.import_report(:first) IS NOT NULL, 'a report');
SELECT is(pg_stat_get_xact_numscans('customer_import.imports'::regclass), :whole::bigint, 'reads no table of imports as a whole');

-- A page that is damaged
UPDATE customer_import._import_change_pages SET payload = substr(payload, 1, length(payload) - 1) WHERE import_id = :first + 1007;
SELECT throws_ok($$SELECT * FROM customer_import.customer_history('c007')$$, 'XX001', 'a page of the change log is damaged', 'a damaged page is none');

SELECT * FROM finish();
ROLLBACK;
