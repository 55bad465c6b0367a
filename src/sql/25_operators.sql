-- Operators, which work with customers, and what they may do.

CREATE TABLE customer_import.operators (
    name text COLLATE "C" PRIMARY KEY,
    database_role boolean NOT NULL,
    role_key text COLLATE "C" NOT NULL DEFAULT '',
    email text,
    roles text[] COLLATE "C" NOT NULL DEFAULT '{}',
    user_name text COLLATE "C",
    active boolean NOT NULL DEFAULT true
);
COMMENT ON TABLE customer_import.operators IS 'Who works with customers: operators see themselves, administrators see all.';
CREATE INDEX operators_role_key ON customer_import.operators (role_key);
COMMENT ON COLUMN customer_import.operators.database_role IS
    'A database role is this operator, the one that had its name; otherwise it works through a gateway.';
COMMENT ON COLUMN customer_import.operators.role_key IS
    'That role in this database, also when it has been renamed; after a restore the name counts, once.';
COMMENT ON COLUMN customer_import.operators.email IS 'Where reports go.';
COMMENT ON COLUMN customer_import.operators.roles IS
    'Out of administrator, superuser, customerView, customerEdit, importView, importEdit.';
COMMENT ON COLUMN customer_import.operators.user_name IS
    'Which customer the operator is; NULL: the one whose user name equals its name or e-mail.';
COMMENT ON COLUMN customer_import.operators.name IS 'The operator, as history and current_operator() name it.';
COMMENT ON COLUMN customer_import.operators.active IS 'False: it has no right.';
SELECT pg_catalog.pg_extension_config_dump('customer_import.operators', '');

CREATE TABLE customer_import.gateways (
    name text COLLATE "C" NOT NULL,
    may_act_as_admin boolean NOT NULL DEFAULT false,
    role_key text COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (name, role_key)
);
COMMENT ON COLUMN customer_import.gateways.name IS 'What the role was called when gateways, mailers or operators were last changed.';
COMMENT ON COLUMN customer_import.gateways.role_key IS
    'The role in this database, also when it has been renamed; after a restore the name counts, once.';
COMMENT ON TABLE customer_import.gateways IS 'Database roles of applications that act as operators.';
COMMENT ON COLUMN customer_import.gateways.may_act_as_admin IS 'It may act as operators that are administrators, too.';
SELECT pg_catalog.pg_extension_config_dump('customer_import.gateways', '');

CREATE TRIGGER operators_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON customer_import.operators
    FOR EACH STATEMENT EXECUTE FUNCTION customer_import._announce_change();
CREATE TRIGGER gateways_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON customer_import.gateways
    FOR EACH STATEMENT EXECUTE FUNCTION customer_import._announce_change();

CREATE FUNCTION customer_import._role_of(name text, role_key text) RETURNS oid
    LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ci_role_of';
COMMENT ON FUNCTION customer_import._role_of(text, text) IS
    'The database role that a row of operators, gateways, mailers or granted_privileges means; NULL if there is none.';

-- A restore brings keys of the database that was dumped.
CREATE FUNCTION customer_import._bind_role() RETURNS trigger
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_bind_role';
COMMENT ON FUNCTION customer_import._bind_role() IS 'Binds a restored row to the database role that has its name.';

CREATE TRIGGER operators_bound BEFORE INSERT ON customer_import.operators
    FOR EACH ROW WHEN (NEW.database_role) EXECUTE FUNCTION customer_import._bind_role('name');
CREATE TRIGGER gateways_bound BEFORE INSERT ON customer_import.gateways
    FOR EACH ROW EXECUTE FUNCTION customer_import._bind_role('name');

CREATE TABLE customer_import.operator_privileges (
    object text COLLATE "C" NOT NULL,
    privilege text COLLATE "C" NOT NULL,
    needs text[] COLLATE "C" NOT NULL,
    PRIMARY KEY (object, privilege)
);
COMMENT ON TABLE customer_import.operator_privileges IS
    'Which database privilege an operator is granted with which right.';
COMMENT ON COLUMN customer_import.operator_privileges.needs IS
    'One of these rights is enough. operator: each has it; gateway: for roles that act as operators; mailer: for those that send messages.';
COMMENT ON COLUMN customer_import.operator_privileges.object IS 'A table, view, function or procedure, or the customers table.';
COMMENT ON COLUMN customer_import.operator_privileges.privilege IS 'What is granted on it: SELECT, EXECUTE and so on.';

CREATE TABLE customer_import.granted_privileges (
    role text COLLATE "C" NOT NULL,
    role_key text COLLATE "C" NOT NULL DEFAULT '',
    object text COLLATE "C" NOT NULL,
    privilege text COLLATE "C" NOT NULL,
    schema_name text COLLATE "C",
    schema_key text COLLATE "C",
    PRIMARY KEY (role_key, object, privilege, role)
);
COMMENT ON TABLE customer_import.granted_privileges IS
    'What the extension has granted to database roles, and revokes again; what others granted is not listed.';
COMMENT ON COLUMN customer_import.granted_privileges.role IS 'What the role was called when operators, gateways or mailers were last changed.';
COMMENT ON COLUMN customer_import.granted_privileges.role_key IS
    'The role in this database, also when it has been renamed; after a restore the name counts, once.';
COMMENT ON COLUMN customer_import.granted_privileges.schema_name IS
    'Which schema was opened for the customers table.';
COMMENT ON COLUMN customer_import.granted_privileges.schema_key IS
    'That schema in this database, also when it has been renamed; after a restore its name counts.';
COMMENT ON COLUMN customer_import.granted_privileges.object IS
    'A table, view, function, procedure, sequence or schema, or the customers table.';
COMMENT ON COLUMN customer_import.granted_privileges.privilege IS 'What was granted on it: SELECT, EXECUTE and so on.';
SELECT pg_catalog.pg_extension_config_dump('customer_import.granted_privileges', '');
CREATE TRIGGER granted_privileges_bound BEFORE INSERT ON customer_import.granted_privileges
    FOR EACH ROW EXECUTE FUNCTION customer_import._bind_role('role');
CREATE TRIGGER granted_privileges_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON customer_import.granted_privileges
    FOR EACH STATEMENT EXECUTE FUNCTION customer_import._announce_change();

CREATE FUNCTION customer_import.add_operator(
    name text, email text DEFAULT NULL, roles text[] DEFAULT '{}', database_role boolean DEFAULT NULL,
    user_name text DEFAULT NULL
) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_add_operator';
COMMENT ON FUNCTION customer_import.add_operator(text, text, text[], boolean, text) IS
    'Adds an operator, and grants the database role of its name what it needs, if there is one.';

CREATE FUNCTION customer_import.alter_operator(
    name text, email text DEFAULT NULL, roles text[] DEFAULT NULL, active boolean DEFAULT NULL,
    user_name text DEFAULT NULL, database_role boolean DEFAULT NULL
) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_alter_operator';
COMMENT ON FUNCTION customer_import.alter_operator(text, text, text[], boolean, text, boolean) IS
    'Changes an operator; NULL keeps what is there, an empty e-mail or user name removes it.';

CREATE FUNCTION customer_import.remove_operator(name text) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_remove_operator';
COMMENT ON FUNCTION customer_import.remove_operator(text) IS
    'Removes an operator and revokes what its role was granted. Its imports stay.';

CREATE FUNCTION customer_import.grant_gateway(name text, may_act_as_admin boolean DEFAULT NULL) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_grant_gateway';
COMMENT ON FUNCTION customer_import.grant_gateway(text, boolean) IS
    'Lets a database role act as operators by act_as(); NULL keeps whether as administrators, too. Only for superusers of the database.';

CREATE FUNCTION customer_import.revoke_gateway(name text) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_revoke_gateway';
COMMENT ON FUNCTION customer_import.revoke_gateway(text) IS
    'Takes back what grant_gateway() gave. Only for superusers of the database.';

CREATE FUNCTION customer_import.act_as(operator text) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_act_as';
COMMENT ON FUNCTION customer_import.act_as(text) IS
    'Lets a gateway act as an operator until the end of the transaction.';

CREATE FUNCTION customer_import.current_operator() RETURNS text
    LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'ci_current_operator';
COMMENT ON FUNCTION customer_import.current_operator() IS
    'The acting operator; for superusers of the database their role; else NULL.';

CREATE FUNCTION customer_import.is_admin() RETURNS boolean
    LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'ci_is_admin';
COMMENT ON FUNCTION customer_import.is_admin() IS
    'Whether the acting operator has administrator or superuser, or is a superuser of the database.';

CREATE FUNCTION customer_import.may_view_customers() RETURNS boolean
    LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'ci_may_view_customers';
COMMENT ON FUNCTION customer_import.may_view_customers() IS
    'Whether the acting operator is an administrator or has customerView.';

CREATE FUNCTION customer_import.may_edit_customers() RETURNS boolean
    LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'ci_may_edit_customers';
COMMENT ON FUNCTION customer_import.may_edit_customers() IS
    'Whether the acting operator is an administrator or has customerView and customerEdit.';

CREATE FUNCTION customer_import.may_import_customers() RETURNS boolean
    LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'ci_may_import_customers';
COMMENT ON FUNCTION customer_import.may_import_customers() IS
    'Whether the acting operator is an administrator or has customerView, customerEdit, importView and importEdit.';

CREATE FUNCTION customer_import.may_view_imports() RETURNS boolean
    LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'ci_may_view_imports';
COMMENT ON FUNCTION customer_import.may_view_imports() IS
    'Whether the acting operator is an administrator or has importView.';

ALTER TABLE customer_import.operators ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer_import.operators FORCE ROW LEVEL SECURITY;
CREATE POLICY own_or_admin ON customer_import.operators FOR SELECT
    USING ((SELECT customer_import.is_admin()) OR name = (SELECT customer_import.current_operator()));

-- A gateway, which has no right of its own, has the privilege to read them for others.
ALTER TABLE customer_import.role_codes ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer_import.role_codes FORCE ROW LEVEL SECURITY;
CREATE POLICY operators ON customer_import.role_codes FOR SELECT
    USING ((SELECT customer_import.current_operator()) IS NOT NULL);
