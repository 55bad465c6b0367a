// The supervisor of imports in the background: which of them run now, and a worker for each slice that has none. It is
// a superuser's process and runs nothing but fixed statements on the extension's tables.
#pragma once

#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// Looks after the queue until it is empty and no session is about to add to it, or until it has to leave its slot to the
// supervisor of another database. Releases the lock of the supervisor. `start` starts the supervisor of another database,
// and returns whether there was a slot.
void supervise_queue(bool (*start)(Oid database));

}  // namespace customer_import::pg
