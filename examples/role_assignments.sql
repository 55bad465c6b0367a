-- A customers table with 9,800 customers that hold some roles already.
CREATE EXTENSION customer_import;
SELECT customer_import.create_customers_table(),
       customer_import.add_role_codes('{approver,buyer,companyAdmin,invoiceView,orderView,quoteRequest}'),
       customer_import.add_operator(current_user, email => 'operator@example.com');
INSERT INTO customers (user_name, roles)
SELECT format('user%s@example.com', to_char(n, 'FM00000')),
       (ARRAY['{}', '{buyer}', '{approver,buyer}', '{buyer,quoteRequest}'])[n % 4 + 1]::text[]
FROM generate_series(1, 9800) AS n;

-- Five of them, before the import.
SELECT user_name, roles, active FROM customers
WHERE user_name ~ '^user0(0001|2581|3066|6137|7914)@' ORDER BY user_name;

-- The import: one file, one call, one row. In this mode it changes existing customers, and creates none.
\lo_import role_assignments.csv
SELECT * FROM customer_import.import_customers(:LASTOID, 'Update Only',
    file_name => 'role_assignments.csv', unlink => true) \gx (tuples_only)

-- Why were records rejected or skipped? Each reason, with the line of its first record.
SELECT outcome, min(line) AS line, count(*) AS issues, concat_ws('. ', message, hint) AS reason
FROM customer_import.import_issues WHERE import_id = 1
GROUP BY outcome, reason ORDER BY outcome, line;

-- The same five customers, after the import.
SELECT user_name, roles, active FROM customers
WHERE user_name ~ '^user0(0001|2581|3066|6137|7914)@' ORDER BY user_name;

-- What the import did to them. user06137 had all these roles already; user00001 appears in the file twice.
SELECT line, user_name, added, removed, after FROM customer_import.import_changes
WHERE import_id = 1 AND user_name ~ '^user0(0001|2581|3066|6137|7914)@' ORDER BY line;

-- The report, for programs: here the unknown role codes.
SELECT jsonb_array_elements(customer_import.import_report(1) -> 'unknown_codes') AS unknown_codes;

-- The skipped ones shall be customers, too: the same file in another mode. All others are as it says, and stay untouched.
\lo_import role_assignments.csv
SELECT import_id, records, created, updated, unchanged, skipped, rejected
FROM customer_import.import_customers(:LASTOID, 'Create & Update',
    file_name => 'role_assignments.csv', unlink => true);
