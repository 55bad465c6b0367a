// Which errors pass by themselves: an import waits for that, and is not faulty.
#pragma once

#include <optional>
#include <string>

#include "pg/server/guard.h"

namespace customer_import::pg {

// Why an import waits.
struct Wait {
    std::string reason;  // for people
    std::string sqlstate;
};

// Trouble that passes: a lock that is held, no room on the disk, no memory, a worker that was canceled or ended, another
// server that is not there. Nothing for any other error.
std::optional<Wait> reason_to_wait(const PgError& error);

// The same for an error of ours.
std::optional<Wait> reason_to_wait(const ImportError& error);

// Other sessions were in the way of what has failed, and may not be when it is done again: deadlocks and serialization
// failures.
bool is_conflict(int sqlstate);

// The message of an error and its SQLSTATE.
std::string describe(const PgError& error);

Wait out_of_memory();

}  // namespace customer_import::pg
