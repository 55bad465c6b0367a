// What create_customers_table() and attach_customers_table() have in common: the guard, the policies, the register.
#pragma once

#include <string>

#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// Waits for another session that registers or detaches a table. Raises 55000 when there is a customers table; what is
// left of one that was dropped is forgotten, and what went into it is not offered to be resumed any more. Needs an SPI
// connection, as all below.
void require_no_customers_table();

// Names of what the extension adds to a table; names of tables are quoted for SQL. All run as the caller.
inline constexpr const char* kUserNameCheck = "customer_import_user_name";
void add_policies(const std::string& table);
// `arguments`: the trigger's, as SQL.
void add_guard(const std::string& table, const std::string& arguments);

// Makes the shadow of a table that needs one, with the guard and, with `row_security`, the policies. The name of the table
// and that of its user name column are quoted for SQL.
void add_shadow(Oid table, const std::string& name, const std::string& user_name, const std::string& guard_arguments,
                bool row_security);

// Raises 42501 unless the caller owns the relation.
void require_owner(Oid relation);

// Locks a table of the caller's and all that inherits from it. Errors: 42501 unless the caller owns it, also when it is
// locked; 42P01 when it has been dropped.
void lock_owned_tree(Oid relation, LOCKMODE lock);

}  // namespace customer_import::pg
