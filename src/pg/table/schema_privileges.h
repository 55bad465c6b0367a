// USAGE on the schema of the customers table, which every role that may see the table needs: granted as the table's
// owner, recorded in granted_privileges, and taken back wherever the table is by then. All of it needs an SPI
// connection and the privileges locked.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pg/server/guard.h"
#include "pg/server/lookup.h"
#include "pg/server/server.h"
#include "pg/table/target.h"

namespace customer_import::pg {

// The object by which it is recorded in granted_privileges.
inline constexpr std::string_view kCustomersSchema = "schema of the customers table";

// The customers table as the object of a GRANT. Errors: 42P01, 3F000 when it has been dropped.
RelationFacts table_facts(Oid relation);

// Opens the schema for the role where it needs that, and closes the one where the table has been before.
void follow_schema(Oid role, const RegisteredTable& table, bool is_needed);

// Closes the schema that was opened for the role, wherever the customers table is by now.
void revoke_schema(Oid role, const std::optional<RegisteredTable>& table);

// Closes and forgets the schemas that were opened for the customers table, which may be gone.
void close_schemas(const std::optional<RegisteredTable>& table);

}  // namespace customer_import::pg
