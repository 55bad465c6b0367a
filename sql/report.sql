-- What is known of an import afterwards: the report, the rejected records as a file, the change log, the template.
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE EXTENSION customer_import;
RESET client_min_messages;

-- The template names what the table has
SELECT customer_import.import_template();
SELECT customer_import.create_customers_table();
SELECT customer_import.import_template();
SELECT state, records, warnings FROM customer_import.import_customers(customer_import.import_template(), 'Create & Update');
SELECT customer_import.add_role_codes('{buyer,approver,companyAdmin}');

CREATE SCHEMA regress;
CREATE FUNCTION regress.last() RETURNS bigint LANGUAGE sql RETURN (SELECT max(id) FROM customer_import.imports);
-- The report without what differs from run to run
CREATE FUNCTION regress.report() RETURNS text LANGUAGE sql RETURN (
    SELECT jsonb_pretty(jsonb_set(r - 'import_id' - 'submitted_at' - 'started_at' - 'finished_at' - 'operator', '{message}',
                                  to_jsonb(regexp_replace(r ->> 'message', '(Import |import_id = )\d+', '\1N', 'g'))))
      FROM customer_import.import_report(regress.last()) AS r);

--
-- An import without a fault
--
SELECT state, created, updated FROM customer_import.import_customers($$userName,addRoles,firstName,company
ann,"buyer,approver",Ann,
bob,,Bob,Acme
ann,companyAdmin,,Acme
$$, 'Create & Update', file_name => 'good.csv');
\t on
\pset format unaligned
SELECT regress.report();
SELECT customer_import.rejected_csv(regress.last());
\pset format aligned
\t off
SELECT r ->> 'import_id' = regress.last()::text AS id, r ->> 'operator' = current_user AS operator,
       (r ->> 'submitted_at')::timestamptz <= (r ->> 'started_at')::timestamptz AS started,
       (r ->> 'started_at')::timestamptz <= (r ->> 'finished_at')::timestamptz AS finished
  FROM customer_import.import_report(regress.last()) AS r;

--
-- One with faults of all kinds
--
SELECT state, updated, unchanged, skipped, rejected FROM customer_import.import_customers($$userName,addRoles,removeRoles,active,"note
of two lines"
ann,companyAdmin,approver,,
zoe,buyer,,,
ann,byer,,,"said ""hello"", left"
bob,"byer, gardener; BYER",,perhaps,
bob,b"uyer,,,
bob,buyer,,,,more
,buyer,,,"two
lines"
bob,,byer,,
bob,,,true,
$$, 'Update Only', file_name => 'faults.csv');
\t on
\pset format unaligned
SELECT regress.report();
SELECT customer_import.rejected_csv(regress.last());
\pset format aligned
\t off
-- What cannot be imported before it is corrected is marked, also after another round
SELECT customer_import.rejected_csv(regress.last()) AS rejected
\gset
BEGIN;
SELECT state, records, rejected, unnest(warnings) AS warning FROM customer_import.import_customers(:'rejected', 'Create & Update');
SELECT line, code, column_name, message, hint FROM customer_import.import_issues WHERE import_id = regress.last() ORDER BY line, issue_number;
\t on
\pset format unaligned
SELECT customer_import.rejected_csv(regress.last());
\pset format aligned
\t off
ROLLBACK;

-- The file of the rejected records comes back as it is: rejected for the same reasons, and no warning about its new columns
SELECT convert_from(customer_import.rejected_csv_bytes(regress.last()), 'UTF8') AS rejected
\gset
\echo :rejected
SELECT line, issue_number, code, column_name, value, message, regress.last() AS import_id INTO TEMPORARY faults
  FROM customer_import.import_issues WHERE import_id = regress.last() AND outcome = 'rejected';
SELECT state, records, rejected, unnest(warnings) AS warning FROM customer_import.import_customers(:'rejected', 'Update Only');
SELECT count(*) AS issues, count(*) FILTER (WHERE (a.code, a.column_name, a.value) IS NOT DISTINCT FROM (b.code, b.column_name, b.value)) AS same
  FROM (SELECT *, row_number() OVER (ORDER BY line, issue_number) AS n FROM faults) AS a
  FULL JOIN (SELECT *, row_number() OVER (ORDER BY line, issue_number) AS n FROM customer_import.import_issues
              WHERE import_id = regress.last()) AS b USING (n);
-- Corrected, it is imported
SELECT state, records, updated, unchanged, rejected
  FROM customer_import.import_customers(regexp_replace(replace(replace(replace(replace(replace(:'rejected', 'bob,buyer,,,,more,', 'bob,buyer,,,,'), 'b"uyer', 'buyer'),
           'byer, gardener; BYER', 'buyer'), 'byer', 'buyer'), 'perhaps', 'no'), '^,buyer', 'ann,buyer', 'n'), 'Update Only');
SELECT line, code, message FROM customer_import.import_issues WHERE import_id = regress.last() ORDER BY line, issue_number;
SELECT user_name, active, roles FROM customers ORDER BY user_name;

--
-- Many of one kind: the first 20 are in the report, all are counted; unknown codes by number, with suggestions
--
SELECT state, rejected, skipped FROM customer_import.import_customers(
    E'userName,addRoles\n' || (SELECT string_agg('new' || i || ',' || CASE WHEN i % 3 = 0 THEN 'byer' WHEN i % 3 = 1 THEN 'gardener' ELSE 'buyer' END || E'\n', '' ORDER BY i)
                                 FROM generate_series(1, 100) AS i), 'Update Only');
SELECT i ->> 'outcome' AS outcome, i ->> 'code' AS code, i ->> 'count' AS count, jsonb_array_length(i -> 'first') AS first,
       i -> 'first' -> 0 ->> 'line' AS first_line, i -> 'first' -> -1 ->> 'line' AS last_line
  FROM jsonb_array_elements(customer_import.import_report(regress.last()) -> 'issues') WITH ORDINALITY AS t (i, n)
 ORDER BY n;
SELECT jsonb_pretty(customer_import.import_report(regress.last()) -> 'unknown_codes') AS unknown_codes;

--
-- A failed import has a report and its rejected records, too
--
SELECT state FROM customer_import.import_customers(E'userName,addRoles\nbob,buyer\nbob,byer\n', 'Update Only', reject_limit => 0);
\t on
\pset format unaligned
SELECT regress.report();
SELECT customer_import.rejected_csv(regress.last());

--
-- Other delimiters: where the header alone does not tell, the file says so
--
SELECT state FROM customer_import.import_customers(E'userName;addRoles\nbob;byer,gardener\n', 'Update Only');
SELECT customer_import.rejected_csv(regress.last());
SELECT state FROM customer_import.import_customers(E'userName;addRoles;_a,_b,_c,_d,_e,_f\nbob;byer,gardener;\n', 'Update Only', delimiter => ';');
SELECT customer_import.rejected_csv(regress.last());
SELECT rejected, warnings FROM customer_import.import_customers(customer_import.rejected_csv(regress.last()), 'Update Only');
SELECT rejected FROM customer_import.import_customers(E'sep=|\r\nuserName|addRoles\r\nbob|byer\r\n', 'Update Only');
SELECT customer_import.rejected_csv(regress.last());

--
-- Other encodings: bytes are those of the file, text is readable
--
SELECT rejected FROM customer_import.import_customers('\x757365724e616d652c616464526f6c65732c5f4e6f74697ae40a7a6feb2c627965722c676cfc636b0a'::bytea, 'Update Only', encoding => 'LATIN1');
SELECT customer_import.rejected_csv(regress.last());
SELECT encode(customer_import.rejected_csv_bytes(regress.last()), 'escape');
SELECT rejected FROM customer_import.import_customers(customer_import.rejected_csv_bytes(regress.last()), 'Update Only', encoding => 'LATIN1');
SELECT value FROM customer_import.import_issues WHERE import_id = regress.last();
-- Invalid bytes and NUL
SELECT rejected FROM customer_import.import_customers('\x757365724e616d652c616464526f6c65730a626f62ff2c62757965720a626f62002c62757965720a'::bytea, 'Update Only');
SELECT encode(convert_to(customer_import.rejected_csv(regress.last()), 'UTF8'), 'escape');
SELECT encode(customer_import.rejected_csv_bytes(regress.last()), 'escape');
\pset format aligned
\t off
SELECT rejected FROM customer_import.import_customers(customer_import.rejected_csv_bytes(regress.last()), 'Update Only');

--
-- What a spreadsheet would change is guarded, and comes back
--
SELECT rejected FROM customer_import.import_customers($$userName,addRoles,phone,company,firstName
0049171123,byer,+49 171,1/2,"two
lines"
ann,byer,171,"= SUM(A1)", x
bob,byer,12,Acme,
$$, 'Update Only');
SELECT customer_import.rejected_csv(regress.last()) AS rejected
\gset
\echo :rejected
SELECT convert_from(customer_import.rejected_csv_bytes(regress.last()), 'UTF8') LIKE '%ann,byer,171,"= SUM(A1)", x,%' AS bytes_are_as_they_came;
BEGIN;
SELECT customer_import.add_role_codes('{byer}');
SELECT state, created, rejected, warnings FROM customer_import.import_customers(:'rejected', 'Create Only');
SELECT user_name, phone, company, first_name FROM customers WHERE roles = '{byer}' ORDER BY user_name;
ROLLBACK;
-- The list was lost
SELECT rejected FROM customer_import.import_customers(E'userName,addRoles\n''0049171123,buyer\n', 'Create Only');
SELECT code, column_name, value, message, hint FROM customer_import.import_issues WHERE import_id = regress.last();

--
-- What a mode passed over, to be imported in another one, and tried again as such
--
SELECT import_id AS skipping, state, skipped, rejected FROM customer_import.import_customers(
    E'userName,addRoles,phone\nann,,\nnew1,buyer,0049\nnew2,byer,1\nnew3,approver,2\n', 'Update Only') \gset
SELECT customer_import.skipped_csv(:skipping) AS skipped_file
\gset
\echo :skipped_file
BEGIN;
SELECT state, created, rejected, warnings FROM customer_import.import_customers(:'skipped_file', 'Create Only');
SELECT user_name, phone FROM customers WHERE user_name LIKE 'new%' ORDER BY user_name;
ROLLBACK;
SELECT state, created, skipped, rejected FROM customer_import.retry_skipped(:skipping, 'Create Only');
SELECT mode, source_import_id = :skipping AS of_it, options FROM customer_import.imports WHERE id = regress.last();
SELECT user_name, phone FROM customers WHERE user_name LIKE 'new%' ORDER BY user_name;
SELECT line, outcome, code, retried_by = regress.last() AS retried FROM customer_import.import_issues WHERE import_id = :skipping ORDER BY line;
SELECT state FROM customer_import.retry_skipped(:skipping, 'Create Only');
SELECT state FROM customer_import.retry_skipped(:skipping, 'Delete');
SELECT customer_import.skipped_csv(0);
SELECT customer_import.skipped_csv(NULL);
-- The same, a record a row
SELECT string_agg(line || E'\n', '') = :'skipped_file' AS same FROM customer_import.skipped_lines(:skipping) AS line;
SELECT i.id, string_agg(l.line || E'\n', '' ORDER BY l.position) = customer_import.rejected_csv(i.id) AS same
  FROM customer_import.imports AS i CROSS JOIN LATERAL customer_import.rejected_lines(i.id) WITH ORDINALITY AS l (line, position)
 WHERE i.mode <> 'undo' AND i.header IS NOT NULL GROUP BY i.id ORDER BY i.id;
SELECT * FROM customer_import.rejected_lines(0);
SELECT customer_import.skipped_lines(NULL);

--
-- Imports that are not there
--
SELECT customer_import.import_report(0) IS NULL AS no_report;
SELECT customer_import.rejected_csv(0);
SELECT customer_import.rejected_csv_bytes(-1);
SELECT customer_import.import_report(NULL);
SELECT customer_import.rejected_csv(NULL);
SELECT customer_import.rejected_csv_bytes(NULL);

--
-- The change log, of many pages and of long values
--
CREATE TEMPORARY TABLE told AS
    SELECT i + 1 AS line, 'many' || lpad(i::text, 5, '0') AS user_name, 'mail' || i || '@example.com' AS email,
           CASE WHEN i % 1000 = 0 THEN repeat('long ', 30000) ELSE 'Company ' || i END AS company
      FROM generate_series(1, 20000) AS i;
INSERT INTO customers (user_name, roles) SELECT user_name, '{buyer}' FROM told WHERE line % 2 = 0;
SELECT state, created, updated FROM customer_import.import_customers(
    E'userName,addRoles,removeRoles,email,company\n' || (SELECT string_agg(format(E'%s,"approver,companyAdmin",buyer,%s,%s\n', user_name, email, company), '' ORDER BY line) FROM told), 'Create & Update');
SELECT count(*) > 100 AS many_pages, sum(changes) AS changes, bool_and(first_user_name <= last_user_name) AS in_order
  FROM customer_import._import_change_pages WHERE import_id = regress.last();
SELECT count(*) AS changes,
       count(*) FILTER (WHERE c.created = (t.line % 2 = 1)
                          AND c.added = '{approver,companyAdmin}' AND c.removed = CASE WHEN c.created THEN '{}' ELSE '{buyer}' END::text[]
                          AND c.after = jsonb_strip_nulls(jsonb_build_object('email', t.email, 'company', t.company, 'active', CASE WHEN c.created THEN 'true' END))
                          AND c.before IS NOT DISTINCT FROM CASE WHEN NOT c.created THEN '{"email": null, "company": null}'::jsonb END) AS right
  FROM customer_import.import_changes AS c JOIN told AS t ON t.line = c.line AND t.user_name = c.user_name
 WHERE c.import_id = regress.last();
-- It is read by import and by customer
SELECT line, created, added FROM customer_import.import_changes WHERE import_id = regress.last() AND user_name = 'many00007';
SELECT array_agg(line ORDER BY import_id, line) FROM customer_import.import_changes WHERE user_name = 'ann';
-- A page that is damaged says so
BEGIN;
UPDATE customer_import._import_change_pages SET payload = '\x00' WHERE import_id = regress.last();
SELECT count(*) FROM customer_import.import_changes WHERE import_id = regress.last();
ROLLBACK;

-- Issues and reports of an import that was rolled back are gone with it
BEGIN;
SELECT import_id AS gone FROM customer_import.import_customers(E'userName,addRoles\nbob,byer\n', 'Update Only')
\gset
SELECT customer_import.import_report(:gone) IS NULL AS no_report;
ROLLBACK;
SELECT customer_import.import_report(:gone) IS NULL AS no_report;
SELECT count(*) FROM customer_import.import_issues WHERE import_id = :gone;

-- How to undo and retry it is said where it can be done
CREATE FUNCTION regress.next(id bigint) RETURNS TABLE (mode text, state text, source bigint, undone_by bigint, undo text, retry text) LANGUAGE sql AS $$
    SELECT r ->> 'mode', r ->> 'state', (r ->> 'source_import_id')::bigint - id, (r ->> 'undo_import_id')::bigint - id,
           replace(r ->> 'undo', id::text, 'ID'), replace(r ->> 'retry', id::text, 'ID')
      FROM customer_import.import_report(id) AS r
$$;
SELECT import_id AS id FROM customer_import.import_customers(E'userName,addRoles\nnext1,buyer\nnext2,buyer\nnext3,byer\n', 'Create & Update')
\gset
SELECT * FROM regress.next(:id);
-- A retry has tried them; what it has rejected is its own
SELECT state, rejected FROM customer_import.retry_rejects(:id);
SELECT * FROM regress.next(:id);
SELECT * FROM regress.next(:id + 1);
-- Undone in part: the rest can be tried
UPDATE customers SET company = 'Acme' WHERE user_name = 'next2';
SELECT state, skipped, deleted FROM customer_import.undo_import(:id);
SELECT * FROM regress.next(:id);
SELECT * FROM regress.next(:id + 2);
UPDATE customers SET company = NULL WHERE user_name = 'next2';
SELECT state, unchanged, deleted FROM customer_import.undo_import(:id);
SELECT * FROM regress.next(:id);
-- While an undo of it waits, not before it has ended, nor when its values are not kept any more
BEGIN;
SELECT state FROM customer_import.undo_import(:id + 3, background => true);
SELECT * FROM regress.next(:id + 3);
SELECT * FROM regress.next(:id + 4);
ROLLBACK;
SELECT * FROM regress.next(:id + 3);
BEGIN;
UPDATE customer_import.imports SET emptied_at = now() WHERE id IN (:id + 1, :id + 3);
SELECT * FROM regress.next(:id + 1);
SELECT * FROM regress.next(:id + 3);
ROLLBACK;
-- Nothing was changed
SELECT state FROM customer_import.import_customers(E'userName,addRoles\nnext9,buyer\n', 'Update Only');
SELECT mode, undo, retry FROM regress.next(regress.last());

SELECT customer_import.detach_customers_table();
SELECT customer_import.import_template();
-- Reports outlive the table
DROP TABLE customers;
SELECT customer_import.import_report(regress.last()) ->> 'state' AS state;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
RESET client_min_messages;
DROP EXTENSION customer_import;
