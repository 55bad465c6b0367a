#include "pg/table/privileges.h"

#include <string>
#include <vector>

#include "core/format.h"
#include "core/rights.h"
#include "core/role_set.h"
#include "pg/access/bound_role.h"
#include "pg/server/statement.h"
#include "pg/table/schema_privileges.h"
#include "pg/table/shadow.h"

namespace customer_import::pg {

namespace {

// The objects by which the customers table is recorded in operator_privileges and granted_privileges: its name may
// change.
constexpr std::string_view kCustomersTable = "customers table";
// With the name of the column whose default takes numbers from it: a role that creates customers needs it.
constexpr std::string_view kColumnSequence = "sequence of column ";

// Views that come and go with the customers table begin so.
constexpr std::string_view kExportViews = "customer_import.customer_export";

// Acts as the owner of a table or sequence, to GRANT and REVOKE on it by name. An owner that may not use the schema
// could not name it: then the extension's owner acts, if it is a superuser, whose statement the server treats as one of
// the object's owner. It could name any object, so that confirm() must check that it was this one.
class ObjectOwnerScope {
public:
    ObjectOwnerScope(Oid object_owner, Oid schema)
        : is_other_(call([&] {
                        return object_aclcheck(NamespaceRelationId, schema, object_owner, ACL_USAGE) != ACLCHECK_OK;
                    }) &&
                    call([&] { return superuser_arg(extension_owner()); })),
          role_(is_other_ ? extension_owner() : object_owner) {}

    // Raises an error if the privilege is not as it should be after GRANT or REVOKE: the name is another object's by
    // now.
    void confirm(Oid object, Oid role, const std::string& privilege, bool grant) const {
        if (is_other_ &&
            query_latest("SELECT FROM pg_class AS c, aclexplode(c.relacl) AS a"
                         " WHERE c.oid = $1 AND a.grantor = c.relowner AND a.grantee = $2 AND a.privilege_type = $3",
                         {parameter_oid(object), parameter_oid(role), parameter(std::string_view(privilege))})
                    .empty() == grant) {
            refuse_renamed();
        }
    }
    void confirm(bool is_as_expected) const {
        if (is_other_ && !is_as_expected) {
            refuse_renamed();
        }
    }

private:
    [[noreturn]] static void refuse_renamed() {
        throw ImportError(ERRCODE_OBJECT_IN_USE, "the customers table or its schema has been renamed meanwhile");
    }

    bool is_other_;
    RoleScope role_;
};

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
    for (const Row& row :
         query_latest("SELECT quote_ident(c.attname), a.is_grantable FROM pg_attribute AS c, aclexplode(c.attacl) AS a"
                      " WHERE c.attrelid = $1 AND NOT c.attisdropped AND a.grantee = $2 AND a.privilege_type = $3"
                      " ORDER BY c.attnum",
                      {parameter_oid(relation), parameter_oid(role), parameter(std::string_view(privilege))})) {
        found.push_back({*row[0], row[1] == "t"});
    }
    return found;
}

// Runs GRANT or REVOKE on the customers table for its owner; the owner itself has its privileges without us, and keeps
// them.
void run_table_grant(const std::string& privilege, Oid role, bool grant, const RegisteredTable& table) {
    const std::string name = role_sql(role);
    const RelationFacts facts = table_facts(table.relation);
    if (role == facts.owner) {
        return;
    }
    if (has_shadow()) {
        OwnerScope owner;
        execute_ddl(grant ? format("GRANT {} ON TABLE {} TO {}", privilege, kShadow, name)
                          : format("REVOKE {} ON TABLE {} FROM {}", privilege, kShadow, name));
    }
    if (table.is_distributed) {
        return;
    }
    const ObjectOwnerScope owner(facts.owner, facts.schema);
    if (grant) {
        execute_ddl(format("GRANT {} ON TABLE {} TO {}", privilege, table.name, name));
        owner.confirm(table.relation, role, privilege, true);
        return;
    }
    // REVOKE takes the privilege on single columns, too: those that were granted are granted again.
    const std::vector<ColumnPrivilege> columns = find_column_privileges(privilege, role, table.relation);
    execute_ddl(format("REVOKE {} ON TABLE {} FROM {}", privilege, table.name, name));
    owner.confirm(table.relation, role, privilege, false);
    for (const ColumnPrivilege& column : columns) {
        execute_ddl(format("GRANT {} ({}) ON TABLE {} TO {}{}", privilege, column.column, table.name, name,
                           column.is_grantable ? " WITH GRANT OPTION" : ""));
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
    for (const Row& row : query_latest(
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
    const Oid table_owner = table_facts(table.relation).owner;
    for (const ColumnSequence& sequence : find_column_sequences(table)) {
        if (privilege.object == std::string(kColumnSequence) + sequence.column && sequence.belongs_to_owner &&
            role != table_owner) {
            const std::string name = role_sql(role);
            const ObjectOwnerScope owner(table_owner, sequence.schema);
            execute_ddl(grant ? format("GRANT {} ON SEQUENCE {} TO {}", privilege.name, sequence.name, name)
                              : format("REVOKE {} ON SEQUENCE {} FROM {}", privilege.name, sequence.name, name));
            owner.confirm(sequence.oid, role, privilege.name, grant);
        }
    }
}

// Runs GRANT or REVOKE as the role that may grant the privilege.
void run_grant(const Privilege& privilege, Oid role, bool grant, const std::optional<RegisteredTable>& table) {
    if (privilege.object == kCustomersTable) {
        run_table_grant(privilege.name, role, grant, *table);
        return;
    }
    if (is_column_sequence(privilege)) {
        run_sequence_grant(privilege, role, grant, *table);
        return;
    }
    const std::string name = role_sql(role);
    const char* kind = privilege.name == "EXECUTE" ? "ROUTINE" : "TABLE";
    OwnerScope owner;
    execute_ddl(grant ? format("GRANT {} ON {} {} TO {}", privilege.name, kind, privilege.object, name)
                      : format("REVOKE {} ON {} {} FROM {}", privilege.name, kind, privilege.object, name));
}

void record_grant(const Privilege& privilege, Oid role) {
    const std::string name = role_name(role);
    const std::string key = bound_key(role);
    OwnerScope owner;
    execute(
        "INSERT INTO customer_import.granted_privileges (role, role_key, object, privilege)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        {parameter(std::string_view(name)), parameter(std::string_view(key)),
         parameter(std::string_view(privilege.object)), parameter(std::string_view(privilege.name))});
}

void forget_grant(const Privilege& privilege, Oid role) {
    const std::string key = bound_key(role);
    OwnerScope owner;
    execute("DELETE FROM customer_import.granted_privileges WHERE role_key = $1 AND object = $2 AND privilege = $3",
            {parameter(std::string_view(key)), parameter(std::string_view(privilege.object)),
             parameter(std::string_view(privilege.name))});
}

// What the role needs: names of rights, "operator", "gateway" and "mailer".
std::vector<std::string> find_needs(Oid role) {
    const std::string key = bound_key(role);
    OwnerScope owner;
    std::vector<std::string> needs;
    for (const Row& row : query_latest("SELECT array_to_string(roles, ',') FROM customer_import.operators"
                                       " WHERE role_key = $1 AND database_role AND active",
                                       {parameter(std::string_view(key))})) {
        needs.emplace_back("operator");
        const Rights rights = Rights::of(split_role_cell(*row[0]));
        for (const Right right : kRights) {
            if (rights.has(right)) {
                needs.emplace_back(right_name(right));
            }
        }
    }
    if (!query_latest("SELECT FROM customer_import.gateways WHERE role_key = $1", {parameter(std::string_view(key))})
             .empty()) {
        needs.emplace_back("gateway");
    }
    if (!query_latest("SELECT FROM customer_import.mailers WHERE role_key = $1", {parameter(std::string_view(key))})
             .empty()) {
        needs.emplace_back("mailer");
    }
    return needs;
}

// The privileges that the role needs and has not been given directly.
std::vector<Privilege> find_missing(Oid role, const std::optional<RegisteredTable>& table) {
    const std::vector<std::string> needs = find_needs(role);
    const Parameter relation = parameter_oid(!table                  ? InvalidOid
                                             : table->is_distributed ? shadow_table()
                                                                     : table->relation);
    OwnerScope owner;
    std::vector<Privilege> missing;
    for (
        const Row& row : query_latest(
            "SELECT p.object, p.privilege FROM customer_import.operator_privileges AS p"
            " WHERE p.needs && $1 AND (p.object <> $2 OR EXISTS (SELECT FROM pg_class WHERE oid = $3 AND relowner <> $4))"
            "   AND (NOT starts_with(p.object, $5) OR to_regclass(p.object) IS NOT NULL)"
            "   AND NOT EXISTS ("
            "       SELECT FROM aclexplode(CASE"
            "                  WHEN p.privilege = 'EXECUTE'"
            "                      THEN (SELECT proacl FROM pg_proc WHERE oid = p.object::regprocedure)"
            "                  WHEN p.object = $2"
            "                      THEN (SELECT COALESCE(relacl, acldefault('r', relowner)) FROM pg_class WHERE oid = $3)"
            "                  ELSE (SELECT relacl FROM pg_class WHERE oid = p.object::regclass) END) AS a"
            "        WHERE a.grantee = $4 AND a.privilege_type = p.privilege)"
            " ORDER BY p.object, p.privilege",
            {text_array_parameter(needs), parameter(kCustomersTable), relation, parameter_oid(role),
             parameter(kExportViews)})) {
        missing.push_back({*row[0], *row[1]});
    }
    return missing;
}

// What was granted and is no longer needed.
std::vector<Privilege> find_superfluous(Oid role) {
    const std::string key = bound_key(role);
    const std::vector<std::string> needs = find_needs(role);
    OwnerScope owner;
    std::vector<Privilege> superfluous;
    for (const Row& row : query_latest(
             "SELECT g.object, g.privilege FROM customer_import.granted_privileges AS g"
             " WHERE g.role_key = $1 AND NOT EXISTS ("
             "       SELECT FROM customer_import.operator_privileges AS p"
             "        WHERE p.needs && $2"
             "          AND p.privilege = CASE WHEN g.object = $3 THEN 'SELECT'"
             "                                 WHEN starts_with(g.object, $5) THEN 'INSERT' ELSE g.privilege END"
             "          AND p.object = CASE WHEN g.object = $3 OR starts_with(g.object, $5) THEN $4 ELSE g.object END)"
             " ORDER BY g.object, g.privilege",
             {parameter(std::string_view(key)), text_array_parameter(needs), parameter(kCustomersSchema),
              parameter(kCustomersTable), parameter(kColumnSequence)})) {
        superfluous.push_back({*row[0], *row[1]});
    }
    return superfluous;
}

// Whether the role needs a privilege on the customers table; its owner does not.
bool needs_table(Oid role, const RegisteredTable& table) {
    if (table.is_distributed) {
        return false;
    }
    const std::vector<std::string> needs = find_needs(role);
    OwnerScope owner;
    return !query_latest(
                "SELECT FROM customer_import.operator_privileges AS p, pg_class AS c"
                " WHERE p.needs && $1 AND p.object = $2 AND c.oid = $3 AND c.relowner <> $4 LIMIT 1",
                {text_array_parameter(needs), parameter(kCustomersTable), parameter_oid(table.relation),
                 parameter_oid(role)})
                .empty();
}

// A role that may create customers must get the numbers that their columns have as a default.
void open_sequences(Oid role, const RegisteredTable& table) {
    for (const ColumnSequence& sequence : find_column_sequences(table)) {
        if (call([&] { return object_aclcheck(RelationRelationId, sequence.oid, role, ACL_USAGE) == ACLCHECK_OK; })) {
            continue;
        }
        if (!sequence.belongs_to_owner) {
            const std::string name = role_sql(role);
            call([&] {
                ereport(WARNING, (errmsg("role %s may not use sequence %s of the customers table", name.c_str(),
                                         sequence.name.c_str()),
                                  errhint("Its owner can say: GRANT USAGE ON SEQUENCE %s TO %s;", sequence.name.c_str(),
                                          name.c_str())));
            });
            continue;
        }
        const Privilege usage{std::string(kColumnSequence) + sequence.column, "USAGE"};
        run_grant(usage, role, true, table);
        record_grant(usage, role);
    }
}

// Whether the object of a privilege that was granted is still there.
bool is_there(const Privilege& privilege, const std::optional<RegisteredTable>& table) {
    if (std::string_view(privilege.object).starts_with(kExportViews)) {
        OwnerScope owner;
        return !query_latest("SELECT WHERE to_regclass($1) IS NOT NULL",
                             {parameter(std::string_view(privilege.object))})
                    .empty();
    }
    const bool of_table = privilege.object == kCustomersTable || is_column_sequence(privilege);
    return !of_table || table.has_value();
}

void refresh_role(Oid role, const std::optional<RegisteredTable>& table) {
    for (const Privilege& privilege : find_superfluous(role)) {
        if (privilege.object == kCustomersSchema) {
            revoke_schema(role, table);
        } else if (is_there(privilege, table)) {
            run_grant(privilege, role, false, table);
        }
        forget_grant(privilege, role);
    }
    bool creates_customers = false;
    for (const Privilege& privilege : find_missing(role, table)) {
        run_grant(privilege, role, true, table);
        record_grant(privilege, role);
        creates_customers = creates_customers || (privilege.object == kCustomersTable && privilege.name == "INSERT");
    }
    if (table) {
        follow_schema(role, *table, needs_table(role, *table));
    }
    if (creates_customers) {
        open_sequences(role, *table);
    }
}

// Role, object and privilege of what was granted on the customers table and its sequences.
std::vector<Row> find_table_grants() {
    OwnerScope owner;
    return query_latest(
        "SELECT customer_import._role_of(role, role_key), object, privilege FROM customer_import.granted_privileges"
        " WHERE object = $1 OR starts_with(object, $2)",
        {parameter(kCustomersTable), parameter(kColumnSequence)});
}

}  // namespace

bool role_is_superuser(std::string_view name) {
    const Oid role = find_role(name);
    return OidIsValid(role) && call([&] { return superuser_arg(role); });
}

// The table is locked before the privileges, as when it is detached.
void lock_privileges() {
    (void)lock_registered_table(AccessShareLock);
    {
        OwnerScope owner;
        execute("LOCK TABLE customer_import.granted_privileges IN SHARE ROW EXCLUSIVE MODE");
    }
    (void)lock_registered_table(AccessShareLock);  // one that was created or attached while this waited
    update_bound_rows();
}

void register_role(const std::string& table, std::string_view name, Oid role) {
    const std::string key = bound_key(role);
    std::vector<Row> gone;
    {
        OwnerScope owner;
        gone = query(format("DELETE FROM customer_import.{}"
                            " WHERE name = $1 AND customer_import._role_of(name, role_key) IS NULL RETURNING role_key",
                            table),
                     {parameter(name)});
        execute(format("INSERT INTO customer_import.{} (name, role_key) VALUES ($1, $2) ON CONFLICT DO NOTHING", table),
                {parameter(name), parameter(std::string_view(key))});
    }
    for (const Row& row : gone) {
        forget_privileges(*row[0]);
    }
}

bool unregister_role(const std::string& table, std::string_view name) {
    const Oid role = find_role(name);
    std::vector<Row> gone;
    {
        OwnerScope owner;
        gone = query(format("DELETE FROM customer_import.{} WHERE customer_import._role_of(name, role_key) = $2"
                            "    OR name = $1 AND customer_import._role_of(name, role_key) IS NULL RETURNING role_key",
                            table),
                     {parameter(name), parameter_oid(role)});
    }
    for (const Row& row : gone) {
        if (OidIsValid(role) && *row[0] == bound_key(role)) {
            refresh_privileges(role);
        } else {
            forget_privileges(*row[0]);
        }
    }
    return !gone.empty();
}

void refresh_privileges(Oid role) { refresh_role(role, find_registered_table()); }

void forget_privileges(std::string_view role_key) {
    OwnerScope owner;
    execute("DELETE FROM customer_import.granted_privileges WHERE role_key = $1", {parameter(role_key)});
}

void refresh_all_privileges() {
    lock_privileges();
    std::vector<Row> roles;
    {
        OwnerScope owner;
        roles = query_latest(
            "SELECT r.oid FROM pg_authid AS r"
            " WHERE r.oid IN (SELECT customer_import._role_of(name, role_key) FROM customer_import.operators"
            "                  WHERE database_role"
            "                  UNION SELECT customer_import._role_of(name, role_key) FROM customer_import.gateways)"
            " ORDER BY r.rolname");
    }
    const std::optional<RegisteredTable> table = find_registered_table();
    for (const Row& row : roles) {
        refresh_role(static_cast<Oid>(std::stoul(*row[0])), table);
    }
}

void revoke_table_privileges(const RegisteredTable& table) {
    lock_privileges();
    for (const Row& row : find_table_grants()) {
        if (row[0]) {
            run_grant({*row[1], *row[2]}, static_cast<Oid>(std::stoul(*row[0])), false, table);
        }
    }
    // Only now: the table's owner may need its own privilege on the schema to name the table.
    close_schemas(table);
    forget_table_privileges();
}

// Those on the table and on the view go with them.
void forget_table_privileges() {
    lock_privileges();
    close_schemas(std::nullopt);
    OwnerScope owner;
    execute(
        "DELETE FROM customer_import.granted_privileges WHERE object = $1 OR starts_with(object, $2) OR starts_with(object, $3)",
        {parameter(kCustomersTable), parameter(kExportViews), parameter(kColumnSequence)});
}

}  // namespace customer_import::pg
