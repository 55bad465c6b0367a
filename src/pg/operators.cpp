// Operators and gateways: who works with customers, and which database roles act for them.
#include <algorithm>
#include <string>
#include <vector>

#include "core/email_address.h"
#include "core/rights.h"
#include "core/role_set.h"
#include "core/text.h"
#include "core/user_name.h"
#include "pg/access.h"
#include "pg/arguments.h"
#include "pg/guard.h"
#include "pg/identity.h"
#include "pg/privileges.h"
#include "pg/statement.h"
#include "pg/text_array.h"

namespace customer_import::pg {

namespace {

[[noreturn]] void refuse(std::string message, std::string hint = {}) {
    throw ImportError(ERRCODE_INVALID_PARAMETER_VALUE, std::move(message), {}, std::move(hint));
}

void check_name(const std::string& name) {
    switch (check_user_name(name)) {
        case UserNameFault::none:
            break;
        case UserNameFault::missing:
            refuse("the name of the operator is empty");
        case UserNameFault::too_long:
            refuse("the name of the operator is longer than " + std::to_string(kMaxUserNameBytes) + " bytes");
        case UserNameFault::control_character:
            refuse("the name of the operator has a control character");
    }
    if (trim(name) != name) {
        refuse("the name of the operator begins or ends with a blank");
    }
    if (name.starts_with("pg_")) {
        throw ImportError(ERRCODE_RESERVED_NAME, "operator name " + quoted(name) + " is reserved",
                          "Names that begin with \"pg_\" are reserved for PostgreSQL.");
    }
}

void check_email(const std::optional<std::string>& email) {
    if (email && !email->empty() && !is_email_address(*email)) {
        refuse("invalid e-mail address " + quoted(*email), "Give a plain ASCII address such as ann@example.com.");
    }
}

// Returns the codes as the catalogue spells them, sorted. Empty for NULL.
std::optional<Parameter> read_codes(FunctionCallInfo fcinfo, int index) {
    if (PG_ARGISNULL(index)) {
        return std::nullopt;
    }
    std::vector<std::string_view> codes = codes_argument(fcinfo, index);
    for (std::string_view& code : codes) {
        const std::string_view known = find_operator_code(code);
        if (known.empty()) {
            refuse("role code " + quoted(code) + " gives an operator no right",
                   "Use administrator, superuser, customerView, customerEdit, importView and importEdit.");
        }
        code = known;
    }
    return Parameter{TEXTARRAYOID, make_text_array(RoleSet(std::move(codes)).codes()), false};
}


[[noreturn]] void refuse_unknown(const std::string& name) {
    throw ImportError(ERRCODE_UNDEFINED_OBJECT, "operator " + quoted(name) + " does not exist");
}

void add_operator(FunctionCallInfo fcinfo) {
    const std::string name = required_text(fcinfo, 0, "the name of the operator");
    const std::optional<std::string> email = optional_text(fcinfo, 1);
    check_name(name);
    check_email(email);
    const std::optional<Parameter> codes = read_codes(fcinfo, 2);
    const std::optional<std::string> user_name = optional_text(fcinfo, 4);
    if (user_name && check_user_name(trim(*user_name)) != UserNameFault::none) {
        refuse("invalid user name " + quoted(*user_name));
    }
    const bool role_found = role_exists(name);
    const bool has_role = PG_ARGISNULL(3) ? role_found : PG_GETARG_BOOL(3);
    if (has_role && !role_found) {
        throw ImportError(ERRCODE_UNDEFINED_OBJECT, "role " + quoted(name) + " does not exist", {},
                          "Create it with CREATE ROLE, or leave out database_role: the operator then works through a "
                          "gateway.");
    }
    if (!has_role && role_is_superuser(name)) {
        refuse("operator name " + quoted(name) + " is that of a superuser of the database",
               "His imports would be taken for the superuser's.");
    }
    SpiConnection spi;
    {
        OwnerScope owner;
        if (execute("INSERT INTO customer_import.operators (name, database_role, email, roles, user_name)"
                    " VALUES ($1, $2, NULLIF($3, ''), COALESCE($4, '{}'), $5) ON CONFLICT DO NOTHING",
                    {parameter(std::string_view(name)), parameter(has_role), optional_parameter(email),
                     codes.value_or(Parameter{TEXTARRAYOID, 0, true}), optional_parameter(user_name)}) == 0) {
            throw ImportError(ERRCODE_DUPLICATE_OBJECT, "operator " + quoted(name) + " exists already", {},
                              "Change him with customer_import.alter_operator().");
        }
    }
    refresh_privileges(name);
}

void alter_operator(FunctionCallInfo fcinfo) {
    const std::string name = required_text(fcinfo, 0, "the name of the operator");
    const std::optional<std::string> email = optional_text(fcinfo, 1);
    check_email(email);
    const std::optional<Parameter> codes = read_codes(fcinfo, 2);
    const Parameter active{BOOLOID, PG_ARGISNULL(3) ? 0 : PG_GETARG_DATUM(3), PG_ARGISNULL(3)};
    SpiConnection spi;
    {
        OwnerScope owner;
        if (execute("UPDATE customer_import.operators SET email = NULLIF(COALESCE($2, email), ''),"
                    " roles = COALESCE($3, roles), active = COALESCE($4, active) WHERE name = $1",
                    {parameter(std::string_view(name)), optional_parameter(email),
                     codes.value_or(Parameter{TEXTARRAYOID, 0, true}), active}) == 0) {
            refuse_unknown(name);
        }
    }
    refresh_privileges(name);
}

void remove_operator(FunctionCallInfo fcinfo) {
    const std::string name = required_text(fcinfo, 0, "the name of the operator");
    SpiConnection spi;
    {
        OwnerScope owner;
        if (execute("DELETE FROM customer_import.operators WHERE name = $1",
                    {parameter(std::string_view(name))}) == 0) {
            refuse_unknown(name);
        }
    }
    refresh_privileges(name);
}

void grant_gateway(FunctionCallInfo fcinfo) {
    const std::string name = required_text(fcinfo, 0, "the name of the gateway");
    const bool as_admin = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
    if (!role_exists(name)) {
        throw ImportError(ERRCODE_UNDEFINED_OBJECT, "role " + quoted(name) + " does not exist");
    }
    const bool is_exempt = call([&] {
        const Oid role = get_role_oid(name.c_str(), false);
        return superuser_arg(role) || has_bypassrls_privilege(role);
    });
    if (is_exempt) {
        refuse("role " + quoted(name) + " cannot be a gateway",
               "A gateway must be subject to row-level security: no superuser, no BYPASSRLS.");
    }
    SpiConnection spi;
    {
        OwnerScope owner;
        execute("INSERT INTO customer_import.gateways (name, may_act_as_admin) VALUES ($1, $2)"
                " ON CONFLICT (name) DO UPDATE SET may_act_as_admin = EXCLUDED.may_act_as_admin",
                {parameter(std::string_view(name)), parameter(as_admin)});
    }
    refresh_privileges(name);
}

void revoke_gateway(FunctionCallInfo fcinfo) {
    const std::string name = required_text(fcinfo, 0, "the name of the gateway");
    SpiConnection spi;
    {
        OwnerScope owner;
        if (execute("DELETE FROM customer_import.gateways WHERE name = $1",
                    {parameter(std::string_view(name))}) == 0) {
            throw ImportError(ERRCODE_UNDEFINED_OBJECT, "role " + quoted(name) + " is not a gateway");
        }
    }
    refresh_privileges(name);
}

// Runs one of the functions above for those who may.
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
// 42704 for a role that does not exist, 42710 for an operator that does, 42939.
CI_FUNCTION(ci_add_operator) { return pg::administer(fcinfo, pg::add_operator); }

// alter_operator(name, email, roles text[], active boolean) returns void; NULL keeps. Errors: 42501, 22023, 42704.
CI_FUNCTION(ci_alter_operator) { return pg::administer(fcinfo, pg::alter_operator); }

// remove_operator(name) returns void. Errors: 42501, 42704.
CI_FUNCTION(ci_remove_operator) { return pg::administer(fcinfo, pg::remove_operator); }

// grant_gateway(name, may_act_as_admin boolean) returns void. Errors: 42501, 42704, 22023.
CI_FUNCTION(ci_grant_gateway) { return pg::change_gateways(fcinfo, pg::grant_gateway); }

// revoke_gateway(name) returns void. Errors: 42501, 42704.
CI_FUNCTION(ci_revoke_gateway) { return pg::change_gateways(fcinfo, pg::revoke_gateway); }
