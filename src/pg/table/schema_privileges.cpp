#include "pg/table/schema_privileges.h"

#include <string>
#include <vector>

#include "core/format.h"
#include "pg/access/bound_role.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

namespace {

// Records that the schema was opened for the role, or what the schema is called by now.
void record_schema(Oid role, Oid schema) {
    const std::string name = role_name(role);
    const std::string key = bound_key(role);
    const std::string schema_key = bound_key(schema);
    OwnerScope owner;
    if (execute("UPDATE customer_import.granted_privileges AS g SET schema_name = n.nspname, schema_key = $4"
                "  FROM pg_namespace AS n WHERE n.oid = $3 AND g.role_key = $1 AND g.object = $2",
                {parameter(std::string_view(key)), parameter(kCustomersSchema), parameter_oid(schema),
                 parameter(std::string_view(schema_key))}) > 0) {
        return;
    }
    execute(
        "INSERT INTO customer_import.granted_privileges (role, role_key, object, privilege, schema_name, schema_key)"
        " SELECT $1, $2, $3, 'USAGE', nspname, $4 FROM pg_namespace WHERE oid = $5",
        {parameter(std::string_view(name)), parameter(std::string_view(key)), parameter(kCustomersSchema),
         parameter(std::string_view(schema_key)), parameter_oid(schema)});
}

void forget_schema(Oid role) {
    const std::string key = bound_key(role);
    OwnerScope owner;
    execute("DELETE FROM customer_import.granted_privileges WHERE role_key = $1 AND object = $2",
            {parameter(std::string_view(key)), parameter(kCustomersSchema)});
}

// The schema that was opened for the role, as recorded; InvalidOid if that has been dropped.
std::optional<Oid> find_opened_schema(Oid role) {
    const std::string key = bound_key(role);
    const std::string origin = key_origin();
    OwnerScope owner;
    const std::vector<Row> rows = query_latest(
        "SELECT n.oid FROM customer_import.granted_privileges AS g"
        "  LEFT JOIN pg_namespace AS n"
        "         ON CASE WHEN starts_with(g.schema_key, $3) THEN g.schema_key = $3 || n.oid::text"
        "                 ELSE n.nspname = g.schema_name END"
        " WHERE g.role_key = $1 AND g.object = $2",
        {parameter(std::string_view(key)), parameter(kCustomersSchema), parameter(std::string_view(origin))});
    if (rows.empty()) {
        return std::nullopt;
    }
    return rows.front()[0] ? static_cast<Oid>(std::stoul(*rows.front()[0])) : InvalidOid;
}

// The grantor of the role's privilege on the schema: the owner of the table, or the owner at that time; where that is
// not known, preferably not the schema's owner, as which superusers grant. None if the role owns the schema by now.
Oid find_schema_grantor(Oid schema, Oid role, Oid table_owner) {
    const std::vector<Row> rows = query_latest(
        "SELECT a.grantor FROM pg_namespace AS n, aclexplode(n.nspacl) AS a"
        " WHERE n.oid = $1 AND a.grantee = $2 AND n.nspowner <> $2 AND a.privilege_type = 'USAGE'"
        " ORDER BY a.grantor = $3 DESC, a.grantor = n.nspowner LIMIT 1",
        {parameter_oid(schema), parameter_oid(role), parameter_oid(table_owner)});
    return rows.empty() ? InvalidOid : static_cast<Oid>(std::stoul(*rows.front()[0]));
}

void grant_schema(Oid role, const RelationFacts& facts) {
    const std::string name = role_sql(role);
    RoleScope owner(facts.owner);
    execute_ddl(format("GRANT USAGE ON SCHEMA {} TO {}", facts.schema_name, name));
}

// A role that may see the customers table must reach it through its schema.
void open_schema(Oid role, const RelationFacts& facts) {
    struct Access {
        bool may_use;
        bool may_grant;
    };
    const Access access = call([&] {
        return Access{object_aclcheck(NamespaceRelationId, facts.schema, role, ACL_USAGE) == ACLCHECK_OK,
                      object_aclcheck(NamespaceRelationId, facts.schema, facts.owner,
                                      ACL_GRANT_OPTION_FOR(ACL_USAGE)) == ACLCHECK_OK};
    });
    if (access.may_use) {
        return;
    }
    if (!access.may_grant) {
        const std::string name = role_sql(role);
        call([&] {
            ereport(WARNING,
                    (errmsg("role %s may not use schema %s of the customers table", name.c_str(), facts.schema_name),
                     errhint("Its owner can say: GRANT USAGE ON SCHEMA %s TO %s;", facts.schema_name, name.c_str())));
        });
        return;
    }
    grant_schema(role, facts);
    record_schema(role, facts.schema);
}

}  // namespace

RelationFacts table_facts(Oid relation) {
    return call([&] { return relation_facts(relation); });
}

// The table may have been moved since its schema was opened for the role, and that schema renamed.
void follow_schema(Oid role, const RegisteredTable& table, bool is_needed) {
    const RelationFacts facts = table_facts(table.relation);
    const std::optional<Oid> opened = find_opened_schema(role);
    if (opened == facts.schema) {
        record_schema(role, facts.schema);
    } else if (opened) {
        revoke_schema(role, table);
        forget_schema(role);
    }
    if (is_needed) {
        open_schema(role, facts);
    }
}

void revoke_schema(Oid role, const std::optional<RegisteredTable>& table) {
    const Oid schema = find_opened_schema(role).value_or(InvalidOid);
    if (!OidIsValid(schema)) {
        return;
    }
    const Oid grantor = find_schema_grantor(schema, role, table ? table_facts(table->relation).owner : InvalidOid);
    if (!OidIsValid(grantor)) {
        return;
    }
    const std::string name = role_sql(role);
    const char* schema_name = call([&] { return quoted_schema(schema); });
    RoleScope owner(grantor);
    execute_ddl(format("REVOKE USAGE ON SCHEMA {} FROM {}", schema_name, name));
}

void close_schemas(const std::optional<RegisteredTable>& table) {
    std::vector<Row> rows;
    {
        OwnerScope owner;
        rows = query_latest(
            "SELECT customer_import._role_of(role, role_key) FROM customer_import.granted_privileges"
            " WHERE object = $1",
            {parameter(kCustomersSchema)});
    }
    for (const Row& row : rows) {
        if (row[0]) {
            revoke_schema(static_cast<Oid>(std::stoul(*row[0])), table);
        }
    }
    OwnerScope owner;
    execute("DELETE FROM customer_import.granted_privileges WHERE object = $1", {parameter(kCustomersSchema)});
}

}  // namespace customer_import::pg
