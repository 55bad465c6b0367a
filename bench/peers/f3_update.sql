-- F3, floor of U: the raw UPDATE from rows that are ready, without reading a file, a check or
-- a report. Its plan is that of P1 (see parts/p1_merge_first.sql).
SET jit = off;
SET work_mem = '512MB';
SET random_page_cost = 1.1;
SET enable_hashjoin = off;
SET enable_seqscan = off;
SELECT new_roles.reltuples < 0.2 * customers.reltuples AS few
FROM pg_class AS new_roles, pg_class AS customers
WHERE new_roles.oid = 'public.new_roles'::regclass
    AND customers.oid = 'public.customers'::regclass \gset
\if :few
SET enable_mergejoin = off;
\endif
\echo @step update
UPDATE public.customers AS c
SET roles = n.roles,
    updated_at = now()
FROM public.new_roles AS n
WHERE c.user_name = n.user_name;
