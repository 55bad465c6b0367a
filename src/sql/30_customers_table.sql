-- The customers table: the table itself belongs to the user, what is known about it is here.

CREATE TABLE customer_import.customers_table (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    relation regclass NOT NULL,
    created boolean NOT NULL,
    user_name name NOT NULL,
    roles name NOT NULL,
    fold_user_names boolean NOT NULL,
    touched_column name,
    own_row_triggers boolean NOT NULL DEFAULT false,
    row_security boolean NOT NULL DEFAULT false,
    was_enabled boolean NOT NULL DEFAULT false,
    was_forced boolean NOT NULL DEFAULT false,
    stage regclass
);
COMMENT ON TABLE customer_import.customers_table IS 'The customers table of this database, at most one.';
COMMENT ON COLUMN customer_import.customers_table.created IS 'Made by create_customers_table().';
COMMENT ON COLUMN customer_import.customers_table.touched_column IS 'Set to now() by each update of an import.';
COMMENT ON COLUMN customer_import.customers_table.own_row_triggers IS
    'Its owner says that its triggers look at their own row only.';
COMMENT ON COLUMN customer_import.customers_table.row_security IS
    'The extension has switched on its row-level security and made policies.';
COMMENT ON COLUMN customer_import.customers_table.was_enabled IS 'It had row-level security before.';
COMMENT ON COLUMN customer_import.customers_table.was_forced IS 'It had it for its owner, too.';
COMMENT ON COLUMN customer_import.customers_table.stage IS
    'The table through which the rows of one that Citus distributes go; NULL for all others.';
COMMENT ON COLUMN customer_import.customers_table.singleton IS 'Always true: the table has one row at most.';
COMMENT ON COLUMN customer_import.customers_table.relation IS 'The customers table.';
COMMENT ON COLUMN customer_import.customers_table.user_name IS 'The column by which customers are found.';
COMMENT ON COLUMN customer_import.customers_table.roles IS 'The column that holds the role set.';
COMMENT ON COLUMN customer_import.customers_table.fold_user_names IS 'User names are stored as fold_user_name() gives them.';
SELECT pg_catalog.pg_extension_config_dump('customer_import.customers_table', '');

CREATE TABLE customer_import.customers_table_columns (
    position integer PRIMARY KEY,
    field text NOT NULL UNIQUE,
    column_name name NOT NULL
);
COMMENT ON TABLE customer_import.customers_table_columns IS
    'Columns of the customers table that a CSV file may name, beside the user name and the roles.';
COMMENT ON COLUMN customer_import.customers_table_columns.position IS 'The order of the columns in exports and templates.';
COMMENT ON COLUMN customer_import.customers_table_columns.field IS 'The header in a CSV file.';
COMMENT ON COLUMN customer_import.customers_table_columns.column_name IS 'The column of the customers table.';
SELECT pg_catalog.pg_extension_config_dump('customer_import.customers_table_columns', '');
ALTER TABLE customer_import.customers_table_columns ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer_import.customers_table_columns FORCE ROW LEVEL SECURITY;
CREATE POLICY operators ON customer_import.customers_table_columns FOR SELECT
    USING ((SELECT customer_import.current_operator()) IS NOT NULL);

CREATE TRIGGER customers_table_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON customer_import.customers_table
    FOR EACH STATEMENT EXECUTE FUNCTION customer_import._announce_change();
CREATE TRIGGER customers_table_columns_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON customer_import.customers_table_columns
    FOR EACH STATEMENT EXECUTE FUNCTION customer_import._announce_change();

CREATE FUNCTION customer_import._guard_customers() RETURNS trigger
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_guard_customers';
COMMENT ON FUNCTION customer_import._guard_customers() IS
    'Keeps the roles of the customers table canonical and in the catalog, and what operators do below the grant ceiling.';

CREATE FUNCTION customer_import.create_customers_table(
    name text DEFAULT 'public.customers', partitions integer DEFAULT 0
) RETURNS regclass
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_create_customers_table';
COMMENT ON FUNCTION customer_import.create_customers_table(text, integer) IS
    'Creates the customers table, owned by the caller, in so many hash partitions. There is one in a database.';

CREATE FUNCTION customer_import.attach_customers_table(
    target regclass, user_name name, roles name, columns jsonb DEFAULT '{}', ignore_case boolean DEFAULT false,
    row_security boolean DEFAULT false, own_row_triggers boolean DEFAULT false
) RETURNS regclass
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_attach_customers_table';
COMMENT ON FUNCTION
    customer_import.attach_customers_table(regclass, name, name, jsonb, boolean, boolean, boolean) IS
    'Makes a table of an application the customers table. The columns: CSV header to column name.';

CREATE FUNCTION customer_import.detach_customers_table() RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_detach_customers_table';
COMMENT ON FUNCTION customer_import.detach_customers_table() IS
    'Takes away what the extension added to the customers table; the table and its rows stay.';

CREATE FUNCTION customer_import.edit_customer(user_name text, changes jsonb) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_edit_customer';
COMMENT ON FUNCTION customer_import.edit_customer(text, jsonb) IS
    'Changes a customer by hand: names and values as in a file. Also where Citus distributes the customers table.';
