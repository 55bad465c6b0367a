// The database privileges of operators and gateways. The extension grants what is needed, keeps a record of what it
// granted, and takes back that alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pg/server/guard.h"
#include "pg/server/server.h"
#include "pg/table/target.h"

namespace customer_import::pg {

// Whether database role `name` exists and is a superuser.
bool role_is_superuser(std::string_view name);

// Keeps other sessions from changing privileges, operators, gateways and mailers until the end of the transaction: two
// sessions that grant on one object at the same time would fail. What a restore has brought is bound to its roles.
// Needs an SPI connection.
void lock_privileges();

// Enters a role among the gateways or the mailers, in the place of one of that name that has been dropped. Needs locked
// privileges.
void register_role(const std::string& table, std::string_view name, Oid role);

// Takes the role of that name out again, also one that has been dropped, and revokes what it had. Returns false where
// there was none. Needs locked privileges.
bool unregister_role(const std::string& table, std::string_view name);

// Grants a database role what it needs as an operator, gateway or mailer by now, and revokes what it no longer needs.
// Needs locked privileges.
void refresh_privileges(Oid role);

// Forgets what was granted to a role that has been dropped, by its key.
void forget_privileges(std::string_view role_key);

// Does that for every operator and gateway: after the customers table was created.
void refresh_all_privileges();

// Takes back all privileges on the customers table, its sequences and its schema: before it is let go.
void revoke_table_privileges(const RegisteredTable& table);

// Forgets what was granted on a customers table that has been dropped, and takes back what was on its schema.
void forget_table_privileges();

}  // namespace customer_import::pg
