-- Fills the table. Autovacuum is kept away from it alone: it would hit one contender
-- and not the next. Tables in partitions take such settings for each of them.
\set settings 'autovacuum_enabled = off'
\if :{?fillfactor}
\set settings :settings ', fillfactor = ' :fillfactor
\endif
SELECT format('ALTER TABLE %s SET (%s)', oid::regclass, :'settings')
FROM pg_class
WHERE relkind = 'r' AND (oid = 'public.customers'::regclass
    OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'public.customers'::regclass)) \gexec

\set copy_customers '\\copy public.customers (user_name, email, first_name, last_name, roles) FROM ' :'customers' ' (FORMAT csv)'
:copy_customers
VACUUM (FREEZE, ANALYZE) public.customers;
