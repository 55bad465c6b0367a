-- What grows with the caller's data is neither recursive nor endless: depth, sizes, and what is refused before memory is taken.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = warning;
SELECT plan(2);

DO $$
BEGIN
    PERFORM customer_import.create_customers_table();
    PERFORM customer_import.add_role_codes('{buyer}');
END
$$;

--
-- Depth: an undo of an undo of an undo … 4,000 deep, with the least stack that the server allows. Nothing but the bookkeeping of
-- those in the middle stands here; the last one has something to take back.
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
UPDATE customer_import.import_change_pages SET import_id = :first + 4000 WHERE import_id = :first;
SET LOCAL max_stack_depth = '100kB';
SELECT is((SELECT state || ' ' || deleted FROM customer_import.undo_import(:first + 4000)), 'completed 1', 'an undo 4,000 deep');
RESET max_stack_depth;
SELECT is((SELECT count(*) FILTER (WHERE state = 'undone' AND (id - :first) % 2 = 0)
                + count(*) FILTER (WHERE state = 'completed' AND undo_import_id IS NULL AND (id - :first) % 2 = 1)
             FROM customer_import.imports WHERE id BETWEEN :first AND :first + 4000), 4001::bigint,
          'switches each import before it off or on again');

SELECT finish();
ROLLBACK;
