// The database privileges of operators and gateways. The extension grants what it thinks is needed, keeps a record of
// what it granted, and takes back that alone.
#pragma once

#include <optional>
#include <string_view>

#include "pg/guard.h"
#include "pg/server.h"
#include "pg/target.h"

namespace customer_import::pg {

// Whether database role `name` exists.
bool role_exists(std::string_view name);

// Whether database role `name` exists and is a superuser.
bool role_is_superuser(std::string_view name);

// Grants a database role what it needs as an operator or gateway by now, and revokes what it needs no more. Does nothing
// for a name that is no role, but to forget what it had. Needs an SPI connection.
void refresh_privileges(std::string_view role);

// Does that for every operator and gateway: after the customers table was created.
void refresh_all_privileges();

// Takes back all privileges on the customers table, its sequences and its schema: before it is let go.
void revoke_table_privileges(const RegisteredTable& table);

// Forgets what was granted on a customers table that has been dropped, and takes back what was on its schema.
void forget_table_privileges();

}  // namespace customer_import::pg
