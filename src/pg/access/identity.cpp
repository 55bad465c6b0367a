#include "pg/access/identity.h"

#include <memory>

#include "core/format.h"
#include "core/role_set.h"
#include "core/text.h"
#include "core/user_name.h"
#include "pg/access/bound_role.h"
#include "pg/server/arguments.h"
#include "pg/server/cache_watch.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"

namespace customer_import::pg {

namespace {

// What act_as() has set: state of the current transaction, never of the session.
struct Acting {
    Oid role;                // the gateway
    SubTransactionId level;  // whose roll-back undoes it
    std::string name;
};

// Process memory; pointers, because global objects with destructors are not for a server process.
Acting* acting = nullptr;
Identity* cached = nullptr;
Oid cached_role = InvalidOid;
Oid cached_session_role = InvalidOid;
bool cached_is_acting = false;

// What the identity was read from. Roles count, too: they are renamed, dropped, become superusers and members of
// others.
CacheWatch watched_operators({"operators", "gateways"}, {AUTHOID, AUTHMEMMEMROLE});

void stop_acting() {
    delete acting;
    acting = nullptr;
    watched_operators.forget();
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
    Oid oid;
    const char* name;
    bool is_superuser;
    bool bypasses_policies;
    Oid other_session_role;  // that SET ROLE or a function has left; InvalidOid: none, or a superuser
    bool is_member;          // of any role
};

RoleFacts current_role_facts() {
    return call([] {
        const Oid role = GetUserId();
        const Oid session_role = GetSessionUserId();
        RoleFacts facts{role,
                        GetUserNameFromId(role, false),
                        superuser_arg(role),
                        has_bypassrls_privilege(role),
                        session_role == role || superuser_arg(session_role) ? InvalidOid : session_role,
                        false};
        CatCList* memberships = SearchSysCacheList1(AUTHMEMMEMROLE, ObjectIdGetDatum(role));
        facts.is_member = memberships->n_members > 0;
        ReleaseSysCacheList(memberships);
        return facts;
    });
}

// What is known of an operator and of a database role that would act as it.
struct Candidate {
    bool exists = false;
    std::string name;
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

// Finds an operator by its name, or, without one, the one whose database role is the current one. What `_role_of()`
// says of a row is written out here: this runs in each transaction of a gateway.
Candidate find_operator(const std::optional<std::string>& name, const RoleFacts& role) {
    const std::string origin = key_origin();
    const std::string key = origin + std::to_string(role.oid);
    OwnerScope owner;
    const Row row =
        query_latest(
            "SELECT o.name, o.email, o.user_name, o.active, array_to_string(o.roles, ','), g.name, g.may_act_as_admin"
            "  FROM (SELECT) AS one"
            "  LEFT JOIN customer_import.operators AS o"
            "         ON " +
                std::string(name ? "o.name = $4"
                                 : "o.database_role AND"
                                   " (o.role_key = $1 OR o.name = $2 AND NOT starts_with(o.role_key, $3))") +
                "  LEFT JOIN customer_import.gateways AS g ON g.role_key = $1 OR g.name = $2 AND NOT starts_with(g.role_key, $3)"
                " ORDER BY o.role_key = $1 DESC, g.role_key = $1 DESC LIMIT 1",
            {parameter(std::string_view(key)), parameter(std::string_view(role.name)),
             parameter(std::string_view(origin)), optional_parameter(name)})
            .front();
    Candidate found;
    found.role_is_gateway = row[5].has_value();
    found.role_may_act_as_admin = row[6] == "t";
    if (row[0]) {
        found.exists = true;
        found.name = *row[0];
        found.own_names = row[2] ? fold_names({row[2]}) : fold_names({row[0], row[1]});
        found.is_active = row[3] == "t";
        found.rights = Rights::of(split_role_cell(*row[4]));
    }
    return found;
}

// Adds the user names of the operators that the current role may become by SET ROLE, and of the role that has logged
// in.
void add_reachable_names(const RoleFacts& role, std::vector<std::string>& names) {
    if (!role.is_member && !OidIsValid(role.other_session_role)) {
        return;
    }
    OwnerScope owner;
    for (const Row& row :
         query_latest("SELECT o.name, o.email, o.user_name"
                      "  FROM (SELECT name, email, user_name, customer_import._role_of(name, role_key) AS role"
                      "          FROM customer_import.operators WHERE database_role OFFSET 0) AS o"
                      " WHERE pg_has_role($1, o.role, 'MEMBER') OR o.role = $2",
                      {parameter_oid(role.oid), parameter_oid(role.other_session_role)})) {
        for (std::string& name : row[2] ? fold_names({row[2]}) : fold_names({row[0], row[1]})) {
            names.push_back(std::move(name));
        }
    }
}

// Says why a role may not act as an operator; empty: it may.
std::string find_obstacle(const RoleFacts& role, std::string_view name, const Candidate& candidate) {
    if (role.is_superuser || role.bypasses_policies) {
        return format("Role {} is not subject to row-level security.", quoted(role.name));
    }
    if (!candidate.role_is_gateway) {
        return format("Role {} is not a gateway.", quoted(role.name));
    }
    if (!candidate.exists) {
        return format("Operator {} does not exist.", quoted(name));
    }
    if (!candidate.is_active) {
        return format("Operator {} is not active.", quoted(name));
    }
    if (candidate.rights.has(Right::administer) && !candidate.role_may_act_as_admin) {
        return format("Operator {} is an administrator, and gateway {} may not act as one.", quoted(name),
                      quoted(role.name));
    }
    return {};
}

// Says why a role is not an operator itself; empty: it is one.
std::string find_own_obstacle(const RoleFacts& role, const Candidate& candidate) {
    if (candidate.exists) {
        return candidate.is_active ? "" : format("Operator {} is not active.", quoted(candidate.name));
    }
    if (candidate.role_is_gateway) {
        return format("Role {} has not called customer_import.act_as() in this transaction.", quoted(role.name));
    }
    OwnerScope owner;
    if (!query_latest("SELECT FROM customer_import.operators WHERE name = $1 AND database_role",
                      {parameter(std::string_view(role.name))})
             .empty()) {
        return format("Role {0} is not the role that is operator {0}.", quoted(role.name));
    }
    return format("Role {} is not an operator.", quoted(role.name));
}

// Derives the identity from what was found of the role and the operator.
Identity make_identity(const RoleFacts& role, Candidate candidate) {
    Identity identity;
    identity.is_acted = is_acting();
    identity.name = candidate.exists ? candidate.name : identity.is_acted ? acting->name : role.name;
    identity.is_operator = candidate.exists;
    if (!identity.is_acted && role.is_superuser) {
        identity.is_known = true;
        identity.rights = Rights::all();
        return identity;
    }
    identity.role_is_gateway = candidate.role_is_gateway;
    identity.shortcoming = identity.is_acted ? find_obstacle(role, identity.name, candidate)
                                             : find_own_obstacle(role, candidate);
    if (identity.shortcoming.empty()) {
        identity.is_known = true;
        identity.rights = candidate.rights;
        identity.own_names = std::move(candidate.own_names);
    }
    if (!identity.is_acted) {
        add_reachable_names(role, identity.own_names);
    }
    return identity;
}

// Keeps the identity until anything that it was read from changes.
void keep_identity(const RoleFacts& role, Candidate candidate) {
    auto fresh = std::make_unique<Identity>(make_identity(role, std::move(candidate)));
    delete cached;
    cached = fresh.release();
    cached_role = role.oid;
    cached_session_role = GetSessionUserId();
    cached_is_acting = is_acting();
}

}  // namespace

bool holds_operator_privileges() {
    static CacheWatch members({"operators", "gateways", "granted_privileges"}, {AUTHOID, AUTHMEMMEMROLE});
    static Oid known_role = InvalidOid;
    static bool holds = false;
    const Oid role = GetUserId();
    if (known_role != role || !members.is_current()) {
        members.read([&] {
            SpiConnection spi;
            OwnerScope owner;
            holds = !query_latest(
                         "SELECT FROM (SELECT customer_import._role_of(r.name, r.role_key) AS role"
                         "               FROM (SELECT name, role_key FROM customer_import.operators WHERE database_role"
                         "                     UNION SELECT name, role_key FROM customer_import.gateways"
                         "                     UNION SELECT role, role_key FROM customer_import.granted_privileges"
                         "                            WHERE object = 'customers table') AS r OFFSET 0) AS h"
                         " WHERE pg_has_role($1, h.role, 'USAGE') LIMIT 1",
                         {parameter_oid(role)})
                         .empty();
            known_role = role;
        });
    }
    return holds;
}

bool is_acting() { return acting != nullptr && acting->role == GetUserId(); }

void assume_operator(std::string_view name) {
    if (acting != nullptr) {
        stop_acting();
    }
    acting = new Acting{GetUserId(), GetCurrentSubTransactionId(), std::string(name)};
}

void watch_transactions() {
    RegisterXactCallback(end_transaction, nullptr);
    RegisterSubXactCallback(end_subtransaction, nullptr);
}

const Identity& current_identity() {
    const Oid role = GetUserId();
    const Oid session_role = GetSessionUserId();
    const bool acts = is_acting();
    if (cached == nullptr || cached_role != role || cached_session_role != session_role || cached_is_acting != acts ||
        !watched_operators.is_current()) {
        watched_operators.read([&] {
            SpiConnection spi;
            const RoleFacts facts = current_role_facts();
            keep_identity(facts, find_operator(acts ? std::optional(acting->name) : std::nullopt, facts));
        });
    }
    return *cached;
}

const Identity& fresh_identity() {
    call([] { AcceptInvalidationMessages(); });
    return current_identity();
}

std::string lost_right_reason(const Identity& identity) {
    return format("operator {} may not import any more", quoted(identity.name));
}

std::string current_role_name() { return current_role_facts().name; }

void act_as(std::string_view name) {
    call([] { RequireTransactionBlock(true, "customer_import.act_as()"); });
    const RoleFacts role = current_role_facts();
    SpiConnection spi;
    Candidate candidate;
    delete cached;  // what is read here is not what it was read from
    cached = nullptr;
    watched_operators.read([&] { candidate = find_operator(std::string(name), role); });
    const std::string obstacle = find_obstacle(role, name, candidate);
    if (!obstacle.empty()) {
        if (candidate.role_is_gateway && !candidate.exists) {
            throw ImportError(ERRCODE_UNDEFINED_OBJECT, format("operator {} does not exist", quoted(name)));
        }
        throw ImportError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                          format("permission denied to act as operator {}", quoted(name)), obstacle);
    }
    if (acting == nullptr) {
        assume_operator(name);
        keep_identity(role, std::move(candidate));  // which saves each transaction of a gateway to read it again
    } else if (acting->role != GetUserId() || acting->name != name) {
        throw ImportError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          format("this transaction acts as operator {} already", quoted(acting->name)), {},
                          "End the transaction first.");
    }
}

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// act_as(operator text) returns void. Errors: 25P01 outside of a transaction block, 42501, 42704, 54000, 55000.
CI_FUNCTION(ci_act_as) {
    return pg::entry([&] {
        pg::refuse_nulls(fcinfo);
        pg::act_as(pg::text_argument(fcinfo, 0, "the name"));
        return Datum{0};
    });
}

// current_operator() returns text: the acting operator; NULL for a role that is no operator.
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

// What the acting operator may do: boolean functions without arguments, for policies.
CI_FUNCTION(ci_is_admin) { return has_right(customer_import::Right::administer); }
CI_FUNCTION(ci_may_view_customers) { return has_right(customer_import::Right::view_customers); }
CI_FUNCTION(ci_may_edit_customers) { return has_right(customer_import::Right::edit_customers); }
CI_FUNCTION(ci_may_import_customers) { return has_right(customer_import::Right::import_customers); }
CI_FUNCTION(ci_may_view_imports) { return has_right(customer_import::Right::view_imports); }
