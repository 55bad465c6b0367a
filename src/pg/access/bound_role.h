// Which database role a row of operators, gateways, mailers or granted_privileges means. A row has the name that the
// role had, and a key: its OID with the origin of the database. Where the origin is the current one, the OID counts,
// whatever the role is called by now, and a row whose role has been dropped means none, not even a later role of that
// name. A restored row has another origin: its name counts, until a role of that name is found, to which the row is
// then bound.
#pragma once

#include <string>
#include <string_view>

#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// What a key of this database begins with. It differs after a restore, which creates the extension anew, and after
// pg_upgrade: OIDs differ then, too.
std::string key_origin();

// The key of a role, or of another object with an OID.
inline std::string bound_key(Oid object) { return key_origin() + std::to_string(object); }

// The role of that name; InvalidOid if there is none.
Oid find_role(std::string_view name);

// The name of a role that exists. Errors: 42704.
std::string role_name(Oid role);

// The same, quoted for SQL.
std::string role_sql(Oid role);

// Binds the restored rows whose roles exist by now, and records the new names of renamed roles: so a dump has names by
// which a restore finds them. An operator's name stays. Needs an SPI connection, and that no other session does the
// same.
void update_bound_rows();

}  // namespace customer_import::pg
