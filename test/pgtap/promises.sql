-- Sentences of the documentation that did not hold once. Each test quotes the one that it holds to.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = warning;
SELECT plan(36);

CREATE FUNCTION pg_temp.next_import() RETURNS bigint LANGUAGE sql AS $$SELECT max(id) FROM customer_import.imports$$;
DO $$
BEGIN
    PERFORM customer_import.create_customers_table();
    PERFORM customer_import.add_role_codes('{buyer,Lost1,tmp}');
END
$$;
INSERT INTO public.customers (user_name, roles, company) VALUES ('ann', '{Lost1,buyer}', 'Acme'), ('bea', '{Lost1}', E'Acme\nLtd'), ('cid', '{tmp}', NULL);
DO $$ BEGIN PERFORM customer_import.remove_role_codes('{Lost1,tmp}'); END $$;

-- "Codes are matched as in a file; one that the catalog has lost is found where it is held."
CREATE FUNCTION pg_temp.holders(codes text[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(user_name, ' ' ORDER BY user_name) FROM customer_import.customers_with_roles(codes)
$$;
SELECT is(pg_temp.holders(codes), found, 'holders of ' || codes::text)
  FROM (VALUES ('{Lost1}'::text[], 'ann bea'), ('{lost1}', 'ann bea'), ('{LOST1,BUYER}', 'ann'), ('{buyer}', 'ann'), ('{lost2}', NULL), ('{}', 'ann bea cid'),
               ('{TMP}', 'cid'), ('{lost1,tmp}', NULL), ('{""}', 'ann bea cid')) AS t (codes, found);

-- "A code that the customer holds already may stay even if the catalog has lost it." In any case, as in a file
UPDATE public.customers SET roles = '{TMP,buyer}' WHERE user_name = 'cid';
SELECT is((SELECT roles FROM public.customers WHERE user_name = 'cid'), '{buyer,tmp}', 'by hand, in another case');
SELECT throws_ok($$UPDATE public.customers SET roles = '{TMP}' WHERE user_name = 'ann'$$, '23514', 'role code "TMP" is not in the catalog', 'of another customer');

-- "line breaks are found nowhere"
SELECT is((SELECT count(*) FROM customer_import.search_customers(query)), found, 'search for ' || query)
  FROM (VALUES (E'Acme\nLtd', 0::bigint), (E'Acme\rLtd', 0), (E'\n', 3), ('Acme', 2), ('Ltd', 1)) AS t (query, found);

-- A message is one line, whatever a trigger says
CREATE FUNCTION public.regress_says() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION E'first\nsecond\r\nthird\rfourth: %', NEW.user_name USING ERRCODE = CASE WHEN NEW.phone = 'end' THEN '53100' ELSE '23514' END;
END
$$;
CREATE TRIGGER says BEFORE UPDATE ON public.customers FOR EACH ROW WHEN (NEW.phone IS NOT NULL) EXECUTE FUNCTION public.regress_says();
SELECT is((SELECT state FROM customer_import.import_customers(E'userName,phone\nann,1\n', 'Update Only')), 'completed', 'a trigger that says several lines');
SELECT is((SELECT message FROM customer_import.import_issues WHERE import_id = pg_temp.next_import()), 'first second third fourth: ann', '… is quoted in one');
SELECT is(customer_import.rejected_csv(pg_temp.next_import()), E'userName,phone,_line,_error\nann,1,2,"first second third fourth: ann"\n', '… in a file as well');

-- "value is cut at 1,000 bytes"
SELECT is((SELECT rejected FROM customer_import.import_customers((SELECT E'userName,addRoles\n' || string_agg(format('u%s,%s', n, repeat('x', n)), E'\n')
                                                                     FROM unnest('{999,1000,1001,2000}'::int[]) AS n), 'Create Only')), 4::bigint, 'unknown codes of about 1,000 bytes');
SELECT results_eq($$SELECT octet_length(value), right(value, 1) FROM customer_import.import_issues WHERE import_id = pg_temp.next_import() ORDER BY line$$,
                  $$VALUES (999, 'x'), (1000, 'x'), (1000, '…'), (1000, '…')$$, 'are kept to 1,000 bytes');

-- "a cell 1,000 different codes"
SELECT is(left(pg_temp.attempt(NULL, NULL, format('SELECT rejected FROM customer_import.import_customers(%L, ''Create Only'')', E'userName,addRoles\nzoe,"' || cell || E'"\n')), length(expected)), expected, what)
  FROM (SELECT repeat('buyer,', 5000) AS cell, 'ok 0' AS expected, 'a code 5,000 times' AS what
        UNION ALL SELECT string_agg('c' || n, ','), 'ok 1', '1,000 different codes' FROM generate_series(1, 1000) AS n
        UNION ALL SELECT string_agg('c' || n, ','), '22P04 the cell "addRoles" at line 2 has more than 1000 role codes', '1,001 different ones' FROM generate_series(1, 1001) AS n) AS t;

-- "any encoding that the server converts to UTF-8"; SQL_ASCII and MULE_INTERNAL are 22023
SELECT is(left(pg_temp.attempt(NULL, NULL, format('SELECT rejected FROM customer_import.import_customers(''userName,addRoles''::bytea, ''Create Only'', encoding => %L)', e)), 5), expected, e)
  FROM (VALUES ('SQL_ASCII', '22023'), ('MULE_INTERNAL', '22023'), ('LATIN1', 'ok 0')) AS t (e, expected);

-- "customer_import.retention: … 0 means for ever", one minute at least
SELECT throws_ok('SET LOCAL customer_import.retention = ''29s''', '22023', NULL, '29 seconds are not for ever');
SELECT throws_ok('SET LOCAL customer_import.retention = ''1ms''', '22023', NULL, 'nor is a millisecond');
SET LOCAL customer_import.retention = '90s';
SELECT is(current_setting('customer_import.retention'), '90s', 'a minute and a half');

-- "_line and _error may stay in the file": what is rejected again has them once
SELECT is((SELECT rejected FROM customer_import.import_customers(E'userName,addRoles,_line,_error\nzoe,byer,7,"role code ""byer"", unknown"\nyan,byer\n', 'Create Only')), 2::bigint, 'a file of rejected records');
SELECT is(customer_import.rejected_csv(pg_temp.next_import()), E'userName,addRoles,_broken,_line,_error\nzoe,byer,,2,"role code ""byer"" is not in the catalog"\n'
          ',,"yan,byer",3,"the record has 2 fields, the header has 4"'::text || E'\n', 'has these columns once');
SELECT is(convert_from(customer_import.rejected_csv_bytes(pg_temp.next_import()), 'UTF8'), E'userName,addRoles,_line,_error\nzoe,byer,2,"role code ""byer"" is not in the catalog"\n'
          'yan,byer,3,"the record has 2 fields, the header has 4"'::text || E'\n', '… and byte for byte');

-- "already_exists: Create Only met an existing customer", whatever the table thinks of the record, and however many new ones come before it
DROP TRIGGER says ON public.customers;
ALTER TABLE public.customers ADD CONSTRAINT regress_company CHECK (company IS DISTINCT FROM 'no'), ADD regress_generated text GENERATED ALWAYS AS (company) STORED;
CREATE FUNCTION pg_temp.create_only(csv text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', state, created, skipped, rejected) FROM customer_import.import_customers(csv, 'Create Only')
$$;
SELECT is(pg_temp.create_only((SELECT E'userName,company\nann,no\n' || string_agg(format('a%s,no', n), E'\n') FROM generate_series(1, 800) AS n)), 'completed 0 1 800',
          'one who exists behind 800 that fail');
SET LOCAL customer_import.batch_rows = 200;
SELECT is(pg_temp.create_only((SELECT E'userName,company\nann,no\n' || string_agg(format('a%s,yes', n), E'\n') FROM generate_series(1, 200) AS n)), 'completed 200 1 0',
          '… and in a batch alone, behind one of new customers');
RESET customer_import.batch_rows;
SELECT is(pg_temp.create_only((SELECT E'userName,company\n' || string_agg(format('n%s,%s', n, company), E'\n' ORDER BY place, n)
                                 FROM generate_series(1, 200) AS n, unnest('{no,yes,yes}'::text[]) WITH ORDINALITY AS c (company, place))), 'completed 200 200 200',
          'each of 200 fails, then is created, then exists');
SELECT finish();
ROLLBACK;
