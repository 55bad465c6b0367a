-- import_customers(): forms of the file, its delimiter and encoding, request_id, and the history.
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE EXTENSION customer_import;
RESET client_min_messages;
SELECT customer_import.create_customers_table();
SELECT customer_import.add_role_codes('{buyer,approver,companyAdmin}');

-- Numbers of imports are not shown: they depend on what was rolled back before
\set counts 'state, records, created, updated, unchanged, skipped, rejected, deleted, unprocessed, warnings'
\set words 'regexp_replace(message, \'(Import |import_id = )\\d+\', \'\\1N\', \'g\') AS message'
CREATE SCHEMA regress;
CREATE VIEW regress.customers AS
    SELECT user_name, email, first_name, last_name, phone, company, active, roles FROM public.customers ORDER BY user_name;

INSERT INTO customers (user_name, email, roles) VALUES ('ann@example.com', 'ann@example.com', '{approver,companyAdmin}'),
    ('bob@example.com', 'bob@example.com', '{approver,buyer}');

--
-- The file: as text, as bytes, as a large object; its delimiter and encoding
--
SELECT name, (SELECT state FROM customer_import.import_customers(file, 'Create & Update', delimiter => delimiter, file_name => name)) AS state
  FROM (VALUES (1, 'comma', E'userName,addRoles,email\np1,"buyer;approver",a;b|c\n', NULL),
               (2, 'semicolon', E'userName;addRoles;email\np1;"buyer;approver";a,b|c\n', NULL),
               (3, 'tab', E'userName\taddRoles\temail\np1\tbuyer,approver\ta,b;c\n', NULL),
               (4, 'bar', E'userName|addRoles|email\np1|buyer,approver|a,b;c\n', NULL),
               (5, 'named in the file', E'sep=;\nuserName;addRoles;email;_a,_b,_c,_d,_e\np1;buyer,approver;a,b|c;\n', NULL),
               (6, 'named in the call', E'userName|addRoles|email\np1|buyer,approver|a,b;c\n', '|'),
               (7, 'named in both', E'sep=,\nuserName;addRoles;email\np1;buyer,approver;a,b\n', ';'),
               (8, 'CRLF', E'userName,addRoles\r\np1,buyer\r\n', NULL),
               (9, 'CR', E'userName,addRoles\rp1,buyer\r', NULL),
               (10, 'no line end', E'userName,addRoles\np1,buyer', NULL),
               (11, 'byte order mark', E'\uFEFFuserName,addRoles\np1,buyer\n', NULL),
               (12, 'blank lines', E'\n\nuserName,addRoles\n\n\r\np1,buyer\n\n', NULL)) AS t (position, name, file, delimiter)
 ORDER BY position;
SELECT file_name, delimiter, encoding, records, created + updated + unchanged AS good, convert_from(header, 'UTF8') AS header
  FROM customer_import.imports WHERE file_name IS NOT NULL ORDER BY id;
SELECT user_name, email, roles FROM regress.customers WHERE user_name = 'p1';
DELETE FROM customers WHERE user_name = 'p1';

-- Other encodings, for bytes
SELECT :counts FROM customer_import.import_customers('\x757365724e616d652c66697273744e616d650a7a6feb2c5a6feb0a'::bytea, 'Create & Update', encoding => 'LATIN1');
SELECT :counts FROM customer_import.import_customers('\x757365724e616d652c66697273744e616d650a6575726f2c800a'::bytea, 'Create & Update', encoding => 'win1252');
SELECT :counts FROM customer_import.import_customers(convert_to(E'userName,firstName\nруслан,Руслан\n', 'KOI8R'), 'Create & Update', encoding => 'KOI8R');
SELECT :counts FROM customer_import.import_customers(convert_to(E'userName,firstName\nkana,カナ\n', 'SJIS'), 'Create & Update', encoding => 'SJIS');
SELECT :counts FROM customer_import.import_customers(convert_to(E'userName,firstName\nutf,é\n', 'UTF8'), 'Create & Update', encoding => 'UTF8');
SELECT user_name, first_name FROM regress.customers WHERE first_name IS NOT NULL;
SELECT encoding, count(*) FROM customer_import.imports WHERE encoding <> 'UTF8' GROUP BY encoding ORDER BY encoding;
DELETE FROM customers WHERE first_name IS NOT NULL;
-- Bytes that are none of the encoding
SELECT :counts FROM customer_import.import_customers('\x757365724e616d652c66697273744e616d650a7a6feb2c5a6feb0a616e6e612c416e6e610a'::bytea, 'Create & Update');
SELECT line, code, message, record FROM customer_import.import_issues WHERE import_id = (SELECT max(id) FROM customer_import.imports) ORDER BY line;
SELECT :counts FROM customer_import.import_customers('\x757365724e616d652c66697273744e616d650a7a6f812c5a6f810a'::bytea, 'Create & Update', encoding => 'WIN1252');
SELECT line, code, message, record FROM customer_import.import_issues WHERE import_id = (SELECT max(id) FROM customer_import.imports) ORDER BY line;
DELETE FROM customers WHERE user_name = 'anna';

-- A large object stays, unless unlink says otherwise
SELECT lo_from_bytea(0, convert_to(E'userName,addRoles\nlo1,buyer\n', 'UTF8')) AS lo
\gset
SELECT :counts FROM customer_import.import_customers(:lo, 'Create & Update');
SELECT :counts FROM customer_import.import_customers(:lo::oid, 'Create & Update', unlink => NULL);
SELECT count(*) FROM pg_largeobject_metadata WHERE oid = :lo;
SELECT :counts FROM customer_import.import_customers(:lo, 'Create & Update', file_name => 'lo.csv', unlink => true);
SELECT count(*) FROM pg_largeobject_metadata WHERE oid = :lo;
SELECT file_name, file_bytes FROM customer_import.imports ORDER BY id DESC LIMIT 1;
-- It goes also when the import fails, and stays when the file is refused
SELECT lo_from_bytea(0, convert_to(E'userName,addRoles\nlo1,byer\n', 'UTF8')) AS lo
\gset
SELECT :counts FROM customer_import.import_customers(:lo, 'Create & Update', reject_limit => 0, unlink => true);
SELECT count(*) FROM pg_largeobject_metadata WHERE oid = :lo;
SELECT lo_from_bytea(0, convert_to(E'userName,adRoles\nlo1,byer\n', 'UTF8')) AS lo
\gset
SELECT :counts FROM customer_import.import_customers(:lo, 'Create & Update', unlink => true);
SELECT count(*) FROM pg_largeobject_metadata WHERE oid = :lo;
SELECT lo_unlink(:lo);
-- of more than one chunk, in another encoding, with characters cut at the chunks' ends
SELECT lo_from_bytea(0, convert_to((SELECT E'userName,company\n' || string_agg('lo' || i || ',' || repeat('カ', 1 + i % 61) || E'\n', '' ORDER BY i) FROM generate_series(1, 30000) AS i), 'SJIS')) AS lo
\gset
SELECT :counts FROM customer_import.import_customers(:lo, 'Create & Update', encoding => 'SJIS', unlink => true);
SELECT file_bytes > 2 * 1048576 AS large FROM customer_import.imports ORDER BY id DESC LIMIT 1;
SELECT count(*) AS customers, count(*) FILTER (WHERE company = repeat('カ', 1 + substr(user_name, 3)::int % 61)) AS whole FROM customers WHERE user_name LIKE 'lo%';
DELETE FROM customers WHERE user_name LIKE 'lo%';

--
-- request_id: the same request returns the first import; another one with its id is refused
--
SELECT count(*) AS imports_before FROM customer_import.imports
\gset
SELECT import_id AS first_id FROM customer_import.import_customers(E'userName,addRoles,note\nq1,buyer,\nq2,byer,\n', 'Create & Update', request_id => 'r-1')
\gset
SELECT :words, :counts FROM customer_import.imports WHERE id = :first_id;
SELECT import_id = :first_id AS same, :words, :counts
  FROM customer_import.import_customers(E'userName,addRoles,note\nq1,buyer,\nq2,byer,\n', 'Create & Update', request_id => 'r-1');
SELECT import_id = :first_id AS same, created
  FROM customer_import.import_customers(E'userName,addRoles,note\nq1,buyer,\nq2,byer,\n'::bytea, 'create_and_update', file_name => 'q', request_id => 'r-1');
\set VERBOSITY terse
SELECT import_id FROM customer_import.import_customers(E'userName,addRoles,note\nq1,buyer,\nq2,byer,\n', 'Create Only', request_id => 'r-1');
SELECT import_id FROM customer_import.import_customers(E'userName,addRoles,note\nq1,buyer,\nq2,byer,\n', 'Create & Update', request_id => 'r-1', reject_limit => 0);
SELECT import_id FROM customer_import.import_customers(E'userName,addRoles,note\nq1,buyer,\nq2,buyer,\n', 'Create & Update', request_id => 'r-1');
SELECT import_id FROM customer_import.import_customers('no file at all'::text, 'Create & Update', request_id => 'r-1');
\set VERBOSITY default
SELECT import_id = :first_id AS same FROM customer_import.import_customers(E'userName,addRoles\nq3,buyer\n', 'Create Only', request_id => 'R-1');
SELECT count(*) - :imports_before AS new_imports FROM customer_import.imports;
SELECT user_name FROM customers WHERE user_name LIKE 'q_' ORDER BY user_name;
-- whatever became of it
SELECT import_id AS failed_id, state FROM customer_import.import_customers(E'userName,addRoles\nq4,byer\n', 'Create & Update', request_id => 'r-2', reject_limit => 0)
\gset
SELECT import_id = :failed_id AS same, state FROM customer_import.import_customers(E'userName,addRoles\nq4,byer\n', 'Create & Update', request_id => 'r-2', reject_limit => 0);
-- A refused file and a rolled back import leave nothing to return
SELECT state FROM customer_import.import_customers(E'userName,adRoles\nq4,buyer\n', 'Create & Update', request_id => 'r-3');
BEGIN;
SELECT state, created FROM customer_import.import_customers(E'userName,addRoles\nq4,buyer\n', 'Create & Update', request_id => 'r-3');
ROLLBACK;
SELECT state, created FROM customer_import.import_customers(E'userName,addRoles\nq4,buyer\n', 'Create & Update', request_id => 'r-3');
-- Without one, the same file is two imports
SELECT state FROM customer_import.import_customers(E'userName,addRoles\nq4,buyer\n', 'Create & Update');
SELECT state, unchanged FROM customer_import.import_customers(E'userName,addRoles\nq4,buyer\n', 'Create & Update');
-- With a large object that the first call has removed
SELECT lo_from_bytea(0, convert_to(E'userName,addRoles\nq5,buyer\n', 'UTF8')) AS lo
\gset
SELECT import_id AS first_id, created FROM customer_import.import_customers(:lo, 'Create & Update', request_id => 'r-4', unlink => true)
\gset
SELECT import_id = :first_id AS same, created FROM customer_import.import_customers(:lo, 'Create & Update', request_id => 'r-4', unlink => true);
\set VERBOSITY terse
SELECT import_id FROM customer_import.import_customers(:lo, 'Create Only', request_id => 'r-4', unlink => true);
\set VERBOSITY default
DELETE FROM customers WHERE user_name LIKE 'q_';

--
-- The history
--
SELECT import_id AS last FROM customer_import.import_customers(E'userName,addRoles,x\nz1,byer,\nann@example.com,buyer,\n', 'Create & Update',
    file_name => 'roles.csv', reject_limit => 5, delimiter => ',', unknown_roles => 'reject', send_report => false, request_id => 'r-5')
\gset
SELECT operator = current_user AS by_me, database_role = current_user AS as_me, mode, source_import_id, file_name, file_bytes, options, state,
       :words, records, created, updated, unchanged, skipped, rejected, deleted, unprocessed, warnings, encode(header, 'escape') AS header,
       delimiter, encoding, request_id, submitted_at <= started_at AS started, started_at <= finished_at AS finished,
       clock_timestamp() - finished_at < interval '1 hour' AS just_now, undo_import_id
  FROM customer_import.imports WHERE id = :last \gx
-- In every report the outcomes add up
SELECT count(*) > 10 AS many, count(*) FILTER (WHERE records <> created + updated + unchanged + skipped + rejected + unprocessed) AS wrong,
       count(*) FILTER (WHERE state NOT IN ('completed', 'failed')) AS unfinished
  FROM customer_import.imports;
SELECT count(*) AS wrong
  FROM customer_import.imports AS i
 WHERE i.rejected <> (SELECT count(DISTINCT line) FROM customer_import.import_issues AS n WHERE n.import_id = i.id AND n.outcome = 'rejected')
    OR i.skipped <> (SELECT count(*) FROM customer_import.import_issues AS n WHERE n.import_id = i.id AND n.outcome = 'skipped')
    OR i.created <> (SELECT count(*) FROM customer_import.import_changes AS c WHERE c.import_id = i.id AND c.created)
    OR i.updated <> (SELECT count(*) FROM customer_import.import_changes AS c WHERE c.import_id = i.id AND NOT c.created);

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
RESET client_min_messages;
DROP TABLE customers;
DROP EXTENSION customer_import;
