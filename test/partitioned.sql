-- For suites that run against a table in partitions too: from now on create_customers_table() of this database makes such a
-- table. It has the columns and the privileges that a created one has.
CREATE OR REPLACE FUNCTION customer_import.create_customers_table(
    name text DEFAULT 'public.customers', partitions integer DEFAULT 4
) RETURNS regclass
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS '$libdir/customer_import', 'ci_create_customers_table';
