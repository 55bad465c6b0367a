// What the server's log says of imports in the background. Names of operators, numbers, states and SQLSTATEs: never a
// customer's value, a name or the content of a file, nor the text of an error, which may quote one.
#pragma once

#include <string_view>

#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// Writes a line now, with the level LOG or WARNING of the server. It goes to no client, and takes no statement or
// context with it. Needs no transaction.
void write_log(int level, std::string_view line);

// Writes a line once the current transaction has committed; not at all if it, or the subtransaction, is rolled back.
void write_log_at_commit(int level, std::string_view line);

// Writes a line now, with the level WARNING. Raises nothing: also for a callback after a commit.
void warn_after_commit(const char* line);

// Registers with the server what writes at a commit. Called once, when the library is loaded.
void watch_log();

}  // namespace customer_import::pg
