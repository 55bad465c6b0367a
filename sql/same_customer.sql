-- One customer that appears in a file thousands of times: what becomes of each record, and how little is written for it.
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE EXTENSION customer_import;
RESET client_min_messages;
SELECT customer_import.create_customers_table();
SELECT customer_import.add_role_codes('{approver,buyer}');
CREATE FUNCTION repeats(records integer) RETURNS text LANGUAGE sql AS $$
    SELECT E'userName,addRoles,removeRoles,company,active\n' || string_agg('one,' || (ARRAY['buyer,,first,yes', ',buyer,second,no',
               'approver,,_EMPTY_VALUE_,', ',approver,,', ',lost,,', 'buyer,,third,maybe', ',,,'])[1 + n % 7] || E'\n', '' ORDER BY n)
      FROM generate_series(0, records - 1) AS n
$$;
-- Transaction ids that were given out: each subtransaction that writes takes one
CREATE FUNCTION next_xid() RETURNS bigint LANGUAGE sql AS $$ SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint $$;

-- Nothing can see the versions in between: one is written for each batch, of which there are two
BEGIN;
SELECT pg_stat_get_xact_tuples_updated('customers'::regclass) AS before \gset
SELECT state, created, updated, unchanged, rejected FROM customer_import.import_customers(repeats(4200), 'Create & Update');
SELECT pg_stat_get_xact_tuples_updated('customers'::regclass) - :before AS updates;
COMMIT;
SELECT user_name, company, active, roles FROM customers;

-- A constraint could: each is written, and the history is the same; few subtransactions are taken
CREATE TABLE merged AS
    SELECT line, user_name, created, added, removed, before, after FROM customer_import.import_changes;
CREATE TABLE merged_issues AS
    SELECT line, issue_number, outcome, code, column_name, value, message FROM customer_import.import_issues;
DELETE FROM customers;
TRUNCATE customer_import._import_change_pages, customer_import.import_issues;
ALTER TABLE customers ADD CONSTRAINT short_company CHECK (length(company) < 100);
SELECT next_xid() AS first_xid \gset
BEGIN;
SELECT pg_stat_get_xact_tuples_updated('customers'::regclass) AS before \gset
SELECT state, created, updated, unchanged, rejected FROM customer_import.import_customers(repeats(4200), 'Create & Update');
SELECT pg_stat_get_xact_tuples_updated('customers'::regclass) - :before AS updates;
COMMIT;
SELECT next_xid() - :first_xid < 500 AS few_subtransactions;
SELECT count(*) AS different FROM (
    (TABLE merged EXCEPT ALL SELECT line, user_name, created, added, removed, before, after FROM customer_import.import_changes)
    UNION ALL
    (SELECT line, user_name, created, added, removed, before, after FROM customer_import.import_changes EXCEPT ALL TABLE merged)) AS d;
SELECT count(*) AS different FROM (
    (TABLE merged_issues EXCEPT ALL SELECT line, issue_number, outcome, code, column_name, value, message FROM customer_import.import_issues)
    UNION ALL
    (SELECT line, issue_number, outcome, code, column_name, value, message FROM customer_import.import_issues EXCEPT ALL TABLE merged_issues)) AS d;

-- So is its undo
SELECT next_xid() AS first_xid \gset
SELECT state, deleted, updated, unchanged, skipped, rejected
  FROM customer_import.undo_import((SELECT max(id) FROM customer_import.imports));
SELECT next_xid() - :first_xid < 500 AS few_subtransactions;
SELECT count(*) FROM customers;

-- What is refused in between is refused, though the last record would do
SELECT state, created, updated, rejected FROM customer_import.import_customers(
    E'userName,company\none,' || repeat('x', 100) || E'\none,good\none,' || repeat('y', 100) || E'\none,better\n', 'Create & Update');
SELECT line, code, sqlstate FROM customer_import.import_issues WHERE import_id = (SELECT max(id) FROM customer_import.imports) ORDER BY line;

-- Each of these could see a version in between
CREATE FUNCTION updates_of(change text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    known bigint := pg_stat_get_xact_tuples_updated('customers'::regclass);
    updates bigint;
BEGIN
    EXECUTE change;
    PERFORM customer_import.import_customers(E'userName,company\nthree,a\nthree,b\nthree,c\nthree,d\nthree,e\n', 'Create & Update');
    updates := pg_stat_get_xact_tuples_updated('customers'::regclass) - known;
    RAISE EXCEPTION USING MESSAGE = updates;
EXCEPTION WHEN raise_exception THEN
    RETURN SQLERRM;
END $$;
DELETE FROM customers;
ALTER TABLE customers DROP CONSTRAINT short_company;
CREATE TABLE companies (name text PRIMARY KEY);
INSERT INTO companies VALUES ('a'), ('b'), ('c'), ('d'), ('e');
CREATE DOMAIN short_text AS text CHECK (length(value) < 100);
SELECT updates_of(change), change FROM (VALUES
    ('SELECT'),
    ('ALTER TABLE customers ALTER COLUMN company SET NOT NULL'),
    ('ALTER TABLE customers ADD COLUMN more text CHECK (more <> '''')'),
    ('CREATE INDEX ON customers (company)'),
    ('ALTER TABLE customers ADD CHECK (company <> ''x'')'),
    ('ALTER TABLE customers ADD CHECK (customers IS NOT NULL OR true)'),
    ('ALTER TABLE customers ADD FOREIGN KEY (company) REFERENCES companies'),
    ('CREATE INDEX ON customers (lower(company))'),
    ('CREATE INDEX ON customers (email) WHERE company = ''x'''),
    ('CREATE POLICY seen ON customers AS RESTRICTIVE USING (company <> ''x'')'),
    ('ALTER POLICY customer_import_update ON customers USING (company <> ''x'')'),
    ('ALTER TABLE customers ALTER COLUMN company TYPE short_text'),
    ('ALTER TABLE customers ADD COLUMN big text GENERATED ALWAYS AS (upper(company)) STORED'),
    ('CREATE TRIGGER seen BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()')) AS c (change);

SET client_min_messages = error;
DROP FUNCTION updates_of, repeats, next_xid;
DROP TABLE merged, merged_issues, companies CASCADE;
DROP DOMAIN short_text;
SELECT customer_import.detach_customers_table();
DROP EXTENSION customer_import;
DROP TABLE customers;
