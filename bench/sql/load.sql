-- Fills the table. Autovacuum is kept away from it alone: it would hit one contender
-- and not the next.
\if :{?fillfactor}
ALTER TABLE public.customers SET (fillfactor = :fillfactor);
\endif
ALTER TABLE public.customers SET (autovacuum_enabled = off);

\set copy_customers '\\copy public.customers (user_name, email, first_name, last_name, roles) FROM ' :'customers' ' (FORMAT csv)'
:copy_customers
VACUUM (FREEZE, ANALYZE) public.customers;
