-- import_customers(): modes, cells, outcomes, and the catalog of role codes.
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
       (SELECT count(*) FROM customer_import._import_change_pages) AS pages, (SELECT count(*) FROM customers) AS customers,
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
zoe,_EMPTY_VALUE_,\_EMPTY_VALUE_,\\_EMPTY_VALUE_,_EMPTY_VALUE_s,_EMPTY_VALUE_, YES ,companyAdmin,"approver
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
nov
die,b"uyer,,,,,stray quote
und,"buyer"x,,,,,text behind it
,byer,,buyer,,maybe,five faults
dod,buyer,,,,,fine
$$) || '\x747265ff2c62757965722c2c2c2c2c62797465730a71756100312c62757965722c2c2c2c2c6e756c0a'::bytea, 'Create & Update');
SELECT line, n, code, column_name, left(value, 40) AS value, message FROM regress.issues;
SELECT line, n, hint FROM regress.issues WHERE hint IS NOT NULL;
SELECT count(*) AS wrong FROM regress.issues WHERE outcome <> 'rejected' OR detail IS NOT NULL OR sqlstate IS NOT NULL;
-- The record as it came is kept with its first issue
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
-- Codes that the catalog has lost: removed where they are held, kept where they are not named
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
