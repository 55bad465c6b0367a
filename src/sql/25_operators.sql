-- Who works with customers, and what he may do.

CREATE TABLE customer_import.operators (
    name text COLLATE "C" PRIMARY KEY,
    database_role boolean NOT NULL,
    email text,
    roles text[] COLLATE "C" NOT NULL DEFAULT '{}',
    user_name text COLLATE "C",
    active boolean NOT NULL DEFAULT true
);
COMMENT ON TABLE customer_import.operators IS 'Who works with customers: each sees himself, administrators see all.';
COMMENT ON COLUMN customer_import.operators.database_role IS
    'The database role of that name is this operator; otherwise he works through a gateway.';
COMMENT ON COLUMN customer_import.operators.email IS 'Where his reports go.';
COMMENT ON COLUMN customer_import.operators.roles IS
    'Out of administrator, superuser, customerView, customerEdit, importView, importEdit.';
COMMENT ON COLUMN customer_import.operators.user_name IS
    'Which customer he is himself; NULL: the one whose user name equals his name or e-mail.';
SELECT pg_catalog.pg_extension_config_dump('customer_import.operators', '');

CREATE TABLE customer_import.gateways (
    name text COLLATE "C" PRIMARY KEY,
    may_act_as_admin boolean NOT NULL
);
COMMENT ON TABLE customer_import.gateways IS 'Database roles of applications that act as operators.';
SELECT pg_catalog.pg_extension_config_dump('customer_import.gateways', '');

CREATE TRIGGER operators_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON customer_import.operators
    FOR EACH STATEMENT EXECUTE FUNCTION customer_import._announce_change();
CREATE TRIGGER gateways_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON customer_import.gateways
    FOR EACH STATEMENT EXECUTE FUNCTION customer_import._announce_change();

CREATE TABLE customer_import.operator_privileges (
    object text COLLATE "C" NOT NULL,
    privilege text COLLATE "C" NOT NULL,
    needs text[] COLLATE "C" NOT NULL,
    PRIMARY KEY (object, privilege)
);
COMMENT ON TABLE customer_import.operator_privileges IS
    'Which database privilege an operator is granted with which of his rights.';
COMMENT ON COLUMN customer_import.operator_privileges.needs IS
    'One of these rights is enough. operator: each has it; gateway: for roles that act as operators; mailer: for those that send messages.';

CREATE TABLE customer_import.granted_privileges (
    role text COLLATE "C" NOT NULL,
    object text COLLATE "C" NOT NULL,
    privilege text COLLATE "C" NOT NULL,
    schema_name text COLLATE "C",
    schema_key text COLLATE "C",
    PRIMARY KEY (role, object, privilege)
);
COMMENT ON TABLE customer_import.granted_privileges IS
    'What the extension has granted to database roles, and revokes again; what others granted is not listed.';
COMMENT ON COLUMN customer_import.granted_privileges.schema_name IS
    'Which schema was opened for the customers table.';
COMMENT ON COLUMN customer_import.granted_privileges.schema_key IS
    'That schema in this database, also when it has been renamed; after a restore its name counts.';
SELECT pg_catalog.pg_extension_config_dump('customer_import.granted_privileges', '');

CREATE FUNCTION customer_import.add_operator(
    name text, email text DEFAULT NULL, roles text[] DEFAULT '{}', database_role boolean DEFAULT NULL,
    user_name text DEFAULT NULL
) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_add_operator';
COMMENT ON FUNCTION customer_import.add_operator(text, text, text[], boolean, text) IS
    'Adds an operator, and grants the database role of his name what he needs, if there is one.';

CREATE FUNCTION customer_import.alter_operator(
    name text, email text DEFAULT NULL, roles text[] DEFAULT NULL, active boolean DEFAULT NULL
) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_alter_operator';
COMMENT ON FUNCTION customer_import.alter_operator(text, text, text[], boolean) IS
    'Changes an operator; NULL keeps what is there, an empty e-mail removes it.';

CREATE FUNCTION customer_import.remove_operator(name text) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_remove_operator';
COMMENT ON FUNCTION customer_import.remove_operator(text) IS
    'Removes an operator and revokes what was granted for him. His imports stay.';

CREATE FUNCTION customer_import.grant_gateway(name text, may_act_as_admin boolean DEFAULT false) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_grant_gateway';
COMMENT ON FUNCTION customer_import.grant_gateway(text, boolean) IS
    'Lets a database role act as operators by act_as(). Only for superusers of the database.';

CREATE FUNCTION customer_import.revoke_gateway(name text) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_revoke_gateway';
COMMENT ON FUNCTION customer_import.revoke_gateway(text) IS
    'Takes back what grant_gateway() gave. Only for superusers of the database.';

CREATE FUNCTION customer_import.act_as(operator text) RETURNS void
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_act_as';
COMMENT ON FUNCTION customer_import.act_as(text) IS
    'Lets a gateway act as an operator until the end of the transaction.';

CREATE FUNCTION customer_import.current_operator() RETURNS text
    LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'ci_current_operator';
COMMENT ON FUNCTION customer_import.current_operator() IS
    'The operator who acts; for superusers of the database their role; NULL for everybody else.';

CREATE FUNCTION customer_import.is_admin() RETURNS boolean
    LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'ci_is_admin';
COMMENT ON FUNCTION customer_import.is_admin() IS
    'Whether the operator who acts has administrator or superuser, or is a superuser of the database.';

CREATE FUNCTION customer_import.may_view_customers() RETURNS boolean
    LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'ci_may_view_customers';
COMMENT ON FUNCTION customer_import.may_view_customers() IS
    'Whether the operator who acts is an administrator or has customerView.';

CREATE FUNCTION customer_import.may_edit_customers() RETURNS boolean
    LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'ci_may_edit_customers';
COMMENT ON FUNCTION customer_import.may_edit_customers() IS
    'Whether the operator who acts is an administrator or has customerView and customerEdit.';

CREATE FUNCTION customer_import.may_import_customers() RETURNS boolean
    LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'ci_may_import_customers';
COMMENT ON FUNCTION customer_import.may_import_customers() IS
    'Whether the operator who acts is an administrator or has customerView, customerEdit, importView and importEdit.';

CREATE FUNCTION customer_import.may_view_imports() RETURNS boolean
    LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'ci_may_view_imports';
COMMENT ON FUNCTION customer_import.may_view_imports() IS
    'Whether the operator who acts is an administrator or has importView.';

ALTER TABLE customer_import.operators ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer_import.operators FORCE ROW LEVEL SECURITY;
CREATE POLICY own_or_admin ON customer_import.operators FOR SELECT
    USING ((SELECT customer_import.is_admin()) OR name = (SELECT customer_import.current_operator()));
