// The supervisor of imports in the background: which of them run now, and a worker for each slice that nobody works on. It
// is a superuser's process and runs nothing but fixed statements on the extension's tables.
#pragma once

#include <cstdint>

#include "pg/guard.h"
#include "pg/server.h"

namespace customer_import::pg {

// How many milliseconds a supervisor waits for a lock: what users hold must not hold up the imports of others.
inline constexpr int kSupervisorLockTimeout = 100;

// What a worker is told at its start: numbers only; all else it reads from the tables.
struct WorkerArguments {
    Oid database;
    Oid role;
    std::int64_t import_id;
    int supervisor_pid;
};
static_assert(sizeof(WorkerArguments) <= BGW_EXTRALEN);

// Describes a process of ours, to be registered. It is started again so many seconds after it has died, or never.
BackgroundWorker make_worker(const char* type, const char* function, int restart_seconds);

// Looks after the queue until it is empty and nobody is about to add to it. Gives the lock of the supervisor back.
void supervise_queue();

}  // namespace customer_import::pg
