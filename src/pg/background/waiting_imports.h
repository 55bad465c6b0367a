// What a supervisor sees of the queue: the imports that have not ended, and what becomes of each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/background/import_queue.h"
#include "pg/background/passing_trouble.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

struct WaitingImport {
    std::int64_t id = 0;
    std::string operator_name;
    Oid role = InvalidOid;
    std::string role_name;
    std::string origin;
    bool stops = false;
    bool is_claimed = false;
    bool is_checked = false;
    std::int64_t file_bytes = 0;
    int due_slices = 0;          // that have not ended and were not set aside
    int locked_slices = 0;       // that a worker works on, however it was started
    int waiting_slices = 0;      // of those, whose worker waits for a lock
    int blocked_slices = 0;      // of those, whose worker has waited for half a second
    bool is_locked_out = false;  // by a session that is about to end it
    int fences = 0;              // changes whenever a worker has claimed a slice, or set one aside
    int claims = 0;              // of the slice that was claimed most often without progress
    bool role_exists = false;
    bool role_may_log_in = false;
    bool role_may_connect = false;
    bool database_is_open = false;  // to connections
    std::optional<Wait> long_wait;  // what it has waited for longer than it may
    bool is_too_late = false;       // by customer_import.import_timeout
    std::int64_t pause = 0;         // milliseconds until the first of its slices is due
    bool lacks_resources = false;   // of the server

    // It may be what kills its workers, and with them the server.
    bool is_suspect() const { return claims >= kSuspectClaims; }
};

// The imports of the queue, in the order in which their turn comes among those of one operator.
std::vector<WaitingImport> find_waiting();

// Notes which sessions workers wait for: after they have given up, this is no longer known.
void note_blockers();

// Has slices tried again at once that were set aside for a lock, when none of the sessions that blocked them still does. It
// happens once for each attempt: one that fails again waits as long as it would have, unless its own blockers go.
void end_pauses();

// Ends the waits of workers whose import is to stop: they find out then.
void end_waits();

}  // namespace customer_import::pg
