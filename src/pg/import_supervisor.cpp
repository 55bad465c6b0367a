#include "pg/import_supervisor.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "pg/import_queue.h"
#include "pg/import_worker.h"
#include "pg/module.h"
#include "pg/retention.h"
#include "pg/statement.h"
#include "pg/test_point.h"
#include "pg/transactions.h"

namespace customer_import::pg {

namespace {

constexpr const char* kLibrary = "$libdir/customer_import";
constexpr long kSupervisorWait = 1000;   // milliseconds between two looks at the queue
constexpr int kMaxStarts = 20;           // of workers of an import that end before they claim anything

struct StartedWorker {
    std::int64_t import_id;
    BackgroundWorkerHandle* handle;
};

struct WaitingImport {
    std::int64_t id = 0;
    Oid role = InvalidOid;
    std::string role_name;
    std::string origin;
    bool stops = false;
    bool is_claimed = false;
    int open_slices = 0;
    int locked_slices = 0;  // that a worker works on, whoever started it
    int fences = 0;
    int claims = 0;         // of the slice that was claimed most often without getting on
    bool role_exists = false;
    bool role_may_log_in = false;

    // It may be what kills its workers, and with them the server.
    bool is_suspect() const { return claims >= kSuspectClaims; }
};

std::vector<WaitingImport> find_waiting() {
    OwnerScope owner;
    std::vector<WaitingImport> waiting;
    for (const Row& row : query_latest(
             "SELECT i.id, j.role_oid, i.database_role, j.origin, j.stop_state IS NOT NULL, i.state <> 'queued',"
             "       s.open_slices, s.fences, s.claims, r.oid IS NOT NULL, COALESCE(r.rolcanlogin, false),"
             "       (SELECT count(*) FROM pg_locks AS l"
             "         WHERE l.locktype = 'object' AND l.granted AND l.objid::bigint = i.id & 4294967295"
             "           AND l.classid = 'customer_import.import_slices'::regclass"
             "           AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()))"
             "  FROM customer_import.imports AS i"
             "  JOIN customer_import.import_jobs AS j ON j.import_id = i.id"
             "  LEFT JOIN pg_roles AS r ON r.oid = j.role_oid AND r.rolname = i.database_role"
             " CROSS JOIN LATERAL ("
             "           SELECT count(*) FILTER (WHERE NOT p.ended) AS open_slices, sum(p.fence) AS fences,"
             "                  max(p.claims) FILTER (WHERE NOT p.ended) AS claims"
             "             FROM customer_import.import_slices AS p WHERE p.import_id = i.id) AS s"
             " WHERE i.state IN ('queued', 'checking', 'running')"
             " ORDER BY i.state = 'queued', i.id")) {
        WaitingImport& import = waiting.emplace_back();
        import.id = std::stoll(*row[0]);
        import.role = static_cast<Oid>(std::stoul(*row[1]));
        import.role_name = *row[2];
        import.origin = *row[3];
        import.stops = row[4] == "t";
        import.is_claimed = row[5] == "t";
        import.open_slices = std::stoi(*row[6]);
        import.fences = std::stoi(row[7].value_or("0"));
        import.claims = std::stoi(row[8].value_or("0"));
        import.role_exists = row[9] == "t";
        import.role_may_log_in = row[10] == "t";
        import.locked_slices = std::stoi(*row[11]);
    }
    return waiting;
}

class Supervisor {
public:
    // Looks after the queue until it is empty.
    void run();

private:
    // Returns false when there is nothing left to do.
    bool look();
    bool settle(const WaitingImport& import);
    std::vector<WaitingImport> choose(const std::vector<WaitingImport>& waiting);
    bool is_due(const WaitingImport& import);
    void start_workers(const WaitingImport& import);
    int count_workers(std::int64_t import_id) const;
    bool is_running(const WaitingImport& import) const {
        return import.locked_slices > 0 || count_workers(import.id) > 0;
    }
    void forget_ended();

    WorkerTransactions transactions_;
    std::vector<StartedWorker> workers_;
    struct Starts {
        int fences = 0;
        int count = 0;                // of workers, without one that got on
        TimestampTz not_before = 0;   // of the next one, for a suspect
    };
    std::map<std::int64_t, Starts> starts_;
};

void Supervisor::forget_ended() {
    std::erase_if(workers_, [](const StartedWorker& worker) {
        pid_t pid;
        if (GetBackgroundWorkerPid(worker.handle, &pid) != BGWH_STOPPED) {
            return false;
        }
        pfree(worker.handle);
        return true;
    });
}

int Supervisor::count_workers(std::int64_t import_id) const {
    return static_cast<int>(std::count_if(workers_.begin(), workers_.end(), [&](const StartedWorker& worker) {
        return worker.import_id == import_id;
    }));
}

// Ends what no worker can do. Returns true when there is nothing to start.
bool Supervisor::settle(const WaitingImport& import) {
    if (import.origin != database_origin()) {
        OwnerScope owner;
        // Whoever releases it at the same time has its row: behind him, it is of this database.
        execute("SELECT FROM customer_import.imports WHERE id = $1 FOR UPDATE", {parameter(import.id)});
        execute("UPDATE customer_import.imports SET state = 'held', message = $2 WHERE id = $1 AND EXISTS ("
                "SELECT FROM customer_import.import_jobs AS j WHERE j.import_id = $1 AND j.origin = $3)",
                {parameter(import.id),
                 parameter("Import " + std::to_string(import.id) + " is held: it was restored from another database. "
                           "Let it go on with SELECT customer_import.release_restored()."),
                 parameter(std::string_view(import.origin))});
        return true;
    }
    Starts& starts = starts_[import.id];
    if (starts.fences != import.fences || import.locked_slices > 0) {
        starts = {import.fences, 0, 0};
    }
    std::string reason;
    if (!import.role_exists) {
        reason = "database role \"" + import.role_name + "\" does not exist any more";
    } else if (!import.role_may_log_in) {
        reason = "database role \"" + import.role_name + "\" may not log in";
    } else if (starts.count >= kMaxStarts) {
        reason = "its workers could not start; see the log of the server";
    } else {
        return false;
    }
    if (!is_running(import) && lock_out_workers(import.id)) {
        request_stop(import.id, {starts.count >= kMaxStarts ? "failed" : "denied", reason});
        end_job(import.id);
    }
    return true;
}

// The imports to work on now.
std::vector<WaitingImport> Supervisor::choose(const std::vector<WaitingImport>& waiting) {
    std::vector<WaitingImport> chosen;
    for (const WaitingImport& import : waiting) {
        if (is_running(import) || static_cast<int>(chosen.size()) < max_running_imports) {
            chosen.push_back(import);
        }
    }
    return chosen;
}

// A worker of a suspect ends at once when another suspect runs: it is not tried in a loop.
bool Supervisor::is_due(const WaitingImport& import) {
    TimestampTz& not_before = starts_[import.id].not_before;
    const TimestampTz now = GetCurrentTimestamp();
    if (!import.is_suspect() || now >= not_before) {
        not_before = TimestampTzPlusMilliseconds(now, kSupervisorWait);
        return true;
    }
    return false;
}

void Supervisor::start_workers(const WaitingImport& import) {
    const int wanted = import.stops || !import.is_claimed || import.is_suspect() ? 1 : import.open_slices;
    while (std::max(count_workers(import.id), import.locked_slices) < wanted && is_due(import)) {
        BackgroundWorker worker = make_worker("customer_import worker", "ci_worker_main", BGW_NEVER_RESTART);
        worker.bgw_notify_pid = MyProcPid;
        WorkerArguments arguments{MyDatabaseId, import.role, import.id, MyProcPid};
        memcpy(worker.bgw_extra, &arguments, sizeof arguments);
        BackgroundWorkerHandle* handle = call([&] {
            MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
            BackgroundWorkerHandle* registered = nullptr;
            if (!RegisterDynamicBackgroundWorker(&worker, &registered)) {
                registered = nullptr;
            }
            MemoryContextSwitchTo(before);
            return registered;
        });
        if (handle == nullptr) {
            return;  // no slot is free: one of the next looks will find one
        }
        workers_.push_back({import.id, handle});
        starts_[import.id].count += import.is_suspect() ? 0 : 1;
    }
}

bool Supervisor::look() {
    forget_ended();
    std::vector<WaitingImport> waiting;
    const std::optional<PgError> error = transactions_.run([&] {
        waiting = find_waiting();
        std::erase_if(waiting, [&](const WaitingImport& import) { return settle(import); });
        if (waiting.empty()) {
            apply_retention();
        }
    });
    if (error) {
        throw PgError(*error);
    }
    test_point("supervisor_looked");
    for (const WaitingImport& import : choose(waiting)) {
        start_workers(import);
    }
    test_point("workers_started");
    return !waiting.empty() || !workers_.empty();
}

void Supervisor::run() {
    for (;;) {
        while (look()) {
            wait_for_a_while(kSupervisorWait);
        }
        // Who submits right now believes that we are here: only when nobody does may we go.
        bool is_free = false;
        const std::optional<PgError> error = transactions_.run([&] {
            is_free = no_submission_under_way() && find_waiting().empty();
            if (is_free) {
                unlock_supervisor();
            }
        });
        if (error) {
            throw PgError(*error);
        }
        if (is_free) {
            test_point("supervisor_leaves");
            return;
        }
        wait_for_a_while(kSupervisorWait);
    }
}

}  // namespace

BackgroundWorker make_worker(const char* type, const char* function, int restart_seconds) {
    BackgroundWorker worker;
    memset(&worker, 0, sizeof worker);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = restart_seconds;
    strlcpy(worker.bgw_name, type, BGW_MAXLEN);
    strlcpy(worker.bgw_type, type, BGW_MAXLEN);
    strlcpy(worker.bgw_library_name, kLibrary, BGW_MAXLEN);
    strlcpy(worker.bgw_function_name, function, BGW_MAXLEN);
    return worker;
}

void supervise_queue() { Supervisor().run(); }

}  // namespace customer_import::pg
