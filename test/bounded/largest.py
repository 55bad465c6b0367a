"""Every function with the largest arguments that it takes, with larger ones, and on the largest data that it meets."""

MEBIBYTE = 1024 * 1024
LARGE = 8 * MEBIBYTE  # above every limit
MODE = "'Create & Update'"


def statements(text):
    return [statement.strip() for statement in text.split(";\n") if statement.strip()]


def setup(codes=2000, customers=20000, elements=300000, rejects=20, records=1, unknown=1000):
    """Statements that prepare a database with a customers table of ours: so many codes in the catalog, customers, elements in the
    largest array, rejected records of a mebibyte, and records of the file all of whose codes are nearly known, so many each."""
    return statements(f"""
CREATE EXTENSION customer_import;
SELECT customer_import.create_customers_table();
SELECT customer_import.add_role_codes(ARRAY(SELECT 'catalog.code.number.' || n FROM generate_series(1, {codes}) AS n));
CREATE TABLE large AS SELECT array_agg('c' || n) AS codes FROM generate_series(1, {elements}) AS n;
CREATE TABLE allowed AS SELECT array_agg(md5(n::text)) AS codes FROM generate_series(1, 25000) AS n;
CREATE TABLE files AS
    SELECT E'userName,addRoles\\n' || string_agg(format('u%s,"%s"', r, (SELECT string_agg('catalog.kode.numbre.' || r * 1000 + n, ',')
                                                                        FROM generate_series(1, {unknown}) AS n)), E'\\n') AS csv
      FROM generate_series(1, {records}) AS r;
SELECT customer_import.import_customers((SELECT E'userName,addRoles,email\\n' || string_agg(
        format('user%s,catalog.code.number.%s,u%s@example.com', n, n % {codes} + 1, n), E'\\n') FROM generate_series(1, {customers}) AS n), {MODE});
INSERT INTO customer_import.import_issues (import_id, line, issue_number, outcome, code, message, record)
    SELECT 1, line, 1, 'rejected', 'unknown_role', repeat('m', 1000), decode(repeat('61', 1000000), 'hex')
      FROM generate_series(1, {rejects}) AS line;
UPDATE customers SET roles = (SELECT array_agg('catalog.code.number.' || n) FROM generate_series(1, {codes}) AS n) WHERE user_name = 'user1'
""")


def cell(text):
    """A file with one role cell."""
    return f"SELECT customer_import.import_customers('userName,addRoles' || chr(10) || 'u,\"' || {text} || '\"', {MODE}, dry_run => true)"


def raw(bytes_, encoding):
    return (f"SELECT customer_import.import_customers('userName,email\\012'::bytea || {bytes_}, {MODE}, dry_run => true,"
            f" encoding => '{encoding}')")


# One code in all spellings of equal length that begin alike: each is compared with all others, to its end.
ALIKE = "(SELECT string_agg(repeat('x', 1000) || n, ',') FROM generate_series(1000, 1999) AS n)"

UPLOAD = (f"(SELECT convert_to('userName,email' || chr(10) || string_agg(format('user%s,%s@example.com', n, repeat('x', 1000)), chr(10)), 'UTF8')"
          f" FROM generate_series(1, {LARGE // 1000}) AS n)")

CALLS = (
    f"SELECT cardinality(customer_import.parse_role_set(repeat('a,', {MEBIBYTE // 2})))",
    "SELECT cardinality(customer_import.parse_role_set((SELECT string_agg(to_hex(n), ',' ORDER BY md5(n::text)) FROM generate_series(1, 80000) AS n)))",
    f"SELECT customer_import.parse_role_set(repeat('a,', {LARGE}))",
    f"SELECT octet_length(customer_import.fold_user_name(repeat('É', {MEBIBYTE // 2})))",
    f"SELECT octet_length(customer_import.fold_user_name(repeat('E', {MEBIBYTE})))",
    f"SELECT octet_length(customer_import.fold_user_name(repeat(' ', {MEBIBYTE})))",
    f"SELECT customer_import.fold_user_name(repeat('É', {LARGE}))",
    f"SELECT customer_import.is_user_name(repeat('é', {LARGE}))",
    f"SELECT customer_import.is_role_code(repeat('e', {LARGE}))",
    "SELECT customer_import.is_role_set(codes) FROM large",
    "SELECT customer_import.is_role_set(customer_import.role_set(codes)) FROM allowed",
    "SELECT cardinality(customer_import.role_set(codes)) FROM allowed",
    "SELECT customer_import.role_set(codes) FROM large",
    "SELECT customer_import.role_set_union(codes, codes) FROM large",
    "SELECT cardinality(customer_import.role_set_union(codes, codes)) FROM allowed",
    "SELECT cardinality(customer_import.role_set_difference(codes, codes[1:12500])) FROM allowed",
    "SELECT cardinality(customer_import.role_set_intersection(codes, codes[1:12500])) FROM allowed",
    "SELECT cardinality(customer_import.role_set_agg(codes)) FROM allowed, generate_series(1, 20)",
    "SELECT customer_import.add_role_codes(codes) FROM large",
    "SELECT customer_import.add_role_codes(codes) FROM allowed",
    "SELECT customer_import.remove_role_codes(codes) FROM allowed",
    f"SELECT customer_import.alter_role_code('catalog.code.number.1', repeat('n', {LARGE}))",
    "SELECT count(*) FROM large, customer_import.customers_with_roles(codes)",
    "SELECT count(*) FROM allowed, customer_import.customers_with_roles(codes)",
    "SELECT count(*) FROM customer_import.customers_with_roles('{lost}')",
    f"SELECT count(*) FROM customer_import.search_customers(repeat('x', {LARGE}))",
    f"SELECT count(*) FROM customer_import.search_customers(repeat('x', {MEBIBYTE}))",
    "SELECT count(*) FROM customer_import.search_customers('example')",
    f"SELECT count(*) FROM customer_import.customer_roles(repeat('x', {LARGE}))",
    "SELECT count(*) FROM customer_import.customer_roles('user1')",
    f"SELECT count(*) FROM customer_import.customer_history(repeat('x', {LARGE}))",
    "SELECT count(*) FROM customer_import.customer_history('user1')",
    f"SELECT customer_import.act_as(repeat('x', {LARGE}))",
    f"SELECT customer_import.add_operator(repeat('x', {LARGE}))",
    f"SELECT customer_import.add_operator('ann', repeat('x', {LARGE}), roles => codes) FROM allowed",
    f"SELECT customer_import.alter_operator('ann', repeat('x', {LARGE}), roles => codes) FROM allowed",
    f"SELECT customer_import.remove_operator(repeat('x', {LARGE}))",
    f"SELECT customer_import.grant_gateway(repeat('x', {LARGE}))",
    f"SELECT customer_import.revoke_gateway(repeat('x', {LARGE}))",
    f"SELECT customer_import.grant_mailer(repeat('x', {LARGE}))",
    f"SELECT customer_import.revoke_mailer(repeat('x', {LARGE}))",
    f"SELECT customer_import.create_customers_table(repeat('x', {LARGE}))",
    f"SELECT customer_import.attach_customers_table('files', 'csv', 'csv', jsonb_build_object('email', repeat('x', {LARGE})))",
    f"SELECT customer_import.edit_customer(repeat('x', {LARGE}), '{{\"email\": \"x\"}}')",
    f"SELECT customer_import.edit_customer('user3', jsonb_build_object('email', repeat('x', {LARGE})))",
    f"SELECT customer_import.edit_customer('user3', jsonb_build_object('email', repeat('x', {MEBIBYTE - 1000})))",
    "SELECT customer_import.edit_customer('user3', jsonb_build_object('addRoles', codes)) FROM allowed",
    "SELECT customer_import.edit_customer('user3', jsonb_build_object('removeRoles', codes)) FROM allowed",
    f"SELECT customer_import.edit_customer('user3', (SELECT jsonb_object_agg('n' || n, n) FROM generate_series(1, {MEBIBYTE // 30}) AS n))",
    f"SELECT customer_import.message_failed(1, 1, repeat('x', {LARGE}), false)",
    f"SELECT customer_import.store_message(1, 1, decode(repeat('00', {LARGE}), 'hex'))",
    f"SELECT octet_length(customer_import._search_text(a, a, a, a, a)) FROM repeat('x', {LARGE}) AS a",
    "SELECT octet_length(customer_import.rejected_csv(1))",
    "SELECT octet_length(customer_import.rejected_csv_bytes(1))",
    "SELECT octet_length(customer_import.skipped_csv(1))",
    "SELECT sum(octet_length(line)) FROM customer_import.rejected_lines(1) AS line",
    "SELECT sum(octet_length(line)) FROM customer_import.skipped_lines(1) AS line",
    f"CALL customer_import.wait_for_import(1, '1 second', repeat('x', {LARGE}), repeat('x', {LARGE}))",
    "SELECT octet_length(customer_import.import_report(1)::text)",
    f"SELECT customer_import.amend_record(1, 1, repeat('x', {LARGE}))",
    f"SELECT customer_import.amend_record(1, 1, repeat('x', {MEBIBYTE}))",
    "SELECT count(*) FROM customer_import.import_changes",
    "SELECT count(*) FROM customer_import.customer_export",
    "SELECT count(*) FROM customer_import.customer_export_spreadsheet",
    "UPDATE customers SET roles = codes FROM large WHERE user_name = 'user2'",
    "UPDATE customers SET roles = codes FROM allowed WHERE user_name = 'user2'",
    "UPDATE customers SET roles = (SELECT array_agg(upper(code)) FROM unnest(roles) AS code) WHERE user_name = 'user1'",
    "UPDATE customers SET email = repeat('x', 1000000) || '@example.com' WHERE user_name = 'user3'",
    f"SELECT customer_import.import_customers(csv, {MODE}, dry_run => true) FROM files",
    f"SELECT count(*) FROM files, customer_import.preview_import(csv, {MODE})",
    f"SELECT customer_import.import_customers('userName' || chr(10) || repeat('x', 5000000), {MODE})",
    f"SELECT customer_import.import_customers(repeat('userName,', 1000000), {MODE})",
    f"SELECT customer_import.import_customers('userName', {MODE}, file_name => repeat('x', {LARGE}))",
    f"SELECT customer_import.import_customers('userName,email', {MODE}, columns => jsonb_build_object('email', repeat('x', {LARGE})))",
    f"SELECT customer_import.import_customers('userName,email', {MODE}, columns => jsonb_build_object('email', (SELECT jsonb_agg(n) FROM generate_series(1, 150000) AS n)))",
    f"SELECT customer_import.import_customers('userName,email', {MODE}, columns => jsonb_build_object('email', (SELECT jsonb_agg('x') FROM generate_series(1, 250000))))",
    f"SELECT customer_import.import_customers('userName' || (SELECT string_agg(',column.number.' || n, '') FROM generate_series(1, 1599) AS n), {MODE},"
    " columns => (SELECT jsonb_object_agg('another.' || n, 'email') FROM generate_series(1, 1600) AS n))",
    f"SELECT customer_import.import_customers('userName,email', {MODE}, role_columns => repeat('x', {LARGE}))",
    f"SELECT customer_import.import_customers('userName' || (SELECT string_agg(',catalog.cod.number.' || n, '') FROM generate_series(1, 1599) AS n), {MODE}, role_columns => 'c')",
    f"SELECT customer_import.import_customers('userName' || (SELECT string_agg(',catalog.cod.number.' || n, '') FROM generate_series(1, 1599) AS n), {MODE}, role_columns => '*')",
    f"SELECT customer_import.import_customers(concat('userName', h, chr(10), 'ann', repeat(',x', 1599)), {MODE}, role_columns => '*')"
    " FROM (SELECT string_agg(',catalog.code.number.' || n, '') FROM generate_series(1, 1599) AS n) AS s (h)",
    f"SELECT customer_import.import_customers('userName,email', {MODE}, reject_percent => ('0.' || repeat('3', 16000))::numeric)",
    f"SELECT customer_import.import_customers('userName,email', {MODE}, delimiter => repeat('x', {LARGE}))",
    f"SELECT customer_import.import_customers('userName,email' || repeat(chr(10), 50000000), {MODE}, request_id => 'large')",
    f"SELECT customer_import.begin_upload(repeat('x', {LARGE}))",
    "SELECT customer_import.begin_upload()",
    f"SELECT customer_import.append_upload(max(id), {UPLOAD}) FROM customer_import.uploads",
    f"SELECT customer_import.append_upload(max(id), {UPLOAD}, 0) FROM customer_import.uploads",
    f"SELECT customer_import.preview_upload(max(id), {MODE}) FROM customer_import.uploads",
    f"SELECT customer_import.import_upload(max(id), {MODE}, file_name => repeat('x', {LARGE})) FROM customer_import.uploads",
    f"SELECT customer_import.import_upload(max(id), {MODE}) FROM customer_import.uploads",
    cell("repeat('a,', 500000)"),
    cell("repeat(chr(10), 1000000)"),
    cell("repeat('\"\"', 500000)"),
    cell(ALIKE),
    cell(f"{ALIKE} || '\",\"' || {ALIKE}").replace("userName,addRoles'", "userName,addRoles,removeRoles'").replace("1000) || n", "500) || n"),
    raw("decode(repeat('ff', 1000000), 'hex')", "UTF8"),
    raw("decode(repeat('00', 1000000), 'hex')", "LATIN1"),
    raw("decode(repeat('e900', 500000), 'hex')", "LATIN1"),
    raw("decode(repeat('ff', 1000000), 'hex')", "SJIS"),
    raw("decode(repeat('8140', 500000), 'hex')", "SJIS"),
    f"SELECT customer_import.import_customers(E'userName,email,company\\nuser1,a@example.com,' || repeat('c', 1000000), {MODE})",
    f"SELECT customer_import.import_customers((SELECT E'userName,addRoles,email\\n' || string_agg(format('user%s,catalog.code.number.%s,%s@example.com',"
    f" n % 100, n % 5000 + 1, n), E'\\n') FROM generate_series(1, 5000) AS n), {MODE})",
    "SELECT customer_import.undo_import(max(id)) FROM customer_import.imports",
    "SELECT customer_import.retry_rejects(1)",
    f"SELECT customer_import.retry_skipped(1, {MODE})",
    "SELECT customer_import.resume_import(max(id)) FROM customer_import.imports",
)

# A table of an application, whose own role writes what it likes: nothing that the guard limits.
ATTACHED = statements("""
CREATE EXTENSION customer_import;
CREATE TABLE app (user_name text PRIMARY KEY, roles text[] NOT NULL DEFAULT '{}');
INSERT INTO app VALUES ('u1'), ('u2'), ('u3');
SELECT customer_import.attach_customers_table('app', 'user_name', 'roles');
CREATE TABLE large AS SELECT array_agg('Code' || n) AS codes FROM generate_series(1, 300000) AS n
"""), (
    "UPDATE app SET roles = codes FROM large WHERE user_name IN ('u1', 'u2')",
    f"UPDATE app SET roles = ARRAY[repeat('x', {LARGE}), repeat('x', {LARGE}) || 'y'] WHERE user_name = 'u3'",
    "UPDATE app SET roles = (SELECT array_agg(lower(code)) FROM unnest(roles) AS code) WHERE user_name = 'u1'",
    f"SELECT customer_import.import_customers(E'userName,addRoles\\nu1,buyer\\nu3,buyer', {MODE})",
    "UPDATE app SET roles = '{}' WHERE user_name IN ('u1', 'u3')",
    "SELECT count(*) FROM customer_import.customer_roles('u1')",
    "SELECT count(*) FROM customer_import.customer_roles('u2')",
    "SELECT count(*) FROM customer_import.customer_history('u1')",
    "SELECT count(*) FROM customer_import.customer_export",
    "SELECT count(*) FROM customer_import.customer_export_spreadsheet",
    "DELETE FROM app",
)
