#include "pg/identity.h"

#include <memory>

#include "core/role_set.h"
#include "core/text.h"
#include "core/user_name.h"
#include "pg/cache_watch.h"
#include "pg/statement.h"
#include "pg/text_array.h"

namespace customer_import::pg {

namespace {

// What act_as() has set: state of the current transaction, never of the session.
struct Acting {
    Oid role;                   // the gateway
    SubTransactionId level;     // whose roll-back undoes it
    std::string name;
};

// Process memory; pointers, because global objects with destructors are not for a server process.
Acting* acting = nullptr;
Identity* cached = nullptr;
Oid cached_role = InvalidOid;
bool cached_is_acting = false;

// What the identity was read from. Roles count too: they are renamed, and become superusers.
CacheWatch watched("operators", "gateways", AUTHOID);

void stop_acting() {
    delete acting;
    acting = nullptr;
    watched.forget();
}

void end_transaction(XactEvent event, void*) {
    if (acting != nullptr && (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)) {
        stop_acting();
    }
}

void end_subtransaction(SubXactEvent event, SubTransactionId level, SubTransactionId parent, void*) {
    if (acting == nullptr || acting->level != level) {
        return;
    }
    if (event == SUBXACT_EVENT_ABORT_SUB) {
        stop_acting();
    } else if (event == SUBXACT_EVENT_COMMIT_SUB) {
        acting->level = parent;
    }
}

struct RoleFacts {
    const char* name;
    bool is_superuser;
    bool bypasses_policies;
};

RoleFacts current_role_facts() {
    return call([] {
        const Oid role = GetUserId();
        return RoleFacts{GetUserNameFromId(role, false), superuser_arg(role), has_bypassrls_privilege(role)};
    });
}

// What is known of an operator and, beside him, of a database role that would act as him.
struct Candidate {
    bool exists = false;
    bool has_database_role = false;
    bool is_active = false;
    Rights rights;
    std::vector<std::string> own_names;
    bool role_is_gateway = false;
    bool role_may_act_as_admin = false;
};

std::vector<std::string> fold_names(std::initializer_list<std::optional<std::string>> names) {
    std::vector<std::string> folded;
    for (const std::optional<std::string>& name : names) {
        if (name) {
            fold_user_name(*name, folded.emplace_back());
        }
    }
    return folded;
}

Candidate find_operator(std::string_view name, std::string_view role) {
    OwnerScope owner;
    const Row row = query_latest(
        "SELECT o.name, o.email, o.user_name, o.database_role, o.active,"
        "       array_to_string(o.roles, ','), g.name, g.may_act_as_admin"
        "  FROM (SELECT) AS one"
        "  LEFT JOIN customer_import.operators AS o ON o.name = $1"
        "  LEFT JOIN customer_import.gateways AS g ON g.name = $2",
        {parameter(name), parameter(role)}).front();
    Candidate found;
    found.role_is_gateway = row[6].has_value();
    found.role_may_act_as_admin = row[7] == "t";
    if (row[0]) {
        found.exists = true;
        found.own_names = row[2] ? fold_names({row[2]}) : fold_names({row[0], row[1]});
        found.has_database_role = row[3] == "t";
        found.is_active = row[4] == "t";
        found.rights = Rights::of(split_role_cell(*row[5]));
    }
    return found;
}

// Says why a role may not act as an operator; empty: it may.
std::string find_obstacle(const RoleFacts& role, std::string_view name, const Candidate& candidate) {
    if (role.is_superuser || role.bypasses_policies) {
        return "Role " + quoted(role.name) + " is not subject to row-level security.";
    }
    if (!candidate.role_is_gateway) {
        return "Role " + quoted(role.name) + " is not a gateway.";
    }
    if (!candidate.exists) {
        return "Operator " + quoted(name) + " does not exist.";
    }
    if (!candidate.is_active) {
        return "Operator " + quoted(name) + " is not active.";
    }
    if (candidate.rights.has(Right::administer) && !candidate.role_may_act_as_admin) {
        return "Operator " + quoted(name) + " is an administrator, and gateway " + quoted(role.name) +
               " may not act as one.";
    }
    return {};
}

// Says why a role is not an operator itself; empty: it is one.
std::string find_own_obstacle(const RoleFacts& role, const Candidate& candidate) {
    if (candidate.exists && candidate.has_database_role) {
        return candidate.is_active ? "" : "Operator " + quoted(role.name) + " is not active.";
    }
    return candidate.role_is_gateway
               ? "Role " + quoted(role.name) + " has not called customer_import.act_as() in this transaction."
               : "Role " + quoted(role.name) + " is not an operator.";
}

Identity read_identity() {
    const RoleFacts role = current_role_facts();
    Identity identity;
    identity.is_acted = is_acting();
    identity.name = identity.is_acted ? acting->name : role.name;
    SpiConnection spi;
    Candidate candidate = find_operator(identity.name, role.name);
    identity.is_operator = candidate.exists && (identity.is_acted || candidate.has_database_role);
    if (!identity.is_acted && role.is_superuser) {
        identity.is_known = true;
        identity.rights = Rights::all();
        return identity;
    }
    identity.role_is_gateway = candidate.role_is_gateway;
    identity.shortcoming =
        identity.is_acted ? find_obstacle(role, identity.name, candidate) : find_own_obstacle(role, candidate);
    if (identity.shortcoming.empty()) {
        identity.is_known = true;
        identity.rights = candidate.rights;
        identity.own_names = std::move(candidate.own_names);
    }
    return identity;
}

}  // namespace

bool inherits_from_operator() {
    static CacheWatch members("operators", "gateways", AUTHMEMMEMROLE);
    static Oid known_role = InvalidOid;
    static bool inherits = false;
    const Oid role = GetUserId();
    if (known_role != role || !members.is_current()) {
        members.read([&] {
            SpiConnection spi;
            OwnerScope owner;
            inherits = !query_latest("SELECT FROM pg_roles AS r WHERE r.oid <> $1 AND pg_has_role($1, r.oid, 'USAGE')"
                                     "   AND (r.rolname IN (SELECT name FROM customer_import.operators WHERE database_role)"
                                     "        OR r.rolname IN (SELECT name FROM customer_import.gateways)) LIMIT 1",
                                     {parameter_oid(role)}).empty();
            known_role = role;
        });
    }
    return inherits;
}

bool is_acting() { return acting != nullptr && acting->role == GetUserId(); }

void assume_operator(std::string_view name) {
    stop_acting();
    acting = new Acting{GetUserId(), GetCurrentSubTransactionId(), std::string(name)};
}

void watch_transactions() {
    RegisterXactCallback(end_transaction, nullptr);
    RegisterSubXactCallback(end_subtransaction, nullptr);
}

const Identity& current_identity() {
    const Oid role = GetUserId();
    const bool acts = is_acting();
    if (cached == nullptr || cached_role != role || cached_is_acting != acts || !watched.is_current()) {
        watched.read([&] {
            auto fresh = std::make_unique<Identity>(read_identity());
            delete cached;
            cached = fresh.release();
            cached_role = role;
            cached_is_acting = acts;
        });
    }
    return *cached;
}

const Identity& fresh_identity() {
    call([] { AcceptInvalidationMessages(); });
    return current_identity();
}

std::string lost_right_reason(const Identity& identity) {
    return "operator " + quoted(identity.name) + " may not import any more";
}

std::string current_role_name() { return current_role_facts().name; }

void act_as(std::string_view name) {
    call([] { RequireTransactionBlock(true, "customer_import.act_as()"); });
    const RoleFacts role = current_role_facts();
    SpiConnection spi;
    const Candidate candidate = find_operator(name, role.name);
    const std::string obstacle = find_obstacle(role, name, candidate);
    if (!obstacle.empty()) {
        if (candidate.role_is_gateway && !candidate.exists) {
            throw ImportError(ERRCODE_UNDEFINED_OBJECT, "operator " + quoted(name) + " does not exist");
        }
        throw ImportError(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied to act as operator " + quoted(name),
                          obstacle);
    }
    if (acting == nullptr) {
        assume_operator(name);
    } else if (acting->role != GetUserId() || acting->name != name) {
        throw ImportError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          "this transaction acts as operator " + quoted(acting->name) + " already", {},
                          "End the transaction first.");
    }
}

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// act_as(operator text) returns void. Errors: 25P01 outside of a transaction block, 42501, 42704, 55000.
CI_FUNCTION(ci_act_as) {
    return pg::entry([&] {
        pg::act_as(pg::varlena_view(pg::call([&] { return PG_GETARG_TEXT_PP(0); })));
        return Datum{0};
    });
}

// current_operator() returns text: who acts; NULL for a role that is no operator.
CI_FUNCTION(ci_current_operator) {
    return pg::entry([&] {
        const pg::Identity& identity = pg::current_identity();
        if (!identity.is_known) {
            fcinfo->isnull = true;
            return Datum{0};
        }
        return pg::text_datum(identity.name);
    });
}

namespace {

Datum has_right(customer_import::Right right) {
    return pg::entry([&] { return BoolGetDatum(pg::current_identity().rights.has(right)); });
}

}  // namespace

// What the operator who acts may do: boolean functions without arguments, for policies.
CI_FUNCTION(ci_is_admin) { return has_right(customer_import::Right::administer); }
CI_FUNCTION(ci_may_view_customers) { return has_right(customer_import::Right::view_customers); }
CI_FUNCTION(ci_may_edit_customers) { return has_right(customer_import::Right::edit_customers); }
CI_FUNCTION(ci_may_import_customers) { return has_right(customer_import::Right::import_customers); }
CI_FUNCTION(ci_may_view_imports) { return has_right(customer_import::Right::view_imports); }
