-- import_customers(): limits, faults that the table finds, and the caller's transaction.
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
CREATE VIEW regress.issues AS
    SELECT line, issue_number AS n, outcome, code, column_name, value, message, detail, hint, sqlstate,
           convert_from(record, 'UTF8') AS record
      FROM customer_import.import_issues WHERE import_id = (SELECT max(id) FROM customer_import.imports) ORDER BY line, issue_number;
CREATE VIEW regress.changes AS
    SELECT line, user_name, created, added, removed, before, after
      FROM customer_import.import_changes WHERE import_id = (SELECT max(id) FROM customer_import.imports) ORDER BY line, user_name;
CREATE VIEW regress.customers AS
    SELECT user_name, email, first_name, last_name, phone, company, active, roles FROM public.customers ORDER BY user_name;

INSERT INTO customers (user_name, email, roles) VALUES ('ann@example.com', 'ann@example.com', '{approver,companyAdmin}'),
    ('bob@example.com', 'bob@example.com', '{approver,buyer}');

ALTER TABLE customers ADD CONSTRAINT no_bad CHECK (company <> 'bad');

--
-- reject_limit
--
-- passed while checking: all faults of the file are listed
SELECT :words, :counts FROM customer_import.import_customers($$userName,addRoles
r1,byer
r2,buyer
r3,byer
r4,byer
$$, 'Create & Update', reject_limit => 2);
SELECT line, code FROM regress.issues;
SELECT :counts FROM customer_import.import_customers(E'userName,addRoles\nr1,byer\nr2,buyer\n', 'Create & Update', reject_limit => 1);
DELETE FROM customers WHERE user_name = 'r2';
-- passed while applying: all is taken back, the first faults are listed
SELECT :words, :counts FROM customer_import.import_customers($$userName,addRoles,company
r0,buyer,good
r1,buyer,bad
r2,buyer,bad
r3,buyer,good
r4,buyer,bad
r5,buyer,bad
$$, 'Create & Update', reject_limit => 2);
SELECT line, n, code, column_name, value, message, detail IS NOT NULL AS detail, hint, sqlstate, record FROM regress.issues;
TABLE regress.changes;
SELECT user_name FROM customers WHERE user_name LIKE 'r_';
-- skipped records of an import that was taken back are no longer known
SELECT :counts FROM customer_import.import_customers(E'userName,company\nnobody,x\nann@example.com,bad\n', 'Update Only', reject_limit => 0);
SELECT line, outcome, code FROM regress.issues;
-- not passed: exactly as many
SELECT :counts FROM customer_import.import_customers($$userName,addRoles,company
r0,buyer,good
r1,buyer,bad
r2,buyer,bad
r3,buyer,good
$$, 'Create & Update', reject_limit => 2);
SELECT line, code, sqlstate FROM regress.issues;
SELECT user_name FROM customers WHERE user_name LIKE 'r_' ORDER BY user_name;
DELETE FROM customers WHERE user_name LIKE 'r_';

--
-- An import without hope: the first 1,000 valid records by line fail with one SQLSTATE
--
SELECT :words, :counts FROM customer_import.import_customers(
    (SELECT E'userName,company\n' || string_agg('h' || lpad(i::text, 4, '0') || E',bad\n', '' ORDER BY i) FROM generate_series(1, 1200) AS i) || E'ok,good\n', 'Create & Update');
SELECT code, sqlstate, count(*), min(line) AS first, max(line) AS last FROM regress.issues GROUP BY code, sqlstate;
SELECT count(*) FROM customers WHERE user_name LIKE 'h%' OR user_name = 'ok';
-- It does not depend on the batches
SET customer_import.batch_rows = 7;
SELECT :words, :counts FROM customer_import.import_customers(
    (SELECT E'userName,company\n' || string_agg('h' || lpad(i::text, 4, '0') || E',bad\n', '' ORDER BY i) FROM generate_series(1, 1200) AS i) || E'ok,good\n', 'Create & Update');
SELECT code, sqlstate, count(*), min(line) AS first, max(line) AS last FROM regress.issues GROUP BY code, sqlstate;
RESET customer_import.batch_rows;
-- 999 are not hopeless, nor are 1,000 behind one with another SQLSTATE, nor faults that the check finds
SELECT :counts FROM customer_import.import_customers(
    (SELECT E'userName,company\n' || string_agg('h' || lpad(i::text, 4, '0') || E',bad\n', '' ORDER BY i) FROM generate_series(1, 999) AS i) || E'ok,good\n', 'Create & Update');
ALTER TABLE customers ADD CONSTRAINT email_key UNIQUE (email);
SELECT :counts FROM customer_import.import_customers(
    (SELECT E'userName,company,email\n' || string_agg('h' || lpad(i::text, 4, '0') || E',' || CASE i WHEN 1 THEN ',ann@example.com' ELSE 'bad,' END || E'\n', '' ORDER BY i) FROM generate_series(1, 1200) AS i), 'Create & Update');
SELECT sqlstate, count(*) FROM regress.issues GROUP BY sqlstate ORDER BY sqlstate;
ALTER TABLE customers DROP CONSTRAINT email_key;
SELECT :counts FROM customer_import.import_customers(
    (SELECT E'userName,addRoles\n' || string_agg('h' || lpad(i::text, 4, '0') || E',byer\n', '' ORDER BY i) FROM generate_series(1, 1200) AS i), 'Create & Update');
ALTER TABLE customers DROP CONSTRAINT no_bad;
DELETE FROM customers WHERE user_name = 'ok';

--
-- Faults that the table finds
--
UPDATE customers SET last_name = 'Doe';
ALTER TABLE customers ALTER COLUMN last_name SET NOT NULL, ADD CONSTRAINT no_bad CHECK (company <> 'bad'), ADD CONSTRAINT a_number CHECK (phone::numeric > 0);
SELECT :counts FROM customer_import.import_customers($$userName,lastName,company,phone
f1,One,good,1
f2,Two,bad,2
f3,,good,3
f4,Four,good,four
f5,_EMPTY_VALUE_,good,5
f6,Six,,6
ann@example.com,,bad,7
bob@example.com,,,
f1,,bad,-1
f1,,good,11
$$, 'Create & Update');
SELECT line, n, outcome, code, column_name, value, message, detail IS NOT NULL AS detail, hint, sqlstate, record FROM regress.issues;
SELECT line, user_name, created, before, after FROM regress.changes;
ALTER TABLE customers ALTER COLUMN last_name DROP NOT NULL, DROP CONSTRAINT no_bad, DROP CONSTRAINT a_number;
DELETE FROM customers WHERE user_name LIKE 'f_';

-- A second unique key: each record meets what those before it left behind
ALTER TABLE customers ADD CONSTRAINT email_key UNIQUE (email);
SELECT :counts FROM customer_import.import_customers($$userName,email
u1,one@example.com
u2,one@example.com
u1,new@example.com
u2,one@example.com
u3,one@example.com
u2,_EMPTY_VALUE_
u3,one@example.com
$$, 'Create & Update');
SELECT line, code, column_name, message, detail, sqlstate FROM regress.issues;
SELECT user_name, email FROM regress.customers WHERE user_name LIKE 'u_';
ALTER TABLE customers DROP CONSTRAINT email_key;
DELETE FROM customers WHERE user_name LIKE 'u_';

-- A child table: its rows are at the same places, made by the same transaction
CREATE TABLE regress.children () INHERITS (public.customers);
BEGIN;
TRUNCATE ONLY customers;
INSERT INTO customers (user_name) VALUES ('i1'), ('i2');
INSERT INTO regress.children (user_name) VALUES ('i3'), ('i4');
SELECT :counts FROM customer_import.import_customers($$userName,addRoles,email
i1,buyer,one@example.com
i4,approver,four@example.com
$$, 'Create & Update');
SELECT tableoid::regclass::text AS "table", user_name, email, roles FROM customers ORDER BY user_name;
ROLLBACK;
DROP TABLE regress.children;

-- Triggers of the table: what they raise rejects the record, what they change is what the change log says
CREATE FUNCTION regress.custom() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.company = 'forbidden' THEN
        RAISE EXCEPTION 'this company is not wanted' USING DETAIL = 'It owes us money.', HINT = 'Ask Ann.';
    ELSIF NEW.company = 'mine' THEN
        RAISE EXCEPTION USING ERRCODE = 'MY001', MESSAGE = 'not one of the server''s classes';
    ELSIF NEW.company = 'nowhere' THEN
        RETURN NULL;
    END IF;
    NEW.email := lower(NEW.email);
    NEW.roles := array_append(NEW.roles, 'companyAdmin');
    RETURN NEW;
END
$$;
CREATE TRIGGER custom BEFORE INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION regress.custom();
SELECT :counts FROM customer_import.import_customers($$userName,addRoles,email,company
t1,buyer,T1@Example.com,
t2,buyer,,forbidden
t3,buyer,,nowhere
ann@example.com,,,nowhere
ann@example.com,buyer,ANN@Example.com,
t1,,t1@example.com,
t1,,T1@Example.com,
$$, 'Create & Update');
SELECT line, n, outcome, code, column_name, value, message, detail, hint, sqlstate FROM regress.issues;
TABLE regress.changes;
-- Errors of other classes are the whole import's
SELECT * FROM customer_import.import_customers(E'userName,company\nt5,\nt6,mine\n', 'Create & Update');
SELECT user_name, email, roles FROM regress.customers WHERE user_name LIKE 't_';
DROP TRIGGER custom ON customers;
DELETE FROM customers WHERE user_name LIKE 't_';

--
-- Deferrable constraints
--
CREATE TABLE regress.companies (name text PRIMARY KEY);
INSERT INTO regress.companies VALUES ('Acme'), ('Beta');
UPDATE customers SET company = NULL;
ALTER TABLE customers
    ADD CONSTRAINT known_company FOREIGN KEY (company) REFERENCES regress.companies DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT known_phone FOREIGN KEY (phone) REFERENCES regress.companies DEFERRABLE INITIALLY IMMEDIATE;
-- They are checked with the record that breaks them
SELECT :counts FROM customer_import.import_customers($$userName,company,phone
d1,Acme,
d2,Nowhere,
d3,Beta,Nowhere
d4,Beta,Acme
ann@example.com,Nowhere,
bob@example.com,Acme,
$$, 'Create & Update');
SELECT line, code, column_name, message, detail, sqlstate FROM regress.issues;
-- afterwards those INITIALLY DEFERRED are deferred again, and only those
BEGIN;
SELECT :counts FROM customer_import.import_customers(E'userName,company\nd5,Acme\nd6,Nowhere\n', 'Create & Update');
INSERT INTO customers (user_name, company) VALUES ('d7', 'Later');
INSERT INTO regress.companies VALUES ('Later');
SAVEPOINT before;
INSERT INTO customers (user_name, phone) VALUES ('d8', 'Never');
ROLLBACK TO before;
COMMIT;
BEGIN;
SELECT :counts FROM customer_import.import_customers(E'userName,company\nd9,Acme\n', 'Create & Update');
INSERT INTO customers (user_name, company) VALUES ('d8', 'Never');
COMMIT;
SELECT user_name, company FROM regress.customers WHERE user_name LIKE 'd_';
-- A fault that the caller has pending is the caller's, and propagates
BEGIN;
INSERT INTO customers (user_name, company) VALUES ('d8', 'Never');
SELECT :counts FROM customer_import.import_customers(E'userName,company\nd9,Acme\n', 'Create & Update');
ROLLBACK;
BEGIN;
SET CONSTRAINTS known_phone DEFERRED;
INSERT INTO customers (user_name, phone) VALUES ('d8', 'Never');
SELECT :counts FROM customer_import.import_customers(E'userName,company\nd9,Acme\n', 'Create & Update');
ROLLBACK;
-- What the caller has pending without a fault does not matter
BEGIN;
INSERT INTO customers (user_name, company) VALUES ('d8', 'Soon');
INSERT INTO regress.companies VALUES ('Soon');
SELECT :counts FROM customer_import.import_customers(E'userName,company\nd9,Acme\n', 'Create & Update');
COMMIT;
ALTER TABLE customers DROP CONSTRAINT known_company, DROP CONSTRAINT known_phone;
DELETE FROM customers WHERE user_name LIKE 'd_';

--
-- Part of the caller's transaction
--
SELECT count(*) AS imports_before FROM customer_import.imports
\gset
BEGIN;
SELECT state FROM customer_import.import_customers(E'userName,addRoles\nx1,buyer\nx2,byer\n', 'Create & Update');
SELECT count(*) - :imports_before AS new_imports FROM customer_import.imports;
ROLLBACK;
SELECT count(*) - :imports_before AS new_imports FROM customer_import.imports;
BEGIN;
SELECT state FROM customer_import.import_customers(E'userName,addRoles\nx1,buyer\n', 'Create & Update');
SAVEPOINT before;
SELECT state FROM customer_import.import_customers(E'userName,addRoles\nx1,approver\nx2,buyer\nx3,byer\n', 'Create & Update');
ROLLBACK TO before;
SELECT :counts FROM customer_import.import_customers(E'userName,addRoles\nx1,companyAdmin\nx2,approver\n', 'Create & Update');
COMMIT;
SELECT count(*) - :imports_before AS new_imports FROM customer_import.imports;
SELECT user_name, roles FROM regress.customers WHERE user_name LIKE 'x_';
-- An error after it, and one inside it, take it all back
BEGIN;
SELECT state FROM customer_import.import_customers(E'userName,addRoles\nx9,buyer\n', 'Create & Update');
SELECT 1/0;
COMMIT;
DO $$
BEGIN
    PERFORM customer_import.import_customers(E'userName,addRoles\nx1,approver\nx4,buyer\n', 'Create & Update');
    PERFORM customer_import.import_customers(E'userName,adRoles\nx5,buyer\n', 'Create & Update');
EXCEPTION WHEN bad_copy_file_format THEN
    RAISE NOTICE 'refused: %', SQLERRM;
END
$$;
SELECT count(*) - :imports_before AS new_imports FROM customer_import.imports;
SELECT user_name, roles FROM regress.customers WHERE user_name LIKE 'x_';
-- Not in a transaction that may not write
BEGIN READ ONLY;
SELECT state FROM customer_import.import_customers(E'userName,addRoles\nx9,buyer\n', 'Create & Update');
ROLLBACK;
-- Several in one statement, and by a prepared statement
SELECT count(*) AS imports, sum(created) AS created FROM generate_series(1, 3) AS i,
    LATERAL customer_import.import_customers(E'userName,addRoles\ny' || i || E',buyer\n', 'Create & Update');
PREPARE import (text, text) AS SELECT :counts FROM customer_import.import_customers($1, $2);
EXECUTE import(E'userName,addRoles\ny1,approver\n', 'Update Only');
EXECUTE import(E'userName,addRoles\ny2,approver\n', 'Update Only');
DEALLOCATE import;
DELETE FROM customers WHERE user_name LIKE 'x_' OR user_name LIKE 'y_';

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
