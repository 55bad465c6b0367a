// The supervisor of imports in the background: which of them run now, and a worker for each slice that has none. It is
// a superuser's process and runs nothing but fixed statements on the extension's tables.
#pragma once

#include "pg/server/guard.h"

namespace customer_import::pg {

// Looks after the queue until it is empty and no session is about to add to it. Releases the lock of the supervisor.
void supervise_queue();

}  // namespace customer_import::pg
