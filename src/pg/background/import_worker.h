// The processes of imports in the background. A supervisor, one for a database while there is work, starts workers: one
// for each slice, connected as the import's database role, so that no code of a user ever runs with rights other than
// the user's own. The supervisor runs nothing but fixed statements on the extension's tables. Both are started when
// needed; with the library preloaded a launcher starts supervisors by itself.
#pragma once

#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// Registers with the server what starts the supervisor after a commit. Called once, when the library is loaded.
void watch_submissions();

// Registers the launcher. Called when the library is preloaded.
void register_launcher();

// Has the supervisor look after the queue, in which the current transaction has put or changed something, once that has
// committed: wakes it, or starts one. When no worker slot is free, the log of the server says so. Needs an SPI connection.
void start_after_commit();

// Starts what waits after the commit, if there is something and no supervisor looks after it: after a restart of the server,
// or when no worker slot was free. Says nothing when there is still none. Called by functions that import or cancel, and by
// those that look at imports. Needs an SPI connection.
void start_waiting();

}  // namespace customer_import::pg
