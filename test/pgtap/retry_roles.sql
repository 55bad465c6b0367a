-- What a retry does with a `roles` cell when other imports have changed roles of the customer meanwhile. Each test quotes the documentation.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(11);

DO $$
BEGIN
    PERFORM customer_import.create_customers_table();
    PERFORM customer_import.add_role_codes('{a,b,c,d,gone}');
END
$$;

-- Gives the customer `roles`, has a file of one record with the `roles` cell rejected, imports what comes `meanwhile`, and
-- retries; says what the retry came to, what it left, and what the customer holds.
CREATE FUNCTION pg_temp.retry(roles text[], cell text, meanwhile text[], mode text DEFAULT 'Create & Update') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    csv text;
    rejected bigint;
    retried record;
BEGIN
    DELETE FROM public.customers;
    INSERT INTO public.customers (user_name, roles) SELECT 'ann', roles WHERE roles IS NOT NULL;
    SELECT import_id INTO rejected FROM customer_import.import_customers(format(E'userName,roles,active\nann,%s,maybe\n', cell), mode);
    FOREACH csv IN ARRAY meanwhile LOOP
        PERFORM customer_import.import_customers(replace(csv, '|', E'\n'), 'Create & Update');
    END LOOP;
    PERFORM customer_import.amend_record(rejected, 2, format('ann,%s,', cell));
    SELECT * INTO retried FROM customer_import.retry_rejects(rejected);
    RETURN concat_ws(' ', (SELECT k.key FROM jsonb_each(to_jsonb(retried)) AS k WHERE k.key IN ('created', 'updated', 'unchanged', 'skipped', 'rejected') AND k.value = '1'),
                     (SELECT string_agg(concat_ws(':', code, value), ' ' ORDER BY issue_number) FROM customer_import.import_issues WHERE import_id = retried.import_id),
                     (SELECT c.roles FROM public.customers AS c));
END
$$;

-- "A `roles` cell says of each code whether the customer is to hold it: a code that such an import gave or took stays as the customer has it"
SELECT is(pg_temp.retry('{a,b}', 'a;c', '{"userName,addRoles|ann,d"}'), 'updated superseded:d {a,c,d}', 'a code that a later import gave stays, the others are as the cell says');
SELECT is(pg_temp.retry('{a,b}', 'a;c', '{"userName,removeRoles|ann,a"}'), 'updated superseded:a {c}', 'one that it took stays away');
SELECT is(pg_temp.retry('{b}', 'A', '{"userName,addRoles|ann,a","userName,addRoles|ann,c","userName,removeRoles|ann,c"}'), 'updated superseded:a superseded:c {a}',
          'each is listed, also where it is as the cell says');
SELECT is(pg_temp.retry('{a,b}', '_EMPTY_VALUE_', '{"userName,addRoles|ann,d"}'), 'updated superseded:d {d}', 'when the cell takes all');
SELECT is(pg_temp.retry('{a}', 'a', '{"userName,addRoles|ann,d"}'), 'skipped superseded:d {a,d}', '"A record of which something stays, and that changes nothing, is `skipped`"');
SELECT is(pg_temp.retry('{a}', 'b', '{}'), 'updated {b}', 'nothing stays when nothing was changed');
SELECT is(pg_temp.retry('{a}', 'b', '{"userName,company|ann,Acme"}'), 'updated {b}', 'nor for a change of something else');
SELECT is(pg_temp.retry('{a}', 'a;nobody;b', '{"userName,addRoles|ann,b"}'), 'rejected unknown_role:nobody {a,b}', 'what is wrong with the cell rejects it as ever');

-- "A customer whom a later import has created is as that import left the customer"
SELECT is(pg_temp.retry(NULL, 'a', '{"userName,roles|ann,b"}'), 'skipped superseded:a superseded:b {b}', 'with other roles');
SELECT is(pg_temp.retry(NULL, 'a', '{"userName,company|ann,Acme"}'), 'skipped superseded:a {}', 'without roles');
SELECT is(pg_temp.retry(NULL, '_EMPTY_VALUE_', '{"userName,company|ann,Acme"}'), 'skipped superseded {}', 'when there is no code to name');
SELECT finish();
ROLLBACK;
