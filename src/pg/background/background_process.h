// What the processes of imports in the background have in common: how they are described to the server, wait and are
// woken.
#pragma once

#include <cstdint>
#include <string>

#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// How many milliseconds a supervisor waits for a lock: locks of users must not delay the imports of others.
inline constexpr int kSupervisorLockTimeout = 100;

// What a worker is told at its start: numbers only; it reads all else from the tables.
struct WorkerArguments {
    Oid database;
    Oid role;
    std::int64_t import_id;
    int supervisor_pid;
    std::uint32_t shared_slices;  // the handle; 0: none
};
static_assert(sizeof(WorkerArguments) <= BGW_EXTRALEN);

// Describes a process of ours, to be registered. It is restarted so many seconds after it has died, or never.
BackgroundWorker make_worker(const char* type, const char* function, int restart_seconds);

// Names this process: application_name in pg_stat_activity and in logs as CSV or JSON, and %b of log_line_prefix, since
// the server leaves %a empty for such a process. Only in a process of ours.
void name_process(const std::string& name);

// Sets the latch of a process, if it is one of the server's.
void wake_process(int pid);

// Of a worker: names the supervisor that has started it, and has that look after the queue, for what was committed.
void set_supervisor(int pid);
void wake_supervisor();

// Ends this process if the server has gone: a new one cannot start as long as a process uses the shared memory.
void end_without_server();

// Waits for this many milliseconds, or until the process is woken.
void wait_for_a_while(long milliseconds);

// Waits for this many milliseconds.
void wait_all_of(long milliseconds);

}  // namespace customer_import::pg
