// Operators, which work with customers, and gateways, which act for them; and the database roles of both.
#include <algorithm>
#include <string>
#include <vector>

#include "core/email_address.h"
#include "core/format.h"
#include "core/rights.h"
#include "core/role_set.h"
#include "core/text.h"
#include "core/user_name.h"
#include "pg/access/access.h"
#include "pg/access/bound_role.h"
#include "pg/access/identity.h"
#include "pg/server/arguments.h"
#include "pg/server/guard.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"
#include "pg/table/privileges.h"

namespace customer_import::pg {

namespace {

[[noreturn]] void refuse(std::string message, std::string hint = {}) {
    throw ImportError(ERRCODE_INVALID_PARAMETER_VALUE, std::move(message), {}, std::move(hint));
}

void check_name(const std::string& name) {
    switch (check_user_name(name)) {
        case UserNameFault::none: break;
        case UserNameFault::missing: refuse("the name of the operator is empty");
        case UserNameFault::too_long:
            refuse(format("the name of the operator is longer than {} bytes", kMaxUserNameBytes));
        case UserNameFault::control_character: refuse("the name of the operator has a control character");
    }
    if (trim(name) != name) {
        refuse("the name of the operator begins or ends with a blank");
    }
    if (name.starts_with("pg_")) {
        throw ImportError(ERRCODE_RESERVED_NAME, format("operator name {} is reserved", quoted(name)),
                          "Names that begin with \"pg_\" are reserved for PostgreSQL.");
    }
}

void check_email(const std::optional<std::string>& email) {
    if (email && !email->empty() && !is_email_address(*email)) {
        refuse(format("invalid e-mail address {}", quoted(*email)),
               "Give a plain ASCII address such as ann@example.com.");
    }
}

// Returns the codes as the catalog spells them, sorted; nothing for NULL. Errors: 22004, 22023.
std::optional<Parameter> read_codes(FunctionCallInfo fcinfo, int index) {
    if (PG_ARGISNULL(index)) {
        return std::nullopt;
    }
    std::vector<std::string_view> codes = given_codes(fcinfo, index);
    for (std::string_view& code : codes) {
        const std::string_view known = find_operator_code(code);
        if (known.empty()) {
            refuse(format("role code {} gives an operator no right", quoted(code)),
                   "Use administrator, superuser, customerView, customerEdit, importView and importEdit.");
        }
        code = known;
    }
    return Parameter{TEXTARRAYOID, make_text_array(RoleSet(std::move(codes)).codes()), false};
}

[[noreturn]] void refuse_unknown(const std::string& name) {
    throw ImportError(ERRCODE_UNDEFINED_OBJECT, format("operator {} does not exist", quoted(name)));
}

Oid find_role_for(const std::string& name) {
    const Oid role = find_role(name);
    if (!OidIsValid(role)) {
        throw ImportError(ERRCODE_UNDEFINED_OBJECT, format("role {} does not exist", quoted(name)), {},
                          "Create it with CREATE ROLE, or leave out database_role: the operator then works through a "
                          "gateway.");
    }
    return role;
}

// Errors: 22023 where the operator without a database role would have the name of a superuser.
void refuse_superuser_name(const std::string& name) {
    if (role_is_superuser(name)) {
        refuse(format("operator name {} is that of a superuser of the database", quoted(name)),
               "Its imports would be taken for the superuser's.");
    }
}

// Errors: 42710 if the role, which may have had another name, is another operator already.
void refuse_taken(const std::string& name, const std::string& role_key) {
    OwnerScope owner;
    const std::vector<Row> taken = query_latest(
        "SELECT name FROM customer_import.operators WHERE database_role AND role_key = $1 AND name <> $2",
        {parameter(std::string_view(role_key)), parameter(std::string_view(name))});
    if (!taken.empty()) {
        throw ImportError(
            ERRCODE_DUPLICATE_OBJECT,
            format("role {} is the database role of operator {}", quoted(name), quoted(*taken.front()[0])), {},
            "The role has been renamed. Remove that operator first with customer_import.remove_operator().");
    }
}

void check_customer(const std::string& user_name) {
    if (check_user_name(trim(user_name)) != UserNameFault::none) {
        refuse(format("invalid user name {}", quoted(user_name)));
    }
}

void add_operator(FunctionCallInfo fcinfo) {
    const std::string name = given_text(fcinfo, 0);
    const std::optional<std::string> email = optional_text(fcinfo, 1);
    check_name(name);
    check_email(email);
    const std::optional<Parameter> codes = read_codes(fcinfo, 2);
    const std::optional<std::string> user_name = optional_text(fcinfo, 4);
    if (user_name) {
        check_customer(*user_name);
    }
    const bool has_role = PG_ARGISNULL(3) ? OidIsValid(find_role(name)) : PG_GETARG_BOOL(3);
    const Oid role = has_role ? find_role_for(name) : InvalidOid;
    const std::string role_key = has_role ? bound_key(role) : "";
    if (!has_role) {
        refuse_superuser_name(name);
    }
    SpiConnection spi;
    lock_privileges();
    if (has_role) {
        refuse_taken(name, role_key);
    }
    {
        OwnerScope owner;
        if (execute("INSERT INTO customer_import.operators (name, database_role, role_key, email, roles, user_name)"
                    " VALUES ($1, $2, $3, NULLIF($4, ''), COALESCE($5, '{}'), $6) ON CONFLICT DO NOTHING",
                    {parameter(std::string_view(name)), parameter(has_role), parameter(std::string_view(role_key)),
                     optional_parameter(email), codes.value_or(Parameter{TEXTARRAYOID, 0, true}),
                     optional_parameter(user_name)}) == 0) {
            throw ImportError(ERRCODE_DUPLICATE_OBJECT, format("operator {} already exists", quoted(name)), {},
                              "Change it with customer_import.alter_operator().");
        }
    }
    if (has_role) {
        refresh_privileges(role);
    }
}

// The database role of an operator.
struct OperatorRole {
    std::string key;       // none: ""
    Oid oid = InvalidOid;  // of a role that exists
};

OperatorRole find_operator_role(const std::string& name) {
    OwnerScope owner;
    const std::vector<Row> rows = query_latest(
        "SELECT CASE WHEN database_role THEN role_key ELSE '' END,"
        "       CASE WHEN database_role THEN customer_import._role_of(name, role_key) END"
        "  FROM customer_import.operators WHERE name = $1",
        {parameter(std::string_view(name))});
    if (rows.empty()) {
        refuse_unknown(name);
    }
    const Row& row = rows.front();
    return {*row[0], row[1] ? static_cast<Oid>(std::stoul(*row[1])) : InvalidOid};
}

// Brings the grants of an operator that has changed, or was removed, up to date.
void refresh_role_of(const OperatorRole& role) {
    if (OidIsValid(role.oid)) {
        refresh_privileges(role.oid);
    } else if (!role.key.empty()) {
        forget_privileges(role.key);
    }
}

void alter_operator(FunctionCallInfo fcinfo) {
    const std::string name = given_text(fcinfo, 0);
    const std::optional<std::string> email = optional_text(fcinfo, 1);
    check_email(email);
    const std::optional<Parameter> codes = read_codes(fcinfo, 2);
    const Parameter active{BOOLOID, PG_ARGISNULL(3) ? 0 : PG_GETARG_DATUM(3), PG_ARGISNULL(3)};
    const std::optional<std::string> user_name = optional_text(fcinfo, 4);
    if (user_name && !user_name->empty()) {
        check_customer(*user_name);
    }
    SpiConnection spi;
    lock_privileges();
    const OperatorRole before = find_operator_role(name);
    OperatorRole after = before;
    if (!PG_ARGISNULL(5) && PG_GETARG_BOOL(5)) {
        after.oid = find_role_for(name);
        after.key = bound_key(after.oid);
        refuse_taken(name, after.key);
    } else if (!PG_ARGISNULL(5)) {
        refuse_superuser_name(name);
        after = {};
    }
    {
        OwnerScope owner;
        execute(
            "UPDATE customer_import.operators SET email = NULLIF(COALESCE($2, email), ''),"
            "       roles = COALESCE($3, roles), active = COALESCE($4, active),"
            "       user_name = NULLIF(COALESCE($5, user_name), ''), database_role = $6 <> '', role_key = $6"
            " WHERE name = $1",
            {parameter(std::string_view(name)), optional_parameter(email),
             codes.value_or(Parameter{TEXTARRAYOID, 0, true}), active, optional_parameter(user_name),
             parameter(std::string_view(after.key))});
    }
    if (after.key != before.key) {
        refresh_role_of(before);
    }
    refresh_role_of(after);
}

void remove_operator(FunctionCallInfo fcinfo) {
    const std::string name = given_text(fcinfo, 0);
    SpiConnection spi;
    lock_privileges();
    const OperatorRole role = find_operator_role(name);
    {
        OwnerScope owner;
        execute("DELETE FROM customer_import.operators WHERE name = $1", {parameter(std::string_view(name))});
    }
    refresh_role_of(role);
}

void grant_gateway(FunctionCallInfo fcinfo) {
    const std::string name = given_text(fcinfo, 0);
    const Parameter as_admin{BOOLOID, PG_ARGISNULL(1) ? 0 : PG_GETARG_DATUM(1), PG_ARGISNULL(1)};
    const Oid role = find_role(name);
    if (!OidIsValid(role)) {
        throw ImportError(ERRCODE_UNDEFINED_OBJECT, format("role {} does not exist", quoted(name)));
    }
    if (call([&] { return superuser_arg(role) || has_bypassrls_privilege(role); })) {
        refuse(format("role {} cannot be a gateway", quoted(name)),
               "A gateway must be subject to row-level security: no superuser, no BYPASSRLS.");
    }
    SpiConnection spi;
    lock_privileges();
    register_role("gateways", name, role);
    {
        OwnerScope owner;
        execute("UPDATE customer_import.gateways SET may_act_as_admin = $2 WHERE role_key = $1 AND $2 IS NOT NULL",
                {parameter(std::string_view(bound_key(role))), as_admin});
    }
    refresh_privileges(role);
}

void revoke_gateway(FunctionCallInfo fcinfo) {
    const std::string name = given_text(fcinfo, 0);
    SpiConnection spi;
    lock_privileges();
    if (!unregister_role("gateways", name)) {
        throw ImportError(ERRCODE_UNDEFINED_OBJECT, format("role {} is not a gateway", quoted(name)));
    }
}

// Runs one of the functions above for callers that may.
template <typename Body>
Datum administer(FunctionCallInfo fcinfo, Body body) {
    return entry([&] {
        require_right(Right::administer, "change operators");
        body(fcinfo);
        return Datum{0};
    });
}

template <typename Body>
Datum change_gateways(FunctionCallInfo fcinfo, Body body) {
    return entry([&] {
        require_superuser("change gateways");
        body(fcinfo);
        return Datum{0};
    });
}

}  // namespace

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// add_operator(name, email, roles text[], database_role boolean, user_name) returns void. Errors: 42501, 22004, 22023,
// 42704 for a role that does not exist, 42710 for an operator that does, or has the role, 42939.
CI_WRITING_FUNCTION(ci_add_operator) { return pg::administer(fcinfo, pg::add_operator); }

// alter_operator(name, email, roles text[], active boolean, user_name, database_role boolean) returns void; NULL keeps.
// Errors: 42501, 22004, 22023, 42704 for an operator or a role that does not exist, 42710 for a role that is another
// operator.
CI_WRITING_FUNCTION(ci_alter_operator) { return pg::administer(fcinfo, pg::alter_operator); }

// remove_operator(name) returns void. Errors: 42501, 22004, 42704.
CI_WRITING_FUNCTION(ci_remove_operator) { return pg::administer(fcinfo, pg::remove_operator); }

// grant_gateway(name, may_act_as_admin boolean) returns void; NULL keeps, for a new one it is false. Errors: 42501,
// 22004, 42704, 22023.
CI_WRITING_FUNCTION(ci_grant_gateway) { return pg::change_gateways(fcinfo, pg::grant_gateway); }

// revoke_gateway(name) returns void. Errors: 42501, 22004, 42704.
CI_WRITING_FUNCTION(ci_revoke_gateway) { return pg::change_gateways(fcinfo, pg::revoke_gateway); }
