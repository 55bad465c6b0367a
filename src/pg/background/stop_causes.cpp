#include "pg/background/stop_causes.h"

#include "core/format.h"
#include "core/text.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

namespace {

// How a call and an import that lack a right end.
std::string no_right() { return unpack_sql_state(ERRCODE_INSUFFICIENT_PRIVILEGE); }

std::string wrong_state() { return unpack_sql_state(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE); }

bool role_exists(Oid role) {
    OwnerScope owner;
    return !query_latest("SELECT FROM pg_roles WHERE oid = $1", {parameter_oid(role)}).empty();
}

// Asks the catalog and no cache: a transaction that drops the table is seen to have ended before caches hear of it.
void require_table(const BackgroundImport& import) {
    Oid registered = InvalidOid;
    bool exists = false;
    {
        OwnerScope owner;
        const std::vector<Row> rows = query_latest("SELECT relation::oid FROM customer_import.customers_table");
        registered = rows.empty() ? InvalidOid : static_cast<Oid>(std::stoul(*rows.front()[0]));
        exists = !query_latest("SELECT FROM pg_class WHERE oid = $1", {parameter_oid(import.customers_table)}).empty();
    }
    if (!exists) {
        throw Stopped({"failed", "the customers table was dropped", unpack_sql_state(ERRCODE_UNDEFINED_TABLE)});
    }
    if (!OidIsValid(registered)) {
        throw Stopped({"failed", "the customers table was detached", wrong_state()});
    }
    if (registered != import.customers_table) {
        throw Stopped({"failed", "the customers table is another one than when it was submitted", wrong_state()});
    }
}

}  // namespace

void assume_submitter(const BackgroundImport& import) {
    if (import.acts) {
        assume_operator(import.operator_name);
    }
    execute(
        "SELECT pg_catalog.set_config(s.key, s.value, true) FROM pg_catalog.jsonb_each_text($1::pg_catalog.jsonb)"
        " AS s",
        {parameter(std::string_view(import.settings))});
}

Identity require_still_permitted() {
    const Identity& identity = fresh_identity();
    if (!identity.rights.has(Right::import_customers)) {
        throw Stopped({"denied", lost_right_reason(identity), no_right()});
    }
    return identity;
}

void require_preconditions(const BackgroundImport& import) {
    if (!role_exists(import.role)) {
        throw Stopped(fault_of_role(format("database role {} does not exist any more", quoted(import.role_name))));
    }
    assume_submitter(import);
    (void)require_still_permitted();
    require_table(import);
}

}  // namespace customer_import::pg
