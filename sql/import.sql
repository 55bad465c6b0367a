-- import_customers(): modes, outcomes, options, and what it does inside the caller's transaction.
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
CREATE FUNCTION regress.file(text) RETURNS bytea LANGUAGE sql RETURN convert_to($1, 'UTF8');

--
-- Refused files and arguments leave nothing behind
--
SELECT * FROM customer_import.import_customers(E'userName,adRoles\nann,buyer\n', 'Create & Update');
SELECT * FROM customer_import.import_customers(E'userName,addRoles\nann,buyer\nbob,"buyer\n', 'Create & Update');
SELECT * FROM customer_import.import_customers(E'userName,addRoles\nann,buyer\n', 'Create');
SELECT * FROM customer_import.import_customers(E'userName,addRoles\nann,new\nbob,"buyer\n', 'Create & Update', unknown_roles => 'create');
SELECT (SELECT count(*) FROM customer_import.imports) AS imports, (SELECT count(*) FROM customer_import.import_issues) AS issues,
       (SELECT count(*) FROM customer_import.import_change_pages) AS pages, (SELECT count(*) FROM customers) AS customers,
       (SELECT count(*) FROM customer_import.role_codes WHERE code = 'new') AS codes;

--
-- Modes
--
SELECT :counts FROM customer_import.import_customers($$userName,addRoles,email
Ann@Example.com,buyer,ann@example.com
bob@example.com,"approver, Buyer",
$$, 'Create & Update');
TABLE regress.customers;
TABLE regress.changes;
TABLE regress.issues;
SELECT :counts FROM customer_import.import_customers($$userName,addRoles,removeRoles,email
ann@example.com,approver,buyer,
bob@example.com,buyer,companyAdmin,
BOB@example.com,,,bob@example.com
cleo@example.com,buyer,,cleo@example.com
$$, 'Create & Update');
TABLE regress.customers;
TABLE regress.changes;
SELECT :counts FROM customer_import.import_customers($$userName,addRoles
ann@example.com,companyAdmin
dan@example.com,buyer
DAN@example.com,approver
$$, 'Create Only');
TABLE regress.issues;
TABLE regress.changes;
SELECT :counts FROM customer_import.import_customers($$userName,addRoles
ann@example.com,companyAdmin
ann@example.com,companyadmin
eve@example.com,buyer
$$, 'Update Only');
TABLE regress.issues;
TABLE regress.changes;
-- Their other names
SELECT count(i.import_id) AS imports
  FROM (VALUES ('create_and_update'), ('CREATE_ONLY'), ('update-only'), ('create and update'), ('Create-Only'), ('UPDATE ONLY')) AS m (mode)
 CROSS JOIN LATERAL customer_import.import_customers(E'userName,active\nsomeone,true\n', m.mode, file_name => m.mode) AS i;
SELECT file_name, mode, created, unchanged, skipped FROM customer_import.imports WHERE file_name IS NOT NULL ORDER BY id;
DELETE FROM customers WHERE user_name = 'someone';

--
-- The message says what to do next
--
SELECT :words FROM customer_import.import_customers(E'userName,addRoles\n', 'Create & Update');
SELECT :words FROM customer_import.import_customers(E'userName,addRoles\nann@example.com,\n', 'Create & Update');
SELECT :words FROM customer_import.import_customers(E'userName,company\nann@example.com,Acme\n', 'Create & Update');
SELECT :words FROM customer_import.import_customers(E'userName,company\nann@example.com,Acme\nx,y\n', 'Update Only');
SELECT :words FROM customer_import.import_customers(E'userName,company\nann@example.com,Beta\n,y\n', 'Update Only');
SELECT :words FROM customer_import.import_customers(E'userName,company\nann@example.com,Acme\n,y\n', 'Update Only', reject_limit => 0);

--
-- Cells: what each column does
--
SELECT :counts FROM customer_import.import_customers($$User Name,EMAIL,first-name,last_name,Phone,COMPANY,Active,rolesToAdd,Roles_To_Remove
zoe,zoe@example.com,Zoë," Doe ",+1 2,"A, B
C",no,buyer|approver;buyer,
zoe,,,,,,,,
zoe,_EMPTY_VALUE_,\_EMPTY_VALUE_,\\_EMPTY_VALUE_,_EMPTY_VALUE_ ,_EMPTY_VALUE_, YES ,companyAdmin,"approver
buyer"
$$, 'Create & Update');
TABLE regress.changes;
SELECT user_name, email, first_name, last_name, phone, company, active, roles FROM regress.customers WHERE user_name = 'zoe' \gx
SELECT :counts FROM customer_import.import_customers($$login,roles
zoe,"approver,buyer,APPROVER"
zoe,
zoe,";,|"
zoe,_EMPTY_VALUE_
zoe,buyer
yan,"buyer,approver"
yan,_EMPTY_VALUE_
$$, 'Create & Update');
TABLE regress.changes;
SELECT user_name, roles FROM regress.customers WHERE user_name IN ('yan', 'zoe');
SELECT state, records, created, rejected FROM customer_import.import_customers(E'username,active\na,true\nb,No\nc,1\nd,0\ne,T\nf,f\ng,y\nh,N\ni, Yes \nj,FALSE\nk,on\nl,2\nm,tr\n', 'Create Only');
SELECT line, user_name, after FROM regress.changes;
SELECT line, code, value FROM regress.issues;
DELETE FROM customers WHERE user_name IN ('yan', 'zoe') OR length(user_name) = 1;

--
-- Every fault of a record
--
SELECT :counts FROM customer_import.import_customers(regress.file($$userName,addRoles,removeRoles,roles,email,active,note
,buyer,,,,,missing
$$ || repeat('x', 321) || $$,buyer,,,,,too long
a	b,buyer,,,,,control
uno,"byer,gardener,BYER",,,,,unknown to add
duo,,,"buyer,zz zz",,,unknown to set
tre,,byer,,,,unknown to remove
qua,buyer,,approver,,,set and add
qui,,buyer,approver,,,set and remove
sei,"buyer,approver","Approver,buyer",,,,add and remove
set,,,,_EMPTY_VALUE_,maybe,not a boolean
ott,_EMPTY_VALUE_,_EMPTY_VALUE_,,,_EMPTY_VALUE_,cannot be cleared
_EMPTY_VALUE_,buyer,,,,,nor the name
nov,buyer
die,b"uyer,,,,,stray quote
und,"buyer"x,,,,,text behind it
,byer,,buyer,,maybe,five faults
dod,buyer,,,,,fine
$$) || '\x747265ff2c62757965722c2c2c2c2c62797465730a71756100312c62757965722c2c2c2c2c6e756c0a'::bytea, 'Create & Update');
SELECT line, n, code, column_name, left(value, 40) AS value, message FROM regress.issues;
SELECT line, n, hint FROM regress.issues WHERE hint IS NOT NULL;
SELECT count(*) AS wrong FROM regress.issues WHERE outcome <> 'rejected' OR detail IS NOT NULL OR sqlstate IS NOT NULL;
-- The record as it came stands at its first issue
SELECT line, n, left(encode(record, 'escape'), 40) AS record
  FROM (SELECT line, issue_number AS n, record FROM customer_import.import_issues
         WHERE import_id = (SELECT max(id) FROM customer_import.imports)) AS i
 ORDER BY line, n;
SELECT user_name, roles FROM regress.customers;

--
-- Repeated customers: as if the records were applied one after another, whatever the batches
--
CREATE FUNCTION regress.repeats() RETURNS TABLE (batch_rows int, outcomes text, changes text, customers text)
    LANGUAGE plpgsql AS $$
BEGIN
    FOREACH batch_rows IN ARRAY ARRAY[1, 2, 3, 1000] LOOP
        BEGIN
            PERFORM set_config('customer_import.batch_rows', batch_rows::text, true);
            SELECT concat_ws(' ', i.created, i.updated, i.unchanged, i.skipped, i.rejected) INTO outcomes
              FROM customer_import.import_customers(E'userName,addRoles,removeRoles,email\nrep,buyer,,\nREP,approver,buyer,a@b\nrep,,approver,\n'
                || E'rep,buyer,approver,\nrep,byer,,\nrep,,,a@b\nRep,companyAdmin,,_EMPTY_VALUE_\nother,,,\n', 'Create & Update') AS i;
            SELECT string_agg(concat_ws(' ', line, user_name, created, added, removed, before, after), ' / ' ORDER BY line) INTO changes
              FROM regress.changes;
            SELECT string_agg(concat_ws(' ', user_name, email, roles), ' / ' ORDER BY user_name) INTO customers
              FROM public.customers WHERE user_name IN ('rep', 'other');
            RAISE EXCEPTION USING ERRCODE = 'raise_exception';
        EXCEPTION WHEN raise_exception THEN
            RETURN NEXT;
        END;
    END LOOP;
END
$$;
SELECT * FROM regress.repeats() \gx

--
-- Unchanged, skipped and rejected records write nothing
--
CREATE TEMPORARY TABLE versions AS SELECT user_name, ctid AS place, xmin::text AS version, updated_at FROM customers;
SELECT :counts FROM customer_import.import_customers($$userName,addRoles,removeRoles,email,active
ANN@example.com,companyadmin,buyer,ann@example.com,yes
bob@example.com,"buyer,approver",,,
cleo@example.com,,,cleo@example.com,
dan@example.com,byer,,dan@example.com,
nobody@example.com,buyer,,,
$$, 'Update Only');
SELECT :counts FROM customer_import.import_customers(E'userName,email\nann@example.com,new@example.com\n', 'Create Only');
TABLE regress.changes;
SELECT count(*) AS customers, count(*) FILTER (WHERE (c.ctid, c.xmin::text, c.updated_at) = (v.place, v.version, v.updated_at)) AS untouched
  FROM customers AS c FULL JOIN versions AS v USING (user_name);
-- An update sets updated_at, and nothing of what it was not told
SELECT state FROM customer_import.import_customers(E'userName,addRoles\ncleo@example.com,approver\n', 'Update Only');
SELECT c.user_name, c.updated_at > v.updated_at AS newer, c.created_at < c.updated_at AS since, c.email, c.active, c.roles
  FROM customers AS c JOIN versions AS v USING (user_name) WHERE c.xmin::text <> v.version;
DROP TABLE versions;

--
-- Codes that the catalogue has lost: removed where they are held, kept where they are not named
--
INSERT INTO customers (user_name, roles) VALUES ('lost', '{approver,buyer,companyAdmin}'), ('found', '{buyer}');
SELECT customer_import.remove_role_codes('{approver}');
SELECT :counts FROM customer_import.import_customers($$userName,addRoles,removeRoles
lost,companyAdmin,
lost,,buyer
found,,approver
lost,approver,
lost,,"Approver"
lost,,approver
new,,approver
$$, 'Create & Update');
SELECT line, n, code, column_name, value, message, hint FROM regress.issues;
SELECT line, user_name, created, added, removed FROM regress.changes;
-- Before the mode is looked at
SELECT :counts FROM customer_import.import_customers(E'userName,removeRoles\nfound,approver\nnew,approver\n', 'Create Only');
SELECT line, outcome, code, value FROM regress.issues;
SELECT customer_import.add_role_codes('{approver}');
-- A code that has come back in another spelling is still found, ignoring case
UPDATE customers SET roles = '{approver,buyer}' WHERE user_name IN ('lost', 'found');
SELECT customer_import.remove_role_codes('{approver}'), customer_import.add_role_codes('{APPROVER}');
SELECT :counts FROM customer_import.import_customers(E'userName,removeRoles\nlost,approver\n', 'Update Only');
SELECT user_name, roles FROM regress.customers WHERE user_name = 'lost';
SELECT :counts FROM customer_import.import_customers(E'userName,addRoles\nfound,approver\nfound,Approver\n', 'Update Only');
SELECT user_name, roles FROM regress.customers WHERE user_name = 'found';
SELECT customer_import.remove_role_codes('{approver}'), customer_import.add_role_codes('{approver}');
DELETE FROM customers WHERE user_name IN ('lost', 'found');

--
-- unknown_roles => 'create'
--
SELECT :counts FROM customer_import.import_customers($$userName,addRoles,removeRoles,roles,active
c1,"Editor, buyer",,,
c2,EDITOR,,,
c3,,,"translator;editor",
c4,,reviewer,,
c5,tester,,,perhaps
c6,"not a code, translator",,,
c7,gardener,,buyer,
$$, 'Create & Update', unknown_roles => 'create');
SELECT line, n, code, column_name, value FROM regress.issues;
SELECT user_name, roles FROM regress.customers WHERE user_name LIKE 'c_';
SELECT code, privileged FROM customer_import.role_codes
 WHERE code NOT IN ('administrator', 'superuser', 'customerView', 'customerEdit', 'importView', 'importEdit') ORDER BY code;
SELECT :counts FROM customer_import.import_customers(E'userName,addRoles\nc8,singer\n', 'Create & Update', unknown_roles => 'reject');
SELECT :counts FROM customer_import.import_customers(E'userName,addRoles\nc8,singer\n', 'Create & Update', unknown_roles => NULL);
-- Nothing is applied, nothing is created: when the limit is passed while checking
SELECT :counts FROM customer_import.import_customers(E'userName,addRoles\nc8,singer\n,buyer\n', 'Create & Update', unknown_roles => 'create', reject_limit => 0);
SELECT count(*) FROM customer_import.role_codes WHERE code = 'singer';
-- while applying
ALTER TABLE customers ADD CONSTRAINT no_bad CHECK (company <> 'bad');
SELECT :counts FROM customer_import.import_customers(E'userName,addRoles,company\nc8,singer,\nc9,,bad\n', 'Create & Update', unknown_roles => 'create', reject_limit => 0);
SELECT count(*) FROM customer_import.role_codes WHERE code = 'singer';
DELETE FROM customers WHERE user_name LIKE 'c_';
SELECT customer_import.remove_role_codes('{Editor,translator}');

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
-- An import without hope: the first 1,000 records fail with one SQLSTATE (in the order of the file, and of their names)
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

-- A child table: its rows stand at the same places, made by the same transaction
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
-- A fault that the caller has pending is his, and propagates
BEGIN;
INSERT INTO customers (user_name, company) VALUES ('d8', 'Never');
SELECT :counts FROM customer_import.import_customers(E'userName,company\nd9,Acme\n', 'Create & Update');
ROLLBACK;
BEGIN;
SET CONSTRAINTS known_phone DEFERRED;
INSERT INTO customers (user_name, phone) VALUES ('d8', 'Never');
SELECT :counts FROM customer_import.import_customers(E'userName,company\nd9,Acme\n', 'Create & Update');
ROLLBACK;
-- What he has pending and is no fault is no matter
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
  FROM customer_import.imports WHERE file_name IS NOT NULL AND file_name !~ '_|-' AND file_name NOT IN ('create and update', 'UPDATE ONLY') ORDER BY id;
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
-- request_id: the same id returns the first import
--
SELECT count(*) AS imports_before FROM customer_import.imports
\gset
SELECT import_id AS first_id FROM customer_import.import_customers(E'userName,addRoles,note\nq1,buyer,\nq2,byer,\n', 'Create & Update', request_id => 'r-1')
\gset
SELECT :words, :counts FROM customer_import.imports WHERE id = :first_id;
SELECT import_id = :first_id AS same, :words, :counts
  FROM customer_import.import_customers(E'userName,addRoles,note\nq1,buyer,\nq2,byer,\n', 'Create & Update', request_id => 'r-1');
SELECT import_id = :first_id AS same, created
  FROM customer_import.import_customers(E'userName,addRoles\nq3,buyer\n', 'Create Only', request_id => 'r-1', reject_limit => 0);
SELECT import_id = :first_id AS same, created
  FROM customer_import.import_customers('no file at all'::text, 'Create Only', request_id => 'r-1');
SELECT import_id = :first_id AS same FROM customer_import.import_customers(E'userName,addRoles\nq3,buyer\n', 'Create Only', request_id => 'R-1');
SELECT count(*) - :imports_before AS new_imports FROM customer_import.imports;
SELECT user_name FROM customers WHERE user_name LIKE 'q_' ORDER BY user_name;
-- whatever became of it
SELECT import_id AS failed_id, state FROM customer_import.import_customers(E'userName,addRoles\nq4,byer\n', 'Create & Update', request_id => 'r-2', reject_limit => 0)
\gset
SELECT import_id = :failed_id AS same, state FROM customer_import.import_customers(E'userName,addRoles\nq4,buyer\n', 'Create & Update', request_id => 'r-2');
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
SELECT count(*) > 50 AS many, count(*) FILTER (WHERE records <> created + updated + unchanged + skipped + rejected + unprocessed) AS wrong,
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
