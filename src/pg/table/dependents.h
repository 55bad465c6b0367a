// What the extension makes beside the customers table goes with it.
#pragma once

#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// Has a table or view dropped with another table, as a sequence is with its column. One in the schema of the extension
// that goes with the customers table would block DROP EXTENSION otherwise.
void drop_with(Oid table, Oid made);

}  // namespace customer_import::pg
