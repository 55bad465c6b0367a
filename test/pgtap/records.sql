-- Which records of a file are records, and which are completed: what stays of it in the history, and comes back by retries and by the files of rejected
-- records. Each test quotes the documentation. (What each single file gives is in test/data.)
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(33);

DO $$
BEGIN
    PERFORM customer_import.create_customers_table();
    PERFORM customer_import.add_role_codes('{buyer,approver}');
END
$$;

-- Imports lines as a file; the last one has a line break, too.
CREATE FUNCTION pg_temp.import(VARIADIC lines text[]) RETURNS bigint LANGUAGE sql AS $$
    SELECT import_id FROM customer_import.import_customers(array_to_string(lines, E'\n') || E'\n', 'Create & Update')
$$;
CREATE FUNCTION pg_temp.names() RETURNS text[] LANGUAGE sql AS $$
    SELECT coalesce(array_agg(user_name ORDER BY user_name COLLATE "C"), '{}') FROM public.customers
$$;
CREATE FUNCTION pg_temp.issues(import bigint) RETURNS text[] LANGUAGE sql AS $$
    SELECT array_agg(concat_ws(' ', line, code, value) ORDER BY line, issue_number) FROM customer_import.import_issues WHERE import_id = import
$$;
CREATE FUNCTION pg_temp.counts(import bigint) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', records, created, updated, unchanged, rejected) FROM customer_import.imports WHERE id = import
$$;

-- "A record of blank cells is a blank line, too"
SELECT pg_temp.import('userName,addRoles,email', ',,', 'ann,buyer,', ',,', U&' ,\00A0,') AS blank \gset
SELECT is(pg_temp.counts(:blank), '1 1 0 0 0', 'it counts as no record');
SELECT is(warnings, '{"3 blank records were passed over, first at line 2"}', 'one warning for all of them stays with the import') FROM customer_import.imports WHERE id = :blank;
SELECT is(warnings, '{"3 blank records were passed over, first at line 2"}', 'a dry run tells the same')
  FROM customer_import.import_customers(E'userName,addRoles\n,\n,\n\uFEFF,\nann,buyer\n', 'Update Only', dry_run => true);
SELECT results_eq($$SELECT line, outcome FROM customer_import.preview_import(E'userName,addRoles\n,\nann,buyer\n,\nbob,\n', 'Update Only')$$,
                  $$VALUES (3::bigint, 'unchanged'), (5, 'skipped')$$, 'a preview shows none of them');
SELECT is(warnings, '{}', 'a call in the background warns of the header alone, since it reads no more')
  FROM customer_import.import_customers(E'userName,addRoles,email\n,,\nann,buyer\n', 'Update Only', background => true);
SELECT lives_ok(format('SELECT customer_import.cancel_import(%s)', max(id)), 'which is not to run here') FROM customer_import.imports;

-- "Missing cells at the end of a record are empty"
SELECT pg_temp.import('userName,addRoles,email,phone', 'bob,buyer', 'cleo,byer', 'dora,approver,d@x,7,', 'emil,byer,,,') AS short \gset
SELECT is(pg_temp.counts(:short), '4 2 0 0 2', 'they change nothing');
SELECT is(pg_temp.issues(:short), '{"3 unknown_role byer","5 unknown_role byer"}', 'what else is wrong with such a record is told');
SELECT is(convert_from(record, 'UTF8'), 'cleo,byer', 'its record is kept as it came') FROM customer_import.import_issues WHERE import_id = :short AND line = 3;
SELECT is(warnings[1:1], '{"2 records have fewer cells than the header, first at line 2: the missing ones were read as empty"}', 'they are counted')
  FROM customer_import.imports WHERE id = :short;
SELECT is(warnings[2:], '{"2 records have empty cells beyond the header, first at line 4: they were ignored"}', 'and so are surplus ones')
  FROM customer_import.imports WHERE id = :short;

-- "A retry completes what the import has completed"
SELECT import_id AS retry FROM customer_import.retry_rejects(:short) \gset
SELECT is(pg_temp.issues(:retry), '{"3 unknown_role byer","5 unknown_role byer"}', 'a completed record is completed again');
SELECT customer_import.add_role_codes('{byer}');
SELECT is(created || ' ' || updated, '2 0', 'and applied when it can be') FROM customer_import.retry_rejects(:retry);

-- "rejected_csv gives each record as many fields as the header"
SELECT is(customer_import.rejected_csv(:short), E'userName,addRoles,email,phone,_line,_error\ncleo,byer,,,3,"role code ""byer"" is not in the catalog"\n'
          'emil,byer,,,5,"role code ""byer"" is not in the catalog"' || E'\n', 'those that may be imported as they are');
SELECT is(convert_from(customer_import.rejected_csv_bytes(:short), 'UTF8'), customer_import.rejected_csv(:short), '… in bytes, too');
SELECT is(state || ' ' || updated, 'completed 2', 'so that it can be corrected and imported')
  FROM customer_import.import_customers(replace(customer_import.rejected_csv(:short), 'byer,', 'buyer,'), 'Create & Update');
SELECT is(email || coalesce(phone, ''), NULL, 'without the line as a cell') FROM public.customers WHERE user_name = 'cleo';

SELECT pg_temp.import('userName,company,email', 'fred,Main Street', 'Springfield,f@x', 'gabi,,g@x') AS halves \gset
SELECT is(pg_temp.issues(:halves), '{"2 wrong_field_count","3 wrong_field_count"}', 'halves of a record are rejected');
SELECT is(hint, 'Is there a line break inside a cell? Put such a cell in quotes; or give each record 3 fields.', 'with what may be wrong')
  FROM customer_import.import_issues WHERE import_id = :halves AND line = 3;
SELECT is(convert_from(customer_import.rejected_csv_bytes(:halves), 'UTF8'), E'userName,company,email,_line,_error\nfred,Main Street,2,"the record has 2 fields, the header has 3"\n'
          'Springfield,f@x,3,"the record has 2 fields, the header has 3"' || E'\n', 'they stay as they are');
SELECT is(state || ' ' || rejected, 'completed 2', 'and are rejected again: the file has the columns _line and _error')
  FROM customer_import.import_customers(customer_import.rejected_csv(:halves), 'Create & Update');
SELECT is(created || ' ' || rejected, '0 1', 'also one of them alone')
  FROM customer_import.import_customers(regexp_replace(convert_from(customer_import.rejected_csv_bytes(:halves), 'UTF8'), 'fred.*?\n', ''), 'Create & Update');

SELECT customer_import.amend_record(:halves, 2, 'fred,Main Street Springfield,f@x');
SELECT import_id AS retry FROM customer_import.retry_rejects(:halves) \gset
SELECT is(pg_temp.counts(:retry), '2 1 0 0 1', 'the half of a record is rejected again, though its other half has gone');
SELECT is(pg_temp.issues(:retry), '{"3 wrong_field_count"}', 'under its own line');
SELECT import_id AS again FROM customer_import.retry_rejects(:retry) \gset
SELECT is(pg_temp.issues(:again), '{"3 wrong_field_count"}', 'as often as it is tried');
SELECT throws_ok(format($$SELECT customer_import.amend_record(%s, 3, ' ,,')$$, :again), '22P04', 'the text is not one CSV record but 0', 'a blank record is none');
SELECT throws_ok(format($$SELECT customer_import.amend_record(%s, 3, 'hans,buyer')$$, :again), '22P04', 'the record has 2 fields, the header has 3',
                 'what amends it has all fields');

-- "The header once more is passed over"
SELECT pg_temp.import('userName,email', 'ina,', U&'\FEFFuserName,email', 'jo,') AS repeated \gset
SELECT is(pg_temp.counts(:repeated), '2 2 0 0 0', 'no customer comes of it');
SELECT is(warnings, '{"the header is repeated at line 3 and was passed over"}', 'and it is told') FROM customer_import.imports WHERE id = :repeated;

-- "With `strict => true` every record needs as many cells as the header"
SELECT import_id AS strict FROM customer_import.import_customers(E'userName,email,phone\nkai,\nlea,,,\n,,\n', 'Create & Update', strict => true) \gset
SELECT is(pg_temp.issues(:strict), '{"2 wrong_field_count","3 wrong_field_count"}', 'fewer and more are rejected');
SELECT import_id AS retry FROM customer_import.retry_rejects(:strict) \gset
SELECT is(pg_temp.issues(:retry), '{"2 wrong_field_count","3 wrong_field_count"}', 'a retry keeps to it');
SELECT results_eq($$SELECT line, code FROM customer_import.preview_import(E'userName,email,phone\nkai,\n', 'Create & Update', strict => true)$$,
                  $$VALUES (2::bigint, 'wrong_field_count')$$, 'and so does a preview');
SELECT is(pg_temp.names(), '{ann,bob,cleo,dora,emil,fred,gabi,ina,jo}', 'nobody else was created by all that');
SELECT finish();
ROLLBACK;
