-- Number of customers, number of roles, and a hash over all rows that does not depend on
-- their order. Timestamps are left out; `generate` works out the same hash.
SELECT count(*),
    coalesce(sum(cardinality(roles)), 0),
    coalesce(sum(('x' || left(md5(concat(user_name, '|', email, '|', first_name, '|', last_name,
        '|', phone, '|', company, '|', active, '|', array_to_string(roles, ','))), 8))::bit(32)::bigint), 0)
FROM public.customers;
