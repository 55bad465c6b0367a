-- "Where the default of an argument is NULL, NULL means that it was not given; everywhere else it raises 22004": every
-- function that does more than compute, and every argument of it, as the catalog has them.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = error;

-- One row for each argument of each function, and what calls it with NULL there and something in all others that are required
CREATE TEMPORARY VIEW arguments AS
    SELECT p.oid, p.proname, a.number, p.proargnames[a.number] AS name, format_type(a.type, NULL) AS type,
           a.number > p.pronargs - p.pronargdefaults AS has_default,
           COALESCE(pg_get_function_arg_default(p.oid, a.number::integer) LIKE 'NULL::%', false) AS may_be_null
      FROM pg_proc AS p CROSS JOIN LATERAL unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a (type, number)
     WHERE p.pronamespace = 'customer_import'::regnamespace AND p.proname !~ '^_' AND p.provolatile <> 'i' AND p.prokind IN ('f', 'p');
CREATE TEMPORARY TABLE samples (type text PRIMARY KEY, value text);
INSERT INTO samples VALUES ('text', 'x'), ('bytea', 'x'), ('oid', '1'), ('bigint', '1'), ('integer', '1'), ('boolean', 'true'), ('interval', '1 day'),
                           ('text[]', '{}'), ('name', 'x'), ('jsonb', '{}'), ('numeric', '1'), ('regclass', 'pg_class');
CREATE TEMPORARY TABLE calls AS
    SELECT a.*, format('%s customer_import.%I(%s)', CASE WHEN p.prokind = 'p' THEN 'CALL' WHEN p.proretset OR p.prorettype = 'record'::regtype THEN 'SELECT * FROM' ELSE 'SELECT' END, a.proname,
                       (SELECT string_agg(format('%I => %L::%s', b.name, CASE WHEN b.number <> a.number THEN s.value END, b.type), ', ' ORDER BY b.number)
                          FROM arguments AS b LEFT JOIN samples AS s ON s.type = b.type
                         WHERE b.oid = a.oid AND (b.number = a.number OR NOT b.has_default))) AS statement
      FROM arguments AS a JOIN pg_proc AS p ON p.oid = a.oid;

SELECT plan((SELECT count(*)::integer FROM calls) + 4);
SELECT is_empty('SELECT DISTINCT type FROM arguments EXCEPT SELECT type FROM samples', 'there is a value of each type');
SELECT cmp_ok((SELECT count(DISTINCT oid) FROM calls), '>=', 30::bigint, 'these are many functions');
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'customer_import'::regnamespace AND proname !~ '^_' AND provolatile <> 'i' AND proisstrict$$,
                'none is STRICT, and answers NULL without being called');
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'customer_import'::regnamespace AND proname !~ '^_' AND provolatile = 'i' AND prokind = 'f' AND NOT proisstrict$$,
                'those that only compute are');
SELECT is(left(pg_temp.attempt(NULL, NULL, statement), 5 + length(message)), '22004' || message, format('%s: %I is NULL', oid::regprocedure, name))
  FROM (SELECT *, format(' argument "%s" of function %s() is NULL', name, proname) AS message FROM calls WHERE NOT may_be_null) AS c ORDER BY oid::regprocedure::text, number;
SELECT doesnt_match(pg_temp.attempt(NULL, NULL, statement), '^22004', format('%s: %I may be NULL', oid::regprocedure, name)) FROM calls WHERE may_be_null ORDER BY oid::regprocedure::text, number;

SELECT * FROM finish();
ROLLBACK;
