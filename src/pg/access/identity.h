// The acting operator: the operator behind the current role, and what it may do. The current role is the caller's,
// unless it is a gateway that has called act_as() in this transaction.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/rights.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

struct Identity {
    std::string name;          // of the operator; of the current role where there is none
    bool is_known = false;     // an active operator or a database superuser
    bool is_operator = false;  // it is among the operators, active or not
    bool is_acted = false;     // the current role acts as it
    bool role_is_gateway = false;
    Rights rights;
    std::string shortcoming;  // why it is not known: a sentence
    std::vector<std::string>
        own_names;  // folded user names by which it is a customer itself, as itself or after SET ROLE
};

// Whether the current role has the privileges of an operator's or a gateway's role, or others on the customers table
// that the extension has granted and not revoked: by itself, or by inheritance.
bool holds_operator_privileges();

// Registers with the server what ends act_as(). Called once, when the library is loaded.
void watch_transactions();

// Returns the acting operator. What other sessions have committed counts from the next statement on, as GRANT and
// REVOKE do. Valid until the next call. Not for parallel workers: act_as() is unknown to them.
const Identity& current_identity();

// The same where nothing else reads what other sessions have announced: between the batches of an import.
const Identity& fresh_identity();

// Why an import ends before its end, in words for people.
std::string lost_right_reason(const Identity& identity);

// The name of the current role: the database role that history records beside the operator.
std::string current_role_name();

// Whether the current role acts as an operator.
bool is_acting();

// Makes the current role act as an operator, whether it may or not: if it may not, its identity has no rights. For
// workers, which continue what act_as() has begun.
void assume_operator(std::string_view name);

// Lets the current role act as an operator until the end of the transaction; a rolled back savepoint undoes it.
// Errors: 42501 unless the current role is a gateway that may, 42704 for an unknown operator, 55000 when the
// transaction acts as another one already.
void act_as(std::string_view name);

}  // namespace customer_import::pg
