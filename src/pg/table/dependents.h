// What the extension makes beside the customers table goes with it.
#pragma once

#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// Has a table or view of the extension, given by its name there, dropped with the customers table, as a sequence is with
// its column: otherwise it would block DROP EXTENSION.
void drop_with(Oid customers_table, const char* name);

}  // namespace customer_import::pg
