-- The catalog of role codes.

CREATE TABLE customer_import.role_codes (
    code text COLLATE "C" PRIMARY KEY CHECK (customer_import.is_role_code(code)),
    name text,
    description text,
    privileged boolean NOT NULL DEFAULT false,
    created_by_import bigint,
    is_provisional boolean NOT NULL DEFAULT false CHECK (created_by_import IS NOT NULL OR NOT is_provisional)
);
CREATE UNIQUE INDEX role_codes_lower_code_key ON customer_import.role_codes (lower(code));
COMMENT ON TABLE customer_import.role_codes IS 'The role codes that customers may hold.';
COMMENT ON COLUMN customer_import.role_codes.code IS
    'The code, 1 to 63 of letters, digits, _ . : - ; found ignoring case, stored in this spelling.';
COMMENT ON COLUMN customer_import.role_codes.privileged IS 'Only administrators change who holds it.';
COMMENT ON COLUMN customer_import.role_codes.created_by_import IS
    'The import that has added it; NULL when it was added or altered by hand, or the import was purged.';
COMMENT ON COLUMN customer_import.role_codes.is_provisional IS
    'It is removed when an import ends, unless a customer holds it then: the import that added it has given it to no customer so far.';
COMMENT ON COLUMN customer_import.role_codes.name IS 'Its name, for people.';
COMMENT ON COLUMN customer_import.role_codes.description IS 'What it is for, for people.';

INSERT INTO customer_import.role_codes (code, name, privileged) VALUES
    ('administrator', 'Administrator', true),
    ('superuser', 'Superuser', true),
    ('customerView', 'View customers', true),
    ('customerEdit', 'Edit customers', true),
    ('importView', 'View imports', true),
    ('importEdit', 'Import customers', true);
SELECT pg_catalog.pg_extension_config_dump('customer_import.role_codes',
    'WHERE code NOT IN (''administrator'', ''superuser'', ''customerView'', ''customerEdit'', ''importView'', ''importEdit'')');

CREATE FUNCTION customer_import._announce_change() RETURNS trigger
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_announce_change';
COMMENT ON FUNCTION customer_import._announce_change() IS 'Makes every session read a table again that it keeps in memory.';

CREATE TRIGGER role_codes_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON customer_import.role_codes
    FOR EACH STATEMENT EXECUTE FUNCTION customer_import._announce_change();

CREATE FUNCTION customer_import.add_role_codes(codes text[], privileged boolean DEFAULT false) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_add_role_codes';
COMMENT ON FUNCTION customer_import.add_role_codes(text[], boolean) IS
    'Adds role codes to the catalog; those that exist (ignoring case) stay as they are, and no undo takes them away. Returns how many are new.';

CREATE FUNCTION customer_import.alter_role_code(
    code text, name text DEFAULT NULL, description text DEFAULT NULL, privileged boolean DEFAULT NULL
) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_alter_role_code';
COMMENT ON FUNCTION customer_import.alter_role_code(text, text, text, boolean) IS
    'Changes what is known about a role code; NULL keeps what is there.';

CREATE FUNCTION customer_import.remove_role_codes(codes text[]) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ci_remove_role_codes';
COMMENT ON FUNCTION customer_import.remove_role_codes(text[]) IS
    'Removes role codes from the catalog; customers keep what they hold. Returns how many there were.';
