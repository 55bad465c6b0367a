// The supervisor of imports in the background: which of them run now, and a worker for each slice that nobody works on. It
// is a superuser's process and runs nothing but fixed statements on the extension's tables.
#pragma once

#include "pg/server/guard.h"

namespace customer_import::pg {

// Looks after the queue until it is empty and nobody is about to add to it. Gives the lock of the supervisor back.
void supervise_queue();

}  // namespace customer_import::pg
