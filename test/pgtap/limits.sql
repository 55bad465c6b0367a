-- What grows with the caller's data is neither recursive nor endless: depth, sizes, and what is refused before memory is taken.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = warning;
SELECT plan(30);

DO $$
BEGIN
    PERFORM customer_import.create_customers_table();
    PERFORM customer_import.add_role_codes('{buyer}');
END
$$;

--
-- Depth: an undo of an undo of an undo … 4,000 deep, with the least stack that the server allows. Nothing but the bookkeeping of
-- those in the middle is here; the last one has something to take back.
--
SELECT import_id AS first FROM customer_import.import_customers(E'userName,addRoles\nann,buyer\n', 'Create Only')
\gset
INSERT INTO customer_import.imports (id, operator, database_role, mode, source_import_id, state, state_before_undo, undo_import_id,
                                     customers_table, created, submitted_at, started_at, finished_at)
SELECT :first + depth, operator, database_role, 'undo', :first + depth - 1, CASE WHEN depth % 2 = 0 THEN 'completed' ELSE 'undone' END,
       CASE WHEN depth % 2 = 1 THEN 'completed' END,
       CASE WHEN depth % 2 = 1 THEN :first + depth + 1 END, customers_table, 1, submitted_at,
       started_at, finished_at
  FROM customer_import.imports, generate_series(1, 4000) AS depth
 WHERE id = :first;
SELECT setval('customer_import.imports_id_seq', :first + 4000);
UPDATE customer_import._import_change_pages SET import_id = :first + 4000 WHERE import_id = :first;
SET LOCAL max_stack_depth = '100kB';
SELECT is((SELECT state || ' ' || deleted FROM customer_import.undo_import(:first + 4000)), 'completed 1', 'an undo 4,000 deep');
RESET max_stack_depth;
SELECT is((SELECT count(*) FILTER (WHERE state = 'undone' AND (id - :first) % 2 = 0)
                + count(*) FILTER (WHERE state = 'completed' AND undo_import_id IS NULL AND (id - :first) % 2 = 1)
             FROM customer_import.imports WHERE id BETWEEN :first AND :first + 4000), 4001::bigint,
          'switches each import before it off or on again');

--
-- Sizes: what is larger than a cell of a file may be is refused before memory is taken for it
--
CREATE TEMPORARY TABLE large (codes text[]);
INSERT INTO large SELECT array_agg('code' || n) FROM generate_series(1, 100000) AS n;
SELECT is(left(pg_temp.attempt(NULL, NULL, statement), length(expected)), expected, statement)
  FROM (VALUES ($$SELECT customer_import.parse_role_set(repeat('a,', 20000000))$$, '54000 the role cell is larger than 1048576 bytes'),
               ($$SELECT customer_import.parse_role_set(repeat('a', 1048577))$$, '54000 the role cell is larger than 1048576 bytes'),
               ($$SELECT length(customer_import.parse_role_set(repeat('a', 1048000))::text)$$, 'ok 1048002'),
               ($$SELECT customer_import.fold_user_name(repeat('a', 1048577))$$, '54000 the user name is larger than 1048576 bytes'),
               ($$SELECT customer_import.is_user_name(repeat('a', 1048577))$$, 'ok false'),
               ($$SELECT customer_import.is_role_code(repeat('a', 1048577))$$, 'ok false'),
               ($$SELECT customer_import.role_set(codes) FROM large$$, '54000 the array of role codes is larger than 1048576 bytes'),
               ($$SELECT customer_import.role_set_union(codes, '{}') FROM large$$, '54000 the array of role codes is larger than 1048576 bytes'),
               ($$SELECT customer_import.role_set_difference('{}', codes) FROM large$$, '54000 the array of role codes is larger than 1048576 bytes'),
               ($$SELECT customer_import.role_set_intersection(codes, codes) FROM large$$, '54000 the array of role codes is larger than 1048576 bytes'),
               ($$SELECT customer_import.role_set_agg(ARRAY['code' || n]) FROM generate_series(1, 3) AS n$$, 'ok {code1,code2,code3}'),
               ($$SELECT customer_import.role_set_agg(codes[n:n + 9999]) FROM large, generate_series(1, 100000, 10000) AS n$$, '54000 the role set is larger than 1048576 bytes'),
               ($$SELECT customer_import.is_role_set(codes) FROM large$$, 'ok false'),
               ($$SELECT customer_import.add_role_codes(codes) FROM large$$, '54000 the array of role codes is larger than 1048576 bytes'),
               ($$SELECT customer_import.remove_role_codes(codes) FROM large$$, '54000 the array of role codes is larger than 1048576 bytes'),
               ($$SELECT customer_import.add_operator('x', roles => codes) FROM large$$, '54000 the array of role codes is larger than 1048576 bytes'),
               ($$SELECT count(*) FROM large, customer_import.customers_with_roles(codes)$$, '54000 the array of role codes is larger than 1048576 bytes'),
               ($$SELECT customer_import.parse_role_set(string_agg(to_hex(n), ',')) FROM generate_series(1, 150000) AS n$$, '54000 the role set is larger than 1048576 bytes'),
               ($$INSERT INTO customers (user_name, roles) SELECT 'x', codes FROM large$$, '54000 the role set is larger than 1048576 bytes'),
               ($$SELECT count(*) FROM customer_import.customer_roles(repeat('a', 1048577))$$, '54000 the user name is larger than 1048576 bytes'),
               ($$SELECT customer_import.act_as(repeat('a', 1048577))$$, '54000 the name is larger than 1048576 bytes'),
               ($$SELECT customer_import.add_operator(repeat('a', 1048577))$$, '54000 the argument is larger than 1048576 bytes'),
               ($$SELECT customer_import.alter_role_code('administrator', description => repeat('a', 1048577))$$, '54000 the argument is larger than 1048576 bytes'),
               ($$SELECT customer_import.amend_record(1, 1, repeat('a', 1048577))$$, '54000 the record is larger than 1048576 bytes'),
               ($$SELECT count(*) FROM customer_import.search_customers(repeat('a', 1048577))$$, '54000 the query is larger than 1048576 bytes')
       ) AS t (statement, expected);

-- What is too large for an index is the fault of its record
CREATE INDEX by_company ON customers (company);
SELECT is((SELECT created || ' ' || rejected FROM customer_import.import_customers(
               E'userName,company\nsmall,c\nlarge,' || (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 400) AS n), 'Create & Update')),
          '1 1', 'a record that is too large for an index is rejected alone');
DROP INDEX by_company;

-- The size of all rejected records is known before they are read
INSERT INTO customer_import.import_issues (import_id, line, issue_number, outcome, code, message, record)
SELECT :first, line, 1, 'rejected', 'unknown_role', 'big', decode(repeat('61', 999999) || '2c', 'hex') FROM generate_series(2, 17) AS line;
SELECT is((SELECT length(customer_import.rejected_csv(:first))), 16000183, 'rejected records of 16 MB');
UPDATE customer_import.import_issues SET amended_record = 'x,' WHERE import_id = :first;
SELECT is(split_part(customer_import.rejected_csv(:first), E'\n', 2), 'x,,2,"big"', '… as they were amended');

SELECT finish();
ROLLBACK;
