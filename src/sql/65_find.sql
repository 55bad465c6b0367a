-- Finding customers, and taking them out. All of it as the caller: the policies of the customers table hold.

-- Behind the view customer_export, which is made with the customers table: so the table may still be altered.
CREATE FUNCTION customer_import._export_customers() RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100000 AS 'MODULE_PATHNAME', 'ci_export_customers';
COMMENT ON FUNCTION customer_import._export_customers() IS
    'User name, roles and values of all customers, as cells of a CSV file.';

-- The same behind customer_export_spreadsheet.
CREATE FUNCTION customer_import._export_spreadsheet() RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100000 AS 'MODULE_PATHNAME', 'ci_export_spreadsheet';
COMMENT ON FUNCTION customer_import._export_spreadsheet() IS
    'User name, roles and values of all customers, as cells that come through a spreadsheet, and which of them are guarded.';

CREATE FUNCTION customer_import.customer_roles(
    user_name text,
    OUT code text, OUT name text, OUT description text,
    OUT granted_by text, OUT granted_at timestamptz, OUT import_id bigint, OUT line bigint
) RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', 'ci_customer_roles';
COMMENT ON FUNCTION customer_import.customer_roles(text) IS
    'The roles of a customer, each with the import that gave it; NULL where none did, or it is not known any more.';

CREATE FUNCTION customer_import.customer_history(
    user_name text,
    OUT import_id bigint, OUT line bigint, OUT applied_at timestamptz, OUT operator text, OUT created boolean,
    OUT added text[], OUT removed text[], OUT before jsonb, OUT after jsonb, OUT undone boolean
) RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', 'ci_customer_history';
COMMENT ON FUNCTION customer_import.customer_history(text) IS
    'All that imports did to a customer, oldest first, by the index of the change log; undone: nothing of it is in force.';

CREATE FUNCTION customer_import.search_customers(
    query text, max_rows integer DEFAULT 50,
    OUT user_name text, OUT email text, OUT first_name text, OUT last_name text, OUT company text
) RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL UNSAFE ROWS 50 AS 'MODULE_PATHNAME', 'ci_search_customers';
COMMENT ON FUNCTION customer_import.search_customers(text, integer) IS
    'The customers whose user name, e-mail, names or company contain the query, best first.';

CREATE FUNCTION customer_import.customers_with_roles(codes text[], OUT user_name text, OUT roles text[])
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_customers_with_roles';
COMMENT ON FUNCTION customer_import.customers_with_roles(text[]) IS 'The customers who hold all of these roles.';

-- Indexed, so that every role that writes the customers table must be able to call it.
CREATE FUNCTION customer_import._search_text(
    user_name text, email text, first_name text, last_name text, company text
) RETURNS text
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'ci_search_text';
COMMENT ON FUNCTION customer_import._search_text(text, text, text, text, text) IS
    'All that search_customers() finds a customer by, folded.';

CREATE FUNCTION customer_import.create_search_indexes() RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_create_search_indexes';
COMMENT ON FUNCTION customer_import.create_search_indexes() IS
    'Creates the indexes that make search_customers() and customers_with_roles() fast, if they are not there; needs pg_trgm.';
