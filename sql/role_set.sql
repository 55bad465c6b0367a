-- Role sets: functions, operators, the aggregate, and the GIN indexes that they can use.
SET client_min_messages = error;
CREATE EXTENSION customer_import;
RESET client_min_messages;
SET search_path = public, customer_import;

-- Any input: NULLs, empty codes, repeats, no order
SELECT role_set(NULL) IS NULL AS null_array;
SELECT role_set('{}') AS empty, role_set('{NULL}') AS only_null, role_set('{""}') AS only_empty;
SELECT role_set('{b,NULL,a,"",b,a,NULL}') AS canonical;
SELECT role_set('{{b,a},{NULL,b}}') AS two_dimensions, array_ndims(role_set('{{b,a},{NULL,b}}')) AS dimensions;
SELECT role_set('[5:7]={c,a,b}') AS other_bounds, array_lower(role_set('[5:7]={c,a,b}'), 1) AS lower_bound;
SELECT role_set('[-1:0][2:3]={{d,c},{b,a}}') AS both;
-- Codes are bytes: nothing is trimmed or folded, and no collation sorts
SELECT role_set('{é,z,a,B,b,A,-,_," a"}') AS byte_order;
SELECT role_set('{é,z,a,B}' COLLATE "C") = role_set('{é,z,a,B}') AS any_collation;
SELECT role_set(ARRAY['a', 'ab', 'aa', 'a-']) AS prefixes;

-- is_role_set
SELECT a AS input, is_role_set(a) AS is_role_set
  FROM (VALUES (1, '{}'::text[]), (2, '{a}'), (3, '{a,b}'), (4, '{B,a}'), (5, '{a,B}'), (6, '{b,a}'), (7, '{a,a}'), (8, '{""}'),
               (9, '{"",a}'), (10, '{a,NULL}'), (11, '{NULL}'), (12, '{{a,b}}'), (13, '{{a},{b}}'), (14, '[2:3]={a,b}'),
               (15, NULL)) AS t (position, a)
 ORDER BY position;
SELECT bool_and(is_role_set(role_set(a))) AS always
  FROM (VALUES ('{b,NULL,a,"",b}'::text[]), ('{{b,a},{NULL,b}}'), ('[5:7]={c,a,b}'), ('{é,z,B}')) AS t (a);

-- parse_role_set splits a cell
SELECT parse_role_set(NULL) IS NULL AS null_cell;
SELECT cell, parse_role_set(cell)
  FROM (VALUES (1, ''), (2, ' '), (3, ',;|'), (4, 'buyer'), (5, ' buyer , approver '), (6, 'c;b|a,b'), (7, 'b,,b;;a'), (8, 'a b, c'),
               (9, '"a"')) AS t (position, cell)
 ORDER BY position;
SELECT parse_role_set(E'b\na\r\nd\rc') AS line_breaks, parse_role_set(U&'\00A0b\3000,\2003a\0085') AS unicode_blanks;

-- Union, difference, intersection: any input, canonical result
SELECT a, b, a | b AS "union", a - b AS difference, a & b AS intersection
  FROM (VALUES (1, '{}'::text[], '{}'::text[]), (2, '{a}', '{}'), (3, '{}', '{a}'), (4, '{a,b}', '{b,c}'), (5, '{b,a,b}', '{c,NULL,b}'),
               (6, '{{b,a}}', '[3:4]={c,a}'), (7, '{a,B}', '{A,b}'), (8, '{a}', '{a}'), (9, '{NULL,""}', '{NULL,""}')) AS t (position, a, b)
 ORDER BY position;
SELECT role_set_union('{a}', '{b}') AS "union", role_set_difference('{a,b}', '{b}') AS difference,
       role_set_intersection('{a,b}', '{b}') AS intersection;
SELECT '{a}'::text[] | NULL AS "union", NULL - '{a}'::text[] AS difference, '{a}'::text[] & NULL AS intersection;
-- As everywhere in SQL, "-" binds before "|" and "&", and those go from left to right
SELECT a | b - a AS minus_first, (a | b) - a AS in_parentheses, a | b & b AS left_to_right
  FROM (VALUES ('{a}'::text[], '{b}'::text[])) AS t (a, b);
-- The same as with sets of SQL, on sets of every size
SELECT count(*) AS pairs,
       bool_and((s.a | s.b) = ARRAY(SELECT x FROM unnest(s.a || s.b) AS x GROUP BY x ORDER BY x COLLATE "C")) AS union_agrees,
       bool_and((s.a - s.b) = ARRAY(SELECT x FROM unnest(s.a) AS x WHERE x <> ALL (s.b) GROUP BY x ORDER BY x COLLATE "C")) AS difference_agrees,
       bool_and((s.a & s.b) = ARRAY(SELECT x FROM unnest(s.a) AS x WHERE x = ANY (s.b) GROUP BY x ORDER BY x COLLATE "C")) AS intersection_agrees
  FROM (SELECT (SELECT COALESCE(array_agg('r' || i * 7 % 11), '{}') FROM generate_series(1, p) AS i) AS a,
               (SELECT COALESCE(array_agg('r' || i * 5 % 13), '{}') FROM generate_series(1, q) AS i) AS b
          FROM generate_series(0, 15) AS p, generate_series(0, 15) AS q) AS s;

-- The operators of the server continue to work with them
SELECT '{a,b}'::text[] @> '{b}' AS contains, '{a}'::text[] <@ '{a,b}' AS contained, '{a}'::text[] && '{b}' AS overlaps,
       role_set('{b,a}') = '{a,b}' AS equal;

-- Values that are stored compressed and out of line
CREATE TEMPORARY TABLE large (codes text[]);
INSERT INTO large SELECT array_agg(lpad((i % 5000)::text, 40, 'x')) FROM generate_series(1, 20000) AS i;
SELECT pg_column_size(codes) < 500000 AS toasted, cardinality(role_set(codes)) AS codes, is_role_set(role_set(codes)) AS canonical,
       cardinality(codes | '{a}') AS "union", codes - codes AS difference, cardinality(codes & codes) AS intersection
  FROM large;

-- The commutative ones name themselves as their commutator
SELECT o.oprname, c.oprname AS commutator, o.oprcode
  FROM pg_operator AS o LEFT JOIN pg_operator AS c ON c.oid = o.oprcom
 WHERE o.oprnamespace = 'customer_import'::regnamespace
 ORDER BY o.oprname COLLATE "C";

-- role_set_agg
SELECT role_set_agg(a) AS no_input FROM (SELECT '{a}'::text[] WHERE false) AS t (a);
SELECT role_set_agg(NULL::text[]) AS only_null;
SELECT role_set_agg(a) AS united FROM (VALUES ('{b,a}'::text[]), (NULL), ('{}'), ('{NULL,c}'), ('[3:3]={d}'), ('{{a,e}}')) AS t (a);
SELECT g, role_set_agg(ARRAY[c]) AS by_group, role_set_agg(ARRAY[c]) FILTER (WHERE c <> 'b') AS filtered,
       role_set_agg(DISTINCT ARRAY[c]) AS "distinct"
  FROM (VALUES (1, 'b'), (1, 'a'), (2, 'c'), (2, 'c'), (3, NULL)) AS t (g, c)
 GROUP BY g ORDER BY g;
SELECT i, role_set_agg(ARRAY[c]) OVER (ORDER BY i) AS running
  FROM (VALUES (1, 'b'), (2, 'a'), (3, 'b')) AS t (i, c) ORDER BY i;

-- 100,000 role sets: one in 5,000 holds the rare code
CREATE TABLE holders (id int PRIMARY KEY, roles text[] NOT NULL);
INSERT INTO holders
SELECT i, role_set(ARRAY['role' || i % 3, 'role' || i % 7, CASE WHEN i % 5000 = 0 THEN 'rare' END,
                         CASE WHEN i % 4000 = 0 THEN 'scarce' END])
  FROM generate_series(1, 100000) AS i;

-- The aggregate in parallel gives the same
ANALYZE holders;
BEGIN;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT role_set_agg(roles) FROM holders;
SELECT role_set_agg(roles) FROM holders;
SET LOCAL max_parallel_workers_per_gather = 0;
EXPLAIN (COSTS OFF) SELECT role_set_agg(roles) FROM holders;
SELECT role_set_agg(roles) FROM holders;
-- Also per partition
SET LOCAL enable_partitionwise_aggregate = on;
CREATE TABLE parts (id int, roles text[]) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100) TO (200);
INSERT INTO parts SELECT i, ARRAY['role' || i % 3, 'part' || i / 100] FROM generate_series(0, 199) AS i;
SELECT role_set_agg(roles) FROM parts;
ROLLBACK;

-- Without an index
SELECT count(*) FROM holders WHERE roles @> '{rare}';
SELECT count(*) FROM holders WHERE roles && '{rare,scarce}';
SELECT count(*) FROM holders WHERE roles @> '{rare,scarce}';
SELECT count(*) FROM holders WHERE roles <@ '{role0,rare}';
SELECT count(*) FROM holders WHERE roles = '{rare,role1,role5,scarce}';
CREATE INDEX holders_roles ON holders USING gin (roles);
ANALYZE holders;
-- With one, at default settings: the same numbers
EXPLAIN (COSTS OFF) SELECT count(*) FROM holders WHERE roles @> '{rare}';
EXPLAIN (COSTS OFF) SELECT count(*) FROM holders WHERE roles && '{rare,scarce}';
EXPLAIN (COSTS OFF) SELECT count(*) FROM holders WHERE roles @> '{rare,scarce}';
SELECT count(*) FROM holders WHERE roles @> '{rare}';
SELECT count(*) FROM holders WHERE roles && '{rare,scarce}';
SELECT count(*) FROM holders WHERE roles @> '{rare,scarce}';
SELECT count(*) FROM holders WHERE roles <@ '{role0,rare}';
SELECT count(*) FROM holders WHERE roles = '{rare,role1,role5,scarce}';
-- Role sets that are computed are constants for the planner
EXPLAIN (COSTS OFF) SELECT count(*) FROM holders WHERE roles && (parse_role_set('scarce; rare; scarce') - '{scarce}');
SELECT count(*) FROM holders WHERE roles && (parse_role_set('scarce; rare; scarce') - '{scarce}');
-- An index on an expression
CREATE INDEX holders_merged ON holders USING gin ((roles - '{role0,role1,role2}'));
ANALYZE holders;
EXPLAIN (COSTS OFF) SELECT count(*) FROM holders WHERE (roles - '{role0,role1,role2}') @> '{scarce}';
SELECT count(*) FROM holders WHERE (roles - '{role0,role1,role2}') @> '{scarce}';

DROP TABLE holders, large;
RESET search_path;
DROP EXTENSION customer_import;
