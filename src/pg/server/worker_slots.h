// The slots of background workers, which all extensions and parallel queries share.
#pragma once

#include "pg/server/server.h"

namespace customer_import::pg {

// How many more background workers the server can start, at least 0. The server counts its slots for itself alone: this
// counts the workers that show in pg_stat_activity, so it is too high by those that are connected to nothing, and by
// those that have died and are to be started again.
int free_worker_slots();

// Whether a background worker of a type shows in a database, at this moment and not as pg_stat_activity has it for the
// transaction. One that is just starting does not.
bool worker_shows(Oid database, const char* type);

}  // namespace customer_import::pg
