#include "pg/privileges.h"

#include <string>
#include <vector>

#include "core/role_set.h"
#include "core/rights.h"
#include "pg/lookup.h"
#include "pg/statement.h"

namespace customer_import::pg {

namespace {

// The objects by which the customers table stands in operator_privileges and granted_privileges: its name may change.
constexpr std::string_view kCustomersTable = "customers table";
constexpr std::string_view kCustomersSchema = "schema of the customers table";
// With the name of the column whose default takes numbers from it: who creates a customer needs it.
constexpr std::string_view kColumnSequence = "sequence of column ";

// Comes and goes with the customers table.
constexpr std::string_view kExportView = "customer_import.customer_export";

// The customers table as the object of a GRANT.
RelationFacts read_facts(Oid relation) {
    return call([&] { return relation_facts(relation); });
}

Oid role_oid(std::string_view name) {
    if (name.size() >= NAMEDATALEN || name.find('\0') != std::string_view::npos) {
        return InvalidOid;
    }
    return call([&] { return get_role_oid(pnstrdup(name.data(), name.size()), true); });
}

// Acts as the owner of a table or sequence, to GRANT and REVOKE on it by name. An owner who may not use the schema could not
// name it: then the extension's owner acts, if he is a superuser, whose statement the server takes for that of the object's
// owner. He could name anybody's object, so that confirm() must look whether it was this one.
class ObjectOwnerScope {
public:
    ObjectOwnerScope(Oid object_owner, Oid schema)
        : is_other_(call([&] { return pg_namespace_aclcheck(schema, object_owner, ACL_USAGE) != ACLCHECK_OK; }) &&
                    call([&] { return superuser_arg(extension_owner()); })),
          role_(is_other_ ? extension_owner() : object_owner) {}

    // Raises an error if the privilege is not as it should be after GRANT or REVOKE: the name has become another object's.
    void confirm(Oid object, Oid role, const std::string& privilege, bool grant) const {
        if (is_other_ &&
            query("SELECT FROM pg_class AS c, aclexplode(c.relacl) AS a"
                  " WHERE c.oid = $1 AND a.grantor = c.relowner AND a.grantee = $2 AND a.privilege_type = $3",
                  {parameter_oid(object), parameter_oid(role), parameter(std::string_view(privilege))}).empty() == grant) {
            refuse_renamed();
        }
    }
    void confirm(bool is_as_expected) const {
        if (is_other_ && !is_as_expected) {
            refuse_renamed();
        }
    }

private:
    static Oid extension_owner() {
        OwnerScope owner;
        return GetUserId();
    }
    [[noreturn]] static void refuse_renamed() {
        throw ImportError(ERRCODE_OBJECT_IN_USE, "the customers table or its schema has been renamed meanwhile");
    }

    bool is_other_;
    RoleScope role_;
};

const char* role_sql(Oid role) {
    return call([&] { return quoted_role(role); });
}

// Runs GRANT or REVOKE. The server locks no object for them: when another session changes or drops the same one, it fails
// with an error that it calls internal. Errors: 40001 then.
void execute_grant(const std::string& statement) {
    try {
        execute(statement);
    } catch (const PgError& error) {
        if (error.sqlstate() == ERRCODE_INTERNAL_ERROR) {
            throw ImportError(ERRCODE_T_R_SERIALIZATION_FAILURE,
                              "another session has changed privileges on the same object at the same time", {},
                              "Call the function once more.");
        }
        throw;
    }
}

// One privilege on one object, for one role.
struct Privilege {
    std::string object;
    std::string name;
};

// A privilege on single columns that the role has by itself.
struct ColumnPrivilege {
    std::string column;  // quoted
    bool is_grantable;
};

std::vector<ColumnPrivilege> find_column_privileges(const std::string& privilege, Oid role, Oid relation) {
    std::vector<ColumnPrivilege> found;
    for (const Row& row : query(
             "SELECT quote_ident(c.attname), a.is_grantable FROM pg_attribute AS c, aclexplode(c.attacl) AS a"
             " WHERE c.attrelid = $1 AND NOT c.attisdropped AND a.grantee = $2 AND a.privilege_type = $3"
             " ORDER BY c.attnum",
             {parameter_oid(relation), parameter_oid(role), parameter(std::string_view(privilege))})) {
        found.push_back({*row[0], row[1] == "t"});
    }
    return found;
}

// Runs GRANT or REVOKE on the customers table for its owner; he himself has his privileges without us, and keeps them.
void run_table_grant(const std::string& privilege, Oid role, bool grant, const RegisteredTable& table) {
    const std::string name = role_sql(role);
    const RelationFacts facts = read_facts(table.relation);
    if (role == facts.owner) {
        return;
    }
    const ObjectOwnerScope owner(facts.owner, facts.schema);
    if (grant) {
        execute_grant("GRANT " + privilege + " ON TABLE " + table.name + " TO " + name);
        owner.confirm(table.relation, role, privilege, true);
        return;
    }
    // REVOKE takes the privilege on single columns, too: whoever granted those gets them back.
    const std::vector<ColumnPrivilege> columns = find_column_privileges(privilege, role, table.relation);
    execute_grant("REVOKE " + privilege + " ON TABLE " + table.name + " FROM " + name);
    owner.confirm(table.relation, role, privilege, false);
    for (const ColumnPrivilege& column : columns) {
        execute_grant("GRANT " + privilege + " (" + column.column + ") ON TABLE " + table.name + " TO " + name +
                (column.is_grantable ? " WITH GRANT OPTION" : ""));
    }
    owner.confirm(find_column_privileges(privilege, role, table.relation).size() == columns.size());
}

struct ColumnSequence {
    Oid oid;
    std::string name;  // quoted for SQL
    std::string column;
    bool belongs_to_owner;  // the table's
    Oid schema;
};

// The sequences that the defaults of the table's columns use.
std::vector<ColumnSequence> find_column_sequences(const RegisteredTable& table) {
    OwnerScope owner;
    std::vector<ColumnSequence> found;
    for (const Row& row : query(
             "SELECT DISTINCT s.oid, format('%I.%I', n.nspname, s.relname), a.attname, s.relowner = t.relowner,"
             "       s.relnamespace"
             "  FROM pg_class AS t"
             "  JOIN pg_attrdef AS d ON d.adrelid = t.oid"
             "  JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = d.adnum"
             "  JOIN pg_depend AS p ON p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid"
             "                     AND p.refclassid = 'pg_class'::regclass"
             "  JOIN pg_class AS s ON s.oid = p.refobjid AND s.relkind = 'S'"
             "  JOIN pg_namespace AS n ON n.oid = s.relnamespace"
             " WHERE t.oid = $1 ORDER BY a.attname",
             {parameter_oid(table.relation)})) {
        found.push_back({static_cast<Oid>(std::stoul(*row[0])), *row[1], *row[2], row[3] == "t",
                         static_cast<Oid>(std::stoul(*row[4]))});
    }
    return found;
}

bool is_column_sequence(const Privilege& privilege) { return privilege.object.starts_with(kColumnSequence); }

// A column that has got another name or default meanwhile is passed over.
void run_sequence_grant(const Privilege& privilege, Oid role, bool grant, const RegisteredTable& table) {
    const Oid table_owner = read_facts(table.relation).owner;
    for (const ColumnSequence& sequence : find_column_sequences(table)) {
        if (privilege.object == std::string(kColumnSequence) + sequence.column && sequence.belongs_to_owner &&
            role != table_owner) {
            const std::string name = role_sql(role);
            const ObjectOwnerScope owner(table_owner, sequence.schema);
            execute_grant((grant ? "GRANT " : "REVOKE ") + privilege.name + " ON SEQUENCE " + sequence.name +
                    (grant ? " TO " : " FROM ") + name);
            owner.confirm(sequence.oid, role, privilege.name, grant);
        }
    }
}

// With its OID a key of a schema, by which the record of a grant finds it again whatever its name. After a restore, which makes
// the extension anew, and after pg_upgrade the key is another one, as OIDs are: then the recorded name counts.
std::string schema_key() {
    struct Ids {
        std::uint64_t system;
        Oid extension;
    };
    const Ids ids = call([] { return Ids{GetSystemIdentifier(), get_extension_oid("customer_import", false)}; });
    return std::to_string(ids.system) + "/" + std::to_string(ids.extension) + "/";
}

// Records that the schema was opened for the role, or what the schema is called by now.
void record_schema(std::string_view role, Oid schema) {
    OwnerScope owner;
    execute("INSERT INTO customer_import.granted_privileges AS g (role, object, privilege, schema_name, schema_key)"
            " SELECT $1, $2, 'USAGE', nspname, $3 || oid::text FROM pg_namespace WHERE oid = $4"
            " ON CONFLICT (role, object, privilege) DO UPDATE"
            " SET schema_name = EXCLUDED.schema_name, schema_key = EXCLUDED.schema_key"
            " WHERE (g.schema_name, g.schema_key) IS DISTINCT FROM (EXCLUDED.schema_name, EXCLUDED.schema_key)",
            {parameter(role), parameter(kCustomersSchema), parameter(std::string_view(schema_key())),
             parameter_oid(schema)});
}

// The schema that was opened for the role, as recorded; InvalidOid if that has been dropped.
std::optional<Oid> find_opened_schema(std::string_view role) {
    OwnerScope owner;
    const std::vector<Row> rows =
        query("SELECT n.oid FROM customer_import.granted_privileges AS g"
              "  LEFT JOIN pg_namespace AS n"
              "         ON CASE WHEN starts_with(g.schema_key, $3) THEN g.schema_key = $3 || n.oid::text"
              "                 ELSE n.nspname = g.schema_name END"
              " WHERE g.role = $1 AND g.object = $2",
              {parameter(role), parameter(kCustomersSchema), parameter(std::string_view(schema_key()))});
    if (rows.empty()) {
        return std::nullopt;
    }
    return rows.front()[0] ? static_cast<Oid>(std::stoul(*rows.front()[0])) : InvalidOid;
}

// Who has given the role its privilege on the schema: the owner of the table, or he who was that then; where that is not
// known, rather not the schema's owner, as whom superusers grant. Nobody, if the schema is the role's own by now.
Oid find_schema_grantor(Oid schema, Oid role, Oid table_owner) {
    const std::vector<Row> rows =
        query("SELECT a.grantor FROM pg_namespace AS n, aclexplode(n.nspacl) AS a"
              " WHERE n.oid = $1 AND a.grantee = $2 AND n.nspowner <> $2 AND a.privilege_type = 'USAGE'"
              " ORDER BY a.grantor = $3 DESC, a.grantor = n.nspowner LIMIT 1",
              {parameter_oid(schema), parameter_oid(role), parameter_oid(table_owner)});
    return rows.empty() ? InvalidOid : static_cast<Oid>(std::stoul(*rows.front()[0]));
}

// Opens the schema of the customers table for the role.
void grant_schema(Oid role, const RelationFacts& facts) {
    const char* name = role_sql(role);
    RoleScope owner(facts.owner);
    execute_grant("GRANT USAGE ON SCHEMA " + std::string(facts.schema_name) + " TO " + name);
}

// Closes the schema that was opened for the role, wherever the customers table is by now.
void revoke_schema(std::string_view role_name, Oid role, const std::optional<RegisteredTable>& table) {
    const Oid schema = find_opened_schema(role_name).value_or(InvalidOid);
    if (!OidIsValid(schema)) {
        return;
    }
    const Oid grantor = find_schema_grantor(schema, role, table ? read_facts(table->relation).owner : InvalidOid);
    if (!OidIsValid(grantor)) {
        return;
    }
    const char* name = role_sql(role);
    const char* schema_name = call([&] { return quoted_schema(schema); });
    RoleScope owner(grantor);
    execute_grant("REVOKE USAGE ON SCHEMA " + std::string(schema_name) + " FROM " + name);
}

// Runs GRANT or REVOKE as the one whose privilege it is to give.
void run_grant(const Privilege& privilege, Oid role, bool grant, const std::optional<RegisteredTable>& table) {
    if (privilege.object == kCustomersTable) {
        run_table_grant(privilege.name, role, grant, *table);
        return;
    }
    if (is_column_sequence(privilege)) {
        run_sequence_grant(privilege, role, grant, *table);
        return;
    }
    const std::string verb = grant ? "GRANT " : "REVOKE ";
    const std::string role_clause = (grant ? " TO " : " FROM ") + std::string(role_sql(role));
    OwnerScope owner;
    execute_grant(verb + privilege.name + (privilege.name == "EXECUTE" ? " ON ROUTINE " : " ON TABLE ") + privilege.object +
            role_clause);
}

void record_grant(const Privilege& privilege, std::string_view role) {
    OwnerScope owner;
    execute("INSERT INTO customer_import.granted_privileges (role, object, privilege) VALUES ($1, $2, $3)"
            " ON CONFLICT DO NOTHING",
            {parameter(role), parameter(std::string_view(privilege.object)),
             parameter(std::string_view(privilege.name))});
}

void forget_grant(const Privilege& privilege, std::string_view role) {
    OwnerScope owner;
    execute("DELETE FROM customer_import.granted_privileges WHERE role = $1 AND object = $2 AND privilege = $3",
            {parameter(role), parameter(std::string_view(privilege.object)),
             parameter(std::string_view(privilege.name))});
}

// What the role needs: names of rights, "operator", "gateway" and "mailer".
std::vector<std::string> find_needs(std::string_view role) {
    OwnerScope owner;
    std::vector<std::string> needs;
    for (const Row& row : query("SELECT array_to_string(roles, ',') FROM customer_import.operators"
                                " WHERE name = $1 AND database_role AND active",
                                {parameter(role)})) {
        needs.emplace_back("operator");
        const Rights rights = Rights::of(split_role_cell(*row[0]));
        for (const Right right : kRights) {
            if (rights.has(right)) {
                needs.emplace_back(right_name(right));
            }
        }
    }
    if (!query("SELECT FROM customer_import.gateways WHERE name = $1", {parameter(role)}).empty()) {
        needs.emplace_back("gateway");
    }
    if (!query("SELECT FROM customer_import.mailers WHERE name = $1", {parameter(role)}).empty()) {
        needs.emplace_back("mailer");
    }
    return needs;
}

// The privileges that the role needs and has not been given directly.
std::vector<Privilege> find_missing(std::string_view role, Oid oid, const std::optional<RegisteredTable>& table) {
    const std::vector<std::string> needs = find_needs(role);
    const Parameter relation = parameter_oid(table ? table->relation : InvalidOid);
    OwnerScope owner;
    std::vector<Privilege> missing;
    for (const Row& row : query(
             "SELECT p.object, p.privilege FROM customer_import.operator_privileges AS p"
             " WHERE p.needs && $1 AND (p.object <> $2 OR EXISTS (SELECT FROM pg_class WHERE oid = $3 AND relowner <> $4))"
             "   AND (p.object <> $5 OR to_regclass(p.object) IS NOT NULL)"
             "   AND NOT EXISTS ("
             "       SELECT FROM aclexplode(CASE"
             "                  WHEN p.privilege = 'EXECUTE'"
             "                      THEN (SELECT proacl FROM pg_proc WHERE oid = p.object::regprocedure)"
             "                  WHEN p.object = $2"
             "                      THEN (SELECT COALESCE(relacl, acldefault('r', relowner)) FROM pg_class WHERE oid = $3)"
             "                  ELSE (SELECT relacl FROM pg_class WHERE oid = p.object::regclass) END) AS a"
             "        WHERE a.grantee = $4 AND a.privilege_type = p.privilege)"
             " ORDER BY p.object, p.privilege",
             {text_array_parameter(needs), parameter(kCustomersTable), relation, parameter_oid(oid),
              parameter(kExportView)})) {
        missing.push_back({*row[0], *row[1]});
    }
    return missing;
}

// What was granted and is needed no more.
std::vector<Privilege> find_superfluous(std::string_view role) {
    const std::vector<std::string> needs = find_needs(role);
    OwnerScope owner;
    std::vector<Privilege> superfluous;
    for (const Row& row : query(
             "SELECT g.object, g.privilege FROM customer_import.granted_privileges AS g"
             " WHERE g.role = $1 AND NOT EXISTS ("
             "       SELECT FROM customer_import.operator_privileges AS p"
             "        WHERE p.needs && $2"
             "          AND p.privilege = CASE WHEN g.object = $3 THEN 'SELECT'"
             "                                 WHEN starts_with(g.object, $5) THEN 'INSERT' ELSE g.privilege END"
             "          AND p.object = CASE WHEN g.object = $3 OR starts_with(g.object, $5) THEN $4 ELSE g.object END)"
             " ORDER BY g.object, g.privilege",
             {parameter(role), text_array_parameter(needs), parameter(kCustomersSchema), parameter(kCustomersTable),
              parameter(kColumnSequence)})) {
        superfluous.push_back({*row[0], *row[1]});
    }
    return superfluous;
}

// Whoever may see the customers table must reach it through its schema.
void open_schema(std::string_view role, Oid oid, const RegisteredTable& table) {
    const RelationFacts facts = read_facts(table.relation);
    struct Access {
        bool may_use;
        bool may_grant;
    };
    const Access access = call([&] {
        return Access{pg_namespace_aclcheck(facts.schema, oid, ACL_USAGE) == ACLCHECK_OK,
                      pg_namespace_aclcheck(facts.schema, facts.owner, ACL_GRANT_OPTION_FOR(ACL_USAGE)) ==
                          ACLCHECK_OK};
    });
    if (access.may_use) {
        return;
    }
    if (!access.may_grant) {
        const char* name = role_sql(oid);
        call([&] {
            ereport(WARNING, (errmsg("role %s may not use schema %s of the customers table", name, facts.schema_name),
                              errhint("Its owner can say: GRANT USAGE ON SCHEMA %s TO %s;", facts.schema_name, name)));
        });
        return;
    }
    grant_schema(oid, facts);
    record_schema(role, facts.schema);
}

// Whether the role needs a privilege on the customers table; its owner does not.
bool needs_table(std::string_view role, Oid oid, const RegisteredTable& table) {
    const std::vector<std::string> needs = find_needs(role);
    OwnerScope owner;
    return !query("SELECT FROM customer_import.operator_privileges AS p, pg_class AS c"
                  " WHERE p.needs && $1 AND p.object = $2 AND c.oid = $3 AND c.relowner <> $4 LIMIT 1",
                  {text_array_parameter(needs), parameter(kCustomersTable), parameter_oid(table.relation),
                   parameter_oid(oid)}).empty();
}

// The table may have been moved since its schema was opened for the role, and that schema renamed.
void follow_schema(std::string_view role, Oid oid, const RegisteredTable& table) {
    const std::optional<Oid> opened = find_opened_schema(role);
    const Oid schema = read_facts(table.relation).schema;
    if (opened == schema) {
        record_schema(role, schema);
    } else if (opened) {
        revoke_schema(role, oid, table);
        forget_grant({std::string(kCustomersSchema), "USAGE"}, role);
    }
    if (needs_table(role, oid, table)) {
        open_schema(role, oid, table);
    }
}

// Whoever may create customers must get the numbers that their columns have as a default.
void open_sequences(std::string_view role, Oid oid, const RegisteredTable& table) {
    for (const ColumnSequence& sequence : find_column_sequences(table)) {
        if (call([&] { return pg_class_aclcheck(sequence.oid, oid, ACL_USAGE) == ACLCHECK_OK; })) {
            continue;
        }
        if (!sequence.belongs_to_owner) {
            const char* name = role_sql(oid);
            call([&] {
                ereport(WARNING, (errmsg("role %s may not use sequence %s of the customers table", name,
                                         sequence.name.c_str()),
                                  errhint("Its owner can say: GRANT USAGE ON SEQUENCE %s TO %s;", sequence.name.c_str(),
                                          name)));
            });
            continue;
        }
        const Privilege usage{std::string(kColumnSequence) + sequence.column, "USAGE"};
        run_grant(usage, oid, true, table);
        record_grant(usage, role);
    }
}

// Two sessions that grant on one object at the same time would fail.
void lock_privileges() {
    OwnerScope owner;
    execute("LOCK TABLE customer_import.granted_privileges IN SHARE ROW EXCLUSIVE MODE");
}

// Whether the object of a privilege that was granted is still there.
bool is_there(const Privilege& privilege, const std::optional<RegisteredTable>& table) {
    if (privilege.object == kExportView) {
        OwnerScope owner;
        return !query("SELECT WHERE to_regclass($1) IS NOT NULL", {parameter(kExportView)}).empty();
    }
    const bool of_table = privilege.object == kCustomersTable || is_column_sequence(privilege);
    return !of_table || table.has_value();
}

void refresh_role(std::string_view role, const std::optional<RegisteredTable>& table) {
    const Oid oid = role_oid(role);
    if (!OidIsValid(oid)) {
        OwnerScope owner;
        execute("DELETE FROM customer_import.granted_privileges WHERE role = $1", {parameter(role)});
        return;
    }
    for (const Privilege& privilege : find_superfluous(role)) {
        if (privilege.object == kCustomersSchema) {
            revoke_schema(role, oid, table);
        } else if (is_there(privilege, table)) {
            run_grant(privilege, oid, false, table);
        }
        forget_grant(privilege, role);
    }
    bool creates_customers = false;
    for (const Privilege& privilege : find_missing(role, oid, table)) {
        run_grant(privilege, oid, true, table);
        record_grant(privilege, role);
        creates_customers = creates_customers || (privilege.object == kCustomersTable && privilege.name == "INSERT");
    }
    if (table) {
        follow_schema(role, oid, *table);
    }
    if (creates_customers) {
        open_sequences(role, oid, *table);
    }
}

// Role, object and privilege of what was granted on the customers table and its sequences.
std::vector<Row> find_table_grants() {
    OwnerScope owner;
    return query("SELECT role, object, privilege FROM customer_import.granted_privileges"
                 " WHERE object = $1 OR starts_with(object, $2)",
                 {parameter(kCustomersTable), parameter(kColumnSequence)});
}

// Closes and forgets the schemas that were opened for the customers table, which may be gone.
void close_schemas(const std::optional<RegisteredTable>& table) {
    std::vector<Row> rows;
    {
        OwnerScope owner;
        rows = query("SELECT role FROM customer_import.granted_privileges WHERE object = $1",
                     {parameter(kCustomersSchema)});
    }
    for (const Row& row : rows) {
        if (const Oid oid = role_oid(*row[0]); OidIsValid(oid)) {
            revoke_schema(*row[0], oid, table);
        }
        forget_grant({std::string(kCustomersSchema), "USAGE"}, *row[0]);
    }
}

}  // namespace

bool role_exists(std::string_view name) { return OidIsValid(role_oid(name)); }

bool role_is_superuser(std::string_view name) {
    const Oid role = role_oid(name);
    return OidIsValid(role) && call([&] { return superuser_arg(role); });
}

// The table is locked before the privileges, as by those who detach it.
void refresh_privileges(std::string_view role) {
    const std::optional<RegisteredTable> table = lock_registered_table(AccessShareLock);
    lock_privileges();
    refresh_role(role, table);
}

void refresh_all_privileges() {
    const std::optional<RegisteredTable> table = lock_registered_table(AccessShareLock);
    lock_privileges();
    std::vector<Row> roles;
    {
        OwnerScope owner;
        roles = query("SELECT name FROM customer_import.operators WHERE database_role"
                      " UNION SELECT name FROM customer_import.gateways ORDER BY name");
    }
    for (const Row& row : roles) {
        refresh_role(*row[0], table);
    }
}

void revoke_table_privileges(const RegisteredTable& table) {
    lock_privileges();
    for (const Row& row : find_table_grants()) {
        if (const Oid oid = role_oid(*row[0]); OidIsValid(oid)) {
            run_grant({*row[1], *row[2]}, oid, false, table);
        }
    }
    // Then alone: the table's owner may need his own to name the table.
    close_schemas(table);
    forget_table_privileges();
}

// Those on the table and on the view go with them.
void forget_table_privileges() {
    lock_privileges();
    close_schemas(std::nullopt);
    OwnerScope owner;
    execute("DELETE FROM customer_import.granted_privileges WHERE object IN ($1, $2) OR starts_with(object, $3)",
            {parameter(kCustomersTable), parameter(kExportView), parameter(kColumnSequence)});
}

}  // namespace customer_import::pg
