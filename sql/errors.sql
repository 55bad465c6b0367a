-- Every error: SQLSTATE, message, detail and hint, word by word.
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE EXTENSION customer_import;
CREATE SCHEMA regress;
-- Runs a statement and says how it is refused
CREATE FUNCTION regress.refusal(statement text) RETURNS text
    LANGUAGE plpgsql AS $$
DECLARE
    code text;
    primary_message text;
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'no error: ' || statement;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, primary_message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN code || ': ' || primary_message || CASE WHEN detail <> '' THEN E'\n  DETAIL: ' || detail ELSE '' END
        || CASE WHEN hint <> '' THEN E'\n  HINT: ' || hint ELSE '' END;
END
$$;
-- The same of an import of bytes
CREATE FUNCTION regress.refused(file bytea, options text DEFAULT '') RETURNS text
    LANGUAGE sql RETURN regress.refusal(format('SELECT customer_import.import_customers(%L::bytea, ''Create Only''%s)', file, options));
CREATE FUNCTION regress.refused(file text, options text DEFAULT '') RETURNS text
    LANGUAGE sql RETURN regress.refused(convert_to(file, 'UTF8'), options);
\t on
\pset format unaligned

--
-- No customers table
--
SELECT regress.refused('userName,addRoles'::text);
SELECT regress.refusal($$SELECT customer_import.detach_customers_table()$$);
SELECT customer_import.create_customers_table();
SELECT customer_import.add_role_codes('{buyer,approver}');
SELECT regress.refusal($$SELECT customer_import.create_customers_table('public.others')$$);

--
-- Arguments of import_customers
--
SELECT regress.refusal($$SELECT customer_import.import_customers(NULL::text, 'Create Only')$$);
SELECT regress.refusal($$SELECT customer_import.import_customers(NULL::bytea, 'Create Only')$$);
SELECT regress.refusal($$SELECT customer_import.import_customers(NULL::oid, 'Create Only')$$);
SELECT regress.refusal($$SELECT customer_import.import_customers('', NULL)$$);
SELECT regress.refusal($$SELECT customer_import.import_customers('', '')$$);
SELECT regress.refusal($$SELECT customer_import.import_customers('', 'upsert')$$);
SELECT regress.refusal($$SELECT customer_import.import_customers('', 'Create & Update Only')$$);
SELECT regress.refusal(format('SELECT customer_import.import_customers('''', %L)', repeat('ü', 200)));
SELECT regress.refused('', $$, reject_limit => -1$$);
SELECT regress.refused('', $$, delimiter => ''$$);
SELECT regress.refused('', $$, delimiter => ';;'$$);
SELECT regress.refused('', $$, delimiter => ' '$$);
SELECT regress.refused('', $$, delimiter => '"'$$);
SELECT regress.refused('', $$, delimiter => E'\n'$$);
SELECT regress.refusal($$SELECT customer_import.import_customers(''::text, 'Create Only', encoding => 'UTF8')$$);
SELECT regress.refused('', $$, encoding => ''$$);
SELECT regress.refused('', $$, encoding => 'UTF-16'$$);
SELECT regress.refused('', $$, encoding => 'klingon'$$);
SELECT regress.refused('', $$, encoding => 'SQL_ASCII'$$);
SELECT regress.refused('', $$, encoding => 'MULE_INTERNAL'$$);
SELECT regress.refused('', $$, unknown_roles => ''$$);
SELECT regress.refused('', $$, unknown_roles => 'ignore'$$);
SELECT regress.refused('', $$, unknown_roles => 'Create'$$);
SELECT regress.refusal($$SELECT customer_import.import_customers(1::oid, 'Create Only')$$);
SELECT regress.refusal($$SELECT customer_import.import_customers(1::oid, 'Create Only', unlink => true)$$);

--
-- Files that are refused: nothing of them is applied
--
SELECT regress.refused('');
SELECT regress.refused(E'\n\r\n\r');
SELECT regress.refused(E'\uFEFF');
SELECT regress.refused(E'sep=;\n');
-- in the wrong encoding
SELECT regress.refused('\xfffe750073006500'::bytea);
SELECT regress.refused('\xfeff007500730065'::bytea);
SELECT regress.refused('\xfffe000075000000'::bytea);
SELECT regress.refused('\x0000feff00000075'::bytea);
SELECT regress.refused('\x75007300650072004e0061006d0065002c00610064006400520061000a00'::bytea);
SELECT regress.refused('\x757365724e616d652c6fff0a'::bytea);
SELECT regress.refused('\x757365724e616d652c616464526f6c65732c810a'::bytea, $$, encoding => 'WIN1252'$$);
-- the header
SELECT regress.refused(E'user"Name,addRoles\nann,buyer\n');
SELECT regress.refused(E'\n\n"userName"x,addRoles\nann,buyer\n');
SELECT regress.refused(E'name,addRoles, email\nann,buyer,\n');
SELECT regress.refused(E'ann,buyer\nbob,buyer\n');
SELECT regress.refused(E'"userName:addRoles"\nann:buyer\n');
SELECT regress.refused(E'userName\nann\n');
SELECT regress.refused(E'userName,_addRoles,comment\nann,buyer,\n');
SELECT regress.refused(E'userName,roles,email,ROLES\nann,buyer,,buyer\n');
SELECT regress.refused(E'login,email,USER_NAME\nann,,ann\n');
SELECT regress.refused(E'userName,mail,E-Mail\nann,,\n');
SELECT regress.refused(E'userName,adRoles\nann,buyer\n');
SELECT regress.refused(E'userName,addRole\nann,buyer\n');
SELECT regress.refused(E'userName,removeRole,addRoles\nann,,buyer\n');
SELECT regress.refused(E'userName,rmoveRols,addRoles\nann,,buyer\n');
SELECT regress.refused(E'usrName,addRoles\nann,buyer\n');
SELECT regress.refused(E'userName,role\nann,buyer\n');
SELECT regress.refused(E'userName,addRoles,emial\nann,buyer,\n');
SELECT regress.refused(E'userName,addRoles,activ\nann,buyer,\n');
SELECT regress.refused('userName,addRoles' || repeat(',_', 1599) || E'\nann,buyer\n');
SELECT regress.refused('userName,' || repeat('n', 300) || E'\nann,x\n');
SELECT regress.refused('user;' || repeat('n', 2000) || E'\nann;x\n');
-- the records
SELECT regress.refused(E'userName,addRoles\nann,buyer\nbob,"buyer\ncleo,buyer\n');
SELECT regress.refused(E'userName,addRoles\nann,"buyer\n\n\n"",');
SELECT regress.refused(E'"userName,addRoles\nann,buyer\n');
SELECT regress.refused(E'userName,addRoles,company\nann,buyer,' || repeat('x', 1048576) || E'\n');
SELECT regress.refused(E'userName,addRoles,company\n\nann,buyer,x\nann,buyer,"\n' || repeat(E'xxxxxxxxx\n', 104858) || E'"\n');
SELECT regress.refused(E'userName,addRoles\nann,' || (SELECT string_agg('code' || i, ';' ORDER BY i) FROM generate_series(1, 1001) AS i) || E'\n');
SELECT regress.refused(E'userName,removeRoles\n\nann,"' || (SELECT string_agg('code' || i, ',' ORDER BY i) FROM generate_series(1, 1001) AS i) || E'"\n');
SELECT regress.refused(E'userName,roles\nann,buyer\nann,' || (SELECT string_agg('code' || i, '|' ORDER BY i) FROM generate_series(1, 1001) AS i) || E'\n');

--
-- The catalog, the guard, the reports
--
SELECT regress.refusal($$SELECT customer_import.add_role_codes('{good,"not good"}')$$);
SELECT regress.refusal(format('SELECT customer_import.add_role_codes(%L)', ARRAY[repeat('ü', 200)]));
SELECT regress.refusal($$SELECT customer_import.alter_role_code('byer')$$);
SELECT regress.refusal($$SELECT customer_import.alter_role_code(NULL)$$);
SELECT regress.refusal($$INSERT INTO customers (user_name, roles) VALUES ('ann', '{byer}')$$);
SELECT regress.refusal($$INSERT INTO customers (user_name, roles) VALUES ('ann', '{"no code",gardener}')$$);
SELECT regress.refusal(format('INSERT INTO customers (user_name, roles) VALUES (''ann'', %L)', ARRAY[repeat('ü', 200)]));
SELECT regress.refusal($$SELECT customer_import._guard_customers()$$);
SELECT regress.refusal($$SELECT customer_import._announce_change()$$);
SELECT regress.refusal($$SELECT customer_import._decide(1, 0, true, '(0,1)', '1'::xid, '{}', 'x'::text)$$);
SELECT regress.refusal($$SELECT customer_import._decide(NULL, NULL, true, NULL, NULL, NULL, NULL::text)$$);
SELECT regress.refusal($$SELECT customer_import._decide(1, 0, true, '(0,1)', '1'::xid, '{}', VARIADIC NULL::text[])$$);
SELECT regress.refusal($$SELECT customer_import._merged_roles(1, 0)$$);
SELECT regress.refusal($$SELECT customer_import._merged_roles(NULL, NULL)$$);
SELECT regress.refusal($$SELECT customer_import.rejected_csv(0)$$);
SELECT regress.refusal($$SELECT customer_import.rejected_csv_bytes(0)$$);
SELECT regress.refusal($$SELECT customer_import.skipped_csv(0)$$);
SELECT regress.refusal($$SELECT customer_import.rejected_lines(0)$$);
SELECT regress.refusal($$SELECT customer_import.skipped_lines(0)$$);
-- The table is not what it was
ALTER TABLE customers RENAME COLUMN email TO mail;
SELECT regress.refused(E'userName,addRoles\nann,buyer\n');
ALTER TABLE customers RENAME COLUMN mail TO email;
ALTER TABLE customers RENAME COLUMN roles TO codes;
SELECT regress.refused(E'userName,addRoles\nann,buyer\n');
SELECT regress.refusal($$INSERT INTO customers (user_name) VALUES ('ann')$$);
ALTER TABLE customers RENAME COLUMN codes TO roles;

--
-- Rights: none by default, and a grant of EXECUTE is not enough
--
CREATE ROLE regress_errors;
GRANT USAGE, CREATE ON SCHEMA public, regress TO regress_errors;
SET ROLE regress_errors;
SELECT regress.refusal($$SELECT customer_import.import_customers('', 'Create Only')$$);
SELECT regress.refusal($$SELECT customer_import.create_customers_table()$$);
SELECT regress.refusal($$SELECT customer_import.import_report(1)$$);
SELECT regress.refusal($$SELECT customer_import.import_template()$$);
SELECT regress.refusal($$TABLE customer_import.imports$$);
SELECT regress.refusal($$TABLE customer_import.import_changes$$);
RESET ROLE;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA customer_import TO regress_errors;
SET ROLE regress_errors;
SELECT regress.refusal($$SELECT customer_import.import_customers('', 'Create Only')$$);
SELECT regress.refusal($$SELECT customer_import.import_customers(''::bytea, 'Create Only')$$);
SELECT regress.refusal($$SELECT customer_import.import_customers(1::oid, 'Create Only', unlink => true)$$);
SELECT regress.refusal($$SELECT customer_import.add_role_codes('{mine}')$$);
SELECT regress.refusal($$SELECT customer_import.alter_role_code('buyer', privileged => true)$$);
SELECT regress.refusal($$SELECT customer_import.remove_role_codes('{buyer}')$$);
SELECT regress.refusal($$SELECT customer_import.create_customers_table('public.mine')$$);
SELECT regress.refusal($$SELECT customer_import.detach_customers_table()$$);
SELECT regress.refusal($$SELECT customer_import.rejected_csv(1)$$);
SELECT regress.refusal($$SELECT customer_import.rejected_csv_bytes(1)$$);
SELECT regress.refusal($$SELECT customer_import.skipped_csv(1)$$);
SELECT regress.refusal($$SELECT customer_import.rejected_lines(1)$$);
SELECT regress.refusal($$SELECT customer_import.skipped_lines(1)$$);
SELECT regress.refusal($$SELECT customer_import.import_report(1)$$);
SELECT regress.refusal($$SELECT customer_import.import_template()$$);
SELECT regress.refusal($$SET customer_import.batch_rows = 1$$);
RESET ROLE;

-- Nothing of all that left a trace
\t off
\pset format aligned
SELECT (SELECT count(*) FROM customers) AS customers, (SELECT count(*) FROM customer_import.imports) AS imports,
       (SELECT count(*) FROM customer_import.import_issues) AS issues, (SELECT count(*) FROM customer_import._import_change_pages) AS pages,
       (SELECT count(*) FROM customer_import.role_codes) AS codes;

DROP SCHEMA regress CASCADE;
REVOKE ALL ON SCHEMA public FROM regress_errors;
DROP TABLE customers;
DROP EXTENSION customer_import;
DROP ROLE regress_errors;
