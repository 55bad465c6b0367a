-- In a large file of which most is in the table already, one scan of the table finds the records that change nothing: neither looking nor the
-- UPDATE sees them. What comes of it is in the oracle's ways.
BEGIN;
\ir import_on.psql
SET LOCAL client_min_messages = error;
SET LOCAL track_functions = 'all';
SELECT plan(20);

\ir customers_for_ann.psql
INSERT INTO public.customers (user_name, roles, company)
SELECT 'user' || i, '{buyer}', CASE WHEN i % 500 = 0 THEN 'theirs' ELSE 'ours' END FROM generate_series(1, 12000) AS i;
ANALYZE public.customers;

-- What an import did to a changed table of a known size, how many rows the UPDATE has asked about, and what `look` sees.
CREATE FUNCTION pg_temp.import_on(change text, csv text, mode text DEFAULT 'Update Only', look text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT concat_ws(' | ', concat_ws(' ', created, updated, unchanged, skipped, rejected), decided, seen)
              FROM pg_temp.try_import('ANALYZE public.customers; ' || change, csv, mode, look));
EXCEPTION WHEN raise_exception THEN
    RETURN SQLERRM;
END
$$;
-- A file of the customers in a range; one of `every` gets another role.
CREATE FUNCTION pg_temp.lines(first integer, last integer, every integer DEFAULT NULL, name text DEFAULT 'user') RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format(E'%s%s,%s\n', name, i, CASE WHEN i % every = 0 THEN 'approver' ELSE 'buyer' END), '') FROM generate_series(first, last) AS i
$$;
CREATE FUNCTION pg_temp.file(lines text) RETURNS text LANGUAGE sql AS $$ SELECT E'userName,addRoles\n' || lines $$;
CREATE FUNCTION pg_temp.roles_of(name text) RETURNS text LANGUAGE sql AS $$ SELECT format('SELECT roles FROM public.customers WHERE user_name = %L', name) $$;

SELECT is(pg_temp.import_on('SELECT 1', pg_temp.file(pg_temp.lines(1, 12000))), '0 0 12000 0 0 | 5000', 'all unchanged: after the trial and the first 4,999 records none is decided');
SELECT is(pg_temp.import_on('SELECT 1', pg_temp.file(pg_temp.lines(1, 10000))), '0 0 10000 0 0 | 1001', 'too few behind the first ones for a table of this size: customers are looked at in order');
SELECT is(pg_temp.import_on('SELECT 1', pg_temp.file(pg_temp.lines(1, 12000, 10))), '0 1200 10800 0 0 | 5701', 'one in ten changes: the UPDATE is asked about the first ones and those');
SELECT is(pg_temp.import_on('SELECT 1', pg_temp.file(pg_temp.lines(1, 12000, 2))), '0 6000 6000 0 0 | 12001', 'half of them change: the UPDATE is asked about all');
SELECT is(pg_temp.import_on('SELECT 1', pg_temp.file(pg_temp.lines(1, 12000) || pg_temp.lines(1, 100, NULL, 'new')), 'Create & Update'), '100 0 12000 0 0 | 5000', 'new customers are created');
SELECT is(pg_temp.import_on('SELECT 1', pg_temp.file(pg_temp.lines(1, 12000) || E'zoe,buyer\nboss,administrator\nuser1,gardener\n')), '0 0 12000 2 1 | 5000', 'others and faults');
SELECT is(pg_temp.import_on('SELECT 1', pg_temp.file(pg_temp.lines(1, 12000)), 'Create Only'), '0 0 0 12000 0 | 12001', 'Create Only: each is looked for, and skipped');

-- Several records of a customer.
SELECT is(pg_temp.import_on('SELECT 1', pg_temp.file(pg_temp.lines(1, 12000) || E'user11000,buyer\nuser11001,approver\nuser1,approver\n'), look => pg_temp.roles_of('user11001')),
          '0 2 12001 0 0 | 5005 | {approver,buyer}', 'several that are looked for, and one that comes before those');
SELECT is(pg_temp.import_on('SELECT 1', E'userName,addRoles,removeRoles\nuser11000,,buyer\n' || replace(pg_temp.lines(1, 12000), 'buyer', 'buyer,'), look => pg_temp.roles_of('user11000')),
          '0 2 11999 0 0 | 5001 | {buyer}', 'one removes the role before another adds it: both are applied');
SELECT is(pg_temp.import_on('SELECT 1', E'userName,addRoles,removeRoles\n' || replace(pg_temp.lines(1, 12000), 'buyer', 'buyer,') || E'user11000,,buyer\n', look => pg_temp.roles_of('user11000')),
          '0 1 12000 0 0 | 5001 | {}', 'and behind it');
SELECT is(pg_temp.import_on('SELECT 1', E'userName,addRoles,removeRoles\n' || replace(pg_temp.lines(1, 12000), 'buyer', ',approver')), '0 0 12000 0 0 | 1001', 'records that remove roles are not looked for');
SELECT is(pg_temp.import_on('SELECT 1', E'userName,addRoles,company\n' || replace(pg_temp.lines(1, 12000), 'buyer', 'buyer,')), '0 0 12000 0 0 | 1001', 'nor are those that may set a value');

-- What the table holds.
SELECT is(pg_temp.import_on($$SELECT set_config('session_replication_role', 'replica', true); UPDATE public.customers SET roles = '{BUYER}' WHERE user_name = 'user11000'; UPDATE public.customers SET roles = '{BUYER,buyer}' WHERE user_name = 'user11001'; UPDATE public.customers SET roles = '{}' WHERE user_name = 'user11002'; SELECT set_config('session_replication_role', 'origin', true)$$,
                            pg_temp.file(pg_temp.lines(1, 12000)), look => $$SELECT string_agg(roles::text, ' ' ORDER BY user_name) FROM public.customers WHERE user_name BETWEEN 'user11000' AND 'user11003'$$),
          '0 3 11997 0 0 | 5003 | {buyer} {buyer} {buyer} {buyer}', 'other spellings give way, and who has no role gets it');
SELECT is(pg_temp.import_on($$DELETE FROM public.customers WHERE user_name = 'user11000'$$, pg_temp.file(pg_temp.lines(1, 12000))), '0 0 11999 1 0 | 5000', 'a customer that there is no more is not found');

-- What policies say.
SELECT is(pg_temp.import_on('CREATE POLICY more ON public.customers AS RESTRICTIVE FOR UPDATE USING (company <> ''theirs'')', pg_temp.file(pg_temp.lines(1, 12000))), '0 0 12000 0 0 | 5000',
          'a policy on updating: what may be seen is unchanged');
SELECT is(pg_temp.import_on('CREATE POLICY more ON public.customers AS RESTRICTIVE USING (company <> ''theirs'')', pg_temp.file(pg_temp.lines(1, 12000))), '0 0 11976 24 0 | 4991', 'a policy on both: what cannot be seen is not found');
SELECT is(pg_temp.import_on('CREATE POLICY more ON public.customers AS RESTRICTIVE FOR UPDATE USING (company <> ''theirs'')', pg_temp.file(pg_temp.lines(1, 12000, 250))), '0 24 11952 0 24 | 5053',
          'a policy on updating: what may only be seen cannot be changed');
SELECT alike(pg_temp.import_on($$CREATE FUNCTION public.refuse(company text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN IF company = ''theirs'' THEN RAISE ''not this one''; END IF; RETURN true; END';
                              CREATE POLICY more ON public.customers AS RESTRICTIVE USING (public.refuse(company))$$, pg_temp.file(pg_temp.lines(1, 12000))), '0 0 11976 0 24 | %',
          'a policy that fails for a row: the records of the others are applied');
SELECT is(pg_temp.import_on('CREATE TRIGGER keep BEFORE UPDATE ON public.customers FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()', pg_temp.file(pg_temp.lines(1, 12000))), '0 0 12000 0 0 | 12001',
          'records that are applied one by one');
SELECT set_config('session_authorization', 'regress_ann', true) \g /dev/null
SELECT is((SELECT format('%s %s', count(*), count(*) FILTER (WHERE outcome = 'unchanged')) FROM customer_import.preview_import(pg_temp.file(pg_temp.lines(1, 12000)), 'Update Only')), '12000 12000',
          'a preview shows each record');
SELECT * FROM finish();
ROLLBACK;
