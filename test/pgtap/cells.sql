-- Cells that are damaged, look like others or have something around them: what must not be written is not, what a customer holds
-- already stays, by every door and in every mode.
BEGIN;
\ir attempt.psql
SET LOCAL client_min_messages = warning;
SELECT plan(71);

DO $$
BEGIN
    PERFORM customer_import.create_customers_table();
    PERFORM customer_import.add_role_codes('{buyer,approver}');
END
$$;

CREATE FUNCTION pg_temp.last() RETURNS bigint LANGUAGE sql AS $$SELECT max(id) FROM customer_import.imports$$;
CREATE FUNCTION pg_temp.names() RETURNS text LANGUAGE sql AS $$SELECT string_agg(user_name || roles::text, ' ' ORDER BY user_name COLLATE "C") FROM public.customers$$;
CREATE FUNCTION pg_temp.messages() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', line, code, column_name) || ': ' || message, E'\n' ORDER BY line, issue_number)
      FROM customer_import.import_issues WHERE import_id = pg_temp.last()
$$;
-- Imports, says what came of it and of `look`, and undoes it.
CREATE FUNCTION pg_temp.try(csv text, mode text DEFAULT 'Create & Update', look text DEFAULT 'SELECT pg_temp.names()') RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.attempt(NULL, NULL, format('SELECT pg_temp.import(%L, %L)', csv, mode), look)
$$;

--
-- What cannot be seen
--
INSERT INTO public.customers (user_name, roles) VALUES ('ann', '{buyer}'), (U&'x\200By', '{buyer}');
SELECT is(pg_temp.try(csv), U&'ok completed updated=1 => ann{approver,buyer} x\200By{buyer}', 'around a name it is dropped: ' || what)
  FROM (VALUES (E'userName,addRoles\nann\u200b,approver\n', 'U+200B'), (E'userName,addRoles\n\ufeffANN,approver\n', 'a byte order mark'),
               (E'userName,addRoles\n\u00a0ann\u2060\u3000,approver\n', 'U+00A0, U+2060, U+3000'), (E'userName,addRoles\n"ann\u200b\n",approver\n', 'before a line break')) AS v (csv, what);
SELECT is(pg_temp.try(E'userName,addRoles\nann\u200b,approver\n', 'Update Only'), U&'ok completed updated=1 => ann{approver,buyer} x\200By{buyer}', 'in Update Only, too');
SELECT is(pg_temp.try(E'userName,addRoles\nann\u200b,approver\n', 'Create Only'), U&'ok completed skipped=1 (already_exists) => ann{buyer} x\200By{buyer}', 'in Create Only it exists');
SELECT is(pg_temp.try(E'userName,addRoles\na\u200bnn,approver\n', mode), U&'ok completed rejected=1 (invalid_user_name) => ann{buyer} x\200By{buyer}', 'inside a name it rejects in ' || mode)
  FROM unnest('{Create & Update,Create Only,Update Only}'::text[]) AS mode;
SELECT is(pg_temp.try(E'userName,addRoles\na\u00a0nn,approver\n'), U&'ok completed rejected=1 (invalid_user_name) => ann{buyer} x\200By{buyer}', 'so does U+00A0');
SELECT is(pg_temp.try(E'userName,addRoles\nX\u200by,approver\n', mode), outcome, 'a customer of exactly that name is one, in ' || mode)
  FROM (VALUES ('Create & Update', U&'ok completed updated=1 => ann{buyer} x\200By{approver,buyer}'), ('Update Only', U&'ok completed updated=1 => ann{buyer} x\200By{approver,buyer}'),
               ('Create Only', U&'ok completed skipped=1 (already_exists) => ann{buyer} x\200By{buyer}')) AS v (mode, outcome);
SELECT is(pg_temp.try(E'userName,addRoles\n\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645,\n\u0915\u094d\u200d\u0937,\n\u5c71\u3000\u7530,\n', look => 'SELECT count(*)::text FROM public.customers'),
          'ok completed created=3 => 5', 'joiners stay where letters need them');
SELECT is(pg_temp.try(E'userName,addRoles\na\u200bnn,nope\n', look => 'SELECT pg_temp.messages()'),
          E'ok completed rejected=1 (invalid_user_name, unknown_role) => 2 invalid_user_name userName: the user name has a character that cannot be seen: "a<U+200B>nn"\n'
          || '2 unknown_role addRoles: role code "nope" is not in the catalog', 'it is told with the other faults of the record');
SELECT is((SELECT string_agg(concat_ws('|', user_name, outcome, code, message), ' ') FROM customer_import.preview_import(E'userName,addRoles\na\u200bnn,\n', 'Create Only')),
          E'a\u200bnn|rejected|invalid_user_name|the user name has a character that cannot be seen: "a<U+200B>nn"', 'a preview shows it');
SELECT is(pg_temp.try(E'userName,addRoles,phone\x1b[31m\nann,buy\u200ber,\n', look => 'SELECT (SELECT warnings[1] FROM customer_import.imports WHERE id = pg_temp.last()) || E''\n'' || pg_temp.messages()'),
          E'ok completed rejected=1 (unknown_role) => column "phone<U+001B>[31m" is not known and was ignored\n2 unknown_role addRoles: role code "buy<U+200B>er" is not in the catalog',
          'messages and warnings show it');
SELECT is(pg_temp.try(E'userName,addRoles\nann,buyer\u200bx\n', look => 'SELECT value FROM customer_import.import_issues WHERE import_id = pg_temp.last()'), E'ok completed rejected=1 (unknown_role) => buyer\u200bx', 'the value of an issue is what the file has');
SELECT is((SELECT count("userName") FROM customer_import.customer_export), 2::bigint, 'an export names all customers');
INSERT INTO public.customers (user_name) VALUES (U&'ann\200B');
SELECT is((SELECT count("userName") FROM customer_import.customer_export), 2::bigint, '… but one whose name a file would take for another''s');
DELETE FROM public.customers WHERE user_name = U&'ann\200B';

--
-- Damaged user names
--
SELECT is(pg_temp.try('userName,addRoles' || E'\n' || name || E',buyer\n', mode), 'ok completed rejected=1 (' || code || U&') => ann{buyer} x\200By{buyer}', name || ' makes no customer in ' || mode)
  FROM (VALUES ('1.00235E+11', 'invalid_user_name'), ('#N/A', 'invalid_user_name'), ('NULL', 'invalid_user_name'), ('\N', 'invalid_user_name'), (U&'m\FFFDller', 'invalid_encoding'),
               ('_empty_value_', 'invalid_user_name')) AS n (name, code),
       unnest('{Create & Update,Create Only,Update Only}'::text[]) AS mode;
SELECT is(pg_temp.try(E'userName,addRoles\n1.00235E+11,buyer\n1.00235E+11,approver\n1.00235E+11,\n', look => 'SELECT pg_temp.messages()'),
          E'ok completed rejected=3 (invalid_user_name, invalid_user_name, invalid_user_name) => 2 invalid_user_name userName: the user name looks shortened by a spreadsheet: "1.00235E+11"\n'
          || E'3 invalid_user_name userName: the user name looks shortened by a spreadsheet: "1.00235E+11"\n4 invalid_user_name userName: the user name looks shortened by a spreadsheet: "1.00235E+11"',
          'three names that became one');
SELECT is((SELECT string_agg(concat_ws('/', created, rejected), ' ') FROM customer_import.import_customers(E'userName,addRoles\nNULL,buyer\n1E+11,\nm\ufffdl,\na\u200bb,\n', 'Create & Update', damaged => 'keep')),
          '3/1', 'damaged => ''keep'' takes damaged ones');
SELECT is(pg_temp.try(E'userName,addRoles\nNULL,approver\n1E+11,approver\nM\ufffdL,approver\n', look => 'SELECT count(*)::text FROM public.customers WHERE roles @> ''{approver}'''),
          'ok completed updated=3 => 3', 'and customers that have such names are found by them');
DELETE FROM public.customers WHERE user_name NOT IN ('ann', U&'x\200By');

--
-- Damaged values
--
UPDATE public.customers SET last_name = U&'M\FFFDller', phone = '1', email = ' a@example.com ' WHERE user_name = 'ann';
\set row 'SELECT concat_ws(''|'', last_name, phone, company, email) FROM public.customers WHERE user_name = ''ann'''
SELECT is(pg_temp.try(E'userName,lastName,phone\nann,M\ufffdller,1\n', look => :'row'), U&'ok completed unchanged=1 => M\FFFDller|1| a@example.com ', 'what a customer holds is unchanged');
SELECT is(pg_temp.try(E'userName,lastName,phone\nann,M\ufffdller,2\n', look => :'row'), U&'ok completed updated=1 => M\FFFDller|2| a@example.com ', '… and does not keep other values from being written');
SELECT is(pg_temp.try(E'userName,lastName,phone\nann,N\ufffdller,2\n', look => :'row'), U&'ok completed rejected=1 (invalid_encoding) => M\FFFDller|1| a@example.com ', 'other damaged text is not written');
SELECT is(pg_temp.try(E'userName,lastName,company\nnew,N\ufffdller,\n', mode), outcome, 'nor into a new customer, in ' || mode)
  FROM (VALUES ('Create & Update', U&'ok completed rejected=1 (invalid_encoding) => ann{buyer} x\200By{buyer}'), ('Create Only', U&'ok completed rejected=1 (invalid_encoding) => ann{buyer} x\200By{buyer}'),
               ('Update Only', U&'ok completed skipped=1 (not_found) => ann{buyer} x\200By{buyer}')) AS v (mode, outcome);
SELECT is(pg_temp.try(E'userName,phone\nann,2\nann,\ufffd\nann,3\nann,\nann,EMPTY_VALUE\n', look => :'row'),
          U&'ok completed updated=2 unchanged=1 rejected=2 (invalid_encoding, invalid_value) => M\FFFDller|3| a@example.com ', 'of several records of a customer the others are applied');
SELECT is((SELECT concat_ws('/', updated, created) FROM customer_import.import_customers(E'userName,lastName\nann,N\ufffdller\nnew,N\ufffdller\n', 'Create & Update', damaged => 'keep')), '1/1', 'damaged => ''keep'' writes it');
SELECT is((SELECT state FROM customer_import.undo_import(pg_temp.last())), 'completed', '… and an undo brings back what there was');
SELECT is((:row), U&'M\FFFDller|1| a@example.com ', '… damaged as it was');
SELECT is(pg_temp.try(E'userName,phone,company,firstName\nann,#N/A,1.5E+12,NULL\nnew,#N/A,2.5E+12,\n', look => 'SELECT warnings::text FROM customer_import.imports WHERE id = pg_temp.last()'),
          'ok completed created=1 updated=1 => {"\"phone\": 2 cells hold \"#N/A\", first at line 2","\"firstName\": one cell holds \"NULL\", at line 2","\"company\": 2 cells look like numbers shortened by a spreadsheet, first at line 2"}',
          'values that look damaged are written, and counted');

-- A retry reads as its import did.
DO $$ BEGIN PERFORM customer_import.import_customers(E'userName,lastName,addRoles\nNULL,N\ufffd,nope\n', 'Create & Update', damaged => 'keep'); END $$;
SELECT is((SELECT code FROM customer_import.import_issues WHERE import_id = pg_temp.last()), 'unknown_role', 'a record that is rejected for something else');
DO $$ BEGIN PERFORM customer_import.add_role_codes('{nope}'); END $$;
SELECT is((SELECT created FROM customer_import.retry_rejects(pg_temp.last())), 1::bigint, '… is taken damaged by its retry');
DELETE FROM public.customers WHERE user_name = 'null';
DO $$ BEGIN PERFORM customer_import.import_customers(E'userName,lastName\nNULL,N\ufffd\nnone,\n', 'Create & Update'); END $$;
SELECT is((SELECT concat_ws('/', created, rejected) FROM customer_import.retry_rejects(pg_temp.last())), '0/2', 'without the option it is rejected again');

--
-- _EMPTY_VALUE_, nearly
--
SELECT is(pg_temp.try(E'userName,phone\nann,' || cell || E'\n', look => :'row'), U&'ok completed rejected=1 (invalid_value) => M\FFFDller|1| a@example.com ', 'no good value is overwritten by ' || cell)
  FROM unnest(ARRAY['_empty_value_', ' _EMPTY_VALUE_', 'EMPTY_VALUE', '<EMPTY_VALUE>', '_EMPTY_VALUE']) AS cell;
UPDATE public.customers SET company = 'EMPTY_VALUE' WHERE user_name = 'ann';
SELECT is(pg_temp.try(E'userName,company\nann,EMPTY_VALUE\n', look => :'row'), U&'ok completed unchanged=1 => M\FFFDller|1|EMPTY_VALUE| a@example.com ', 'who holds just that keeps it');
SELECT is(pg_temp.try(E'userName,phone,company\nann,_EMPTY_VALUE_,\\_EMPTY_VALUE_\n', look => :'row'), U&'ok completed updated=1 => M\FFFDller|_EMPTY_VALUE_| a@example.com ', 'the word itself clears, and can be written');
SELECT is(pg_temp.try(E'userName,roles\nann,' || cell || E'\n', look => 'SELECT string_agg(hint, '' '') FROM customer_import.import_issues WHERE import_id = pg_temp.last()'),
          'ok completed rejected=1 (unknown_role) => Write _EMPTY_VALUE_ to take all roles, or leave the cell empty to change nothing.', 'roles are not taken by ' || cell)
  FROM unnest(ARRAY['-', 'none', 'NULL', '_empty_value_']) AS cell;

--
-- Blanks
--
SELECT is(pg_temp.try(E'userName,phone,company,email,lastName\nann, ,\u00a0,\t,\u200b\n', look => :'row'), U&'ok completed unchanged=1 => M\FFFDller|1|EMPTY_VALUE| a@example.com ', 'cells of blanks change nothing');
SELECT is(pg_temp.try(E'userName,email\nann, a@example.com \n', look => :'row'), U&'ok completed unchanged=1 => M\FFFDller|1|EMPTY_VALUE| a@example.com ', 'an address that has them comes back as it is');
SELECT is(pg_temp.try(E'userName,email\nann,a@example.com\n', look => :'row'), U&'ok completed updated=1 => M\FFFDller|1|EMPTY_VALUE|a@example.com', '… and can be cleaned');
SELECT is(pg_temp.try(E'userName,email,phone\nann,\u00a0b@example.com\u200b , 2 \n', look => :'row'), U&'ok completed updated=1 => M\FFFDller| 2 |EMPTY_VALUE|b@example.com', 'an address loses what is around it, other text does not');
SELECT is(pg_temp.try(E'userName,email\nann, b@example.com \nann,b@example.com\nann,\u00a0b@example.com\n', look => :'row'), U&'ok completed updated=1 unchanged=2 => M\FFFDller|1|EMPTY_VALUE|b@example.com', '… three times');
SELECT finish();
ROLLBACK;
