#include "pg/background/import_supervisor.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/format.h"
#include "pg/background/background_process.h"
#include "pg/background/import_queue.h"
#include "pg/background/shared_slices.h"
#include "pg/history/retention.h"
#include "pg/server/database_origin.h"
#include "pg/server/server_log.h"
#include "pg/server/settings.h"
#include "pg/server/statement.h"
#include "pg/server/test_point.h"
#include "pg/server/transactions.h"

namespace customer_import::pg {

namespace {

constexpr long kSupervisorWait = 1000;  // milliseconds between two looks at the queue
constexpr long kStopWait = 200;         // while an import that is to stop still runs
constexpr int kMaxStarts = 20;          // of workers of an import that end before they claim anything

struct StartedWorker {
    std::int64_t import_id;
    BackgroundWorkerHandle* handle;
};

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
    bool is_locked_out = false;  // by a session that is about to end it
    int fences = 0;              // changes whenever a worker has claimed a slice, or set one aside
    int claims = 0;              // of the slice that was claimed most often without progress
    bool role_exists = false;
    bool role_may_log_in = false;

    // It may be what kills its workers, and with them the server.
    bool is_suspect() const { return claims >= kSuspectClaims; }
};

std::vector<WaitingImport> find_waiting() {
    OwnerScope owner;
    std::vector<WaitingImport> waiting;
    for (
        const Row& row : query_latest(
            "SELECT i.id, j.role_oid, i.database_role, j.origin, j.stop_state IS NOT NULL, i.state <> 'queued',"
            "       s.due_slices, s.fences, s.claims, r.oid IS NOT NULL, COALESCE(r.rolcanlogin, false),"
            "       w.workers, w.is_locked_out, i.operator, i.state = 'running', i.file_bytes"
            "  FROM customer_import.imports AS i"
            "  JOIN customer_import.background_imports AS j ON j.import_id = i.id"
            "  LEFT JOIN pg_roles AS r ON r.oid = j.role_oid"
            " CROSS JOIN LATERAL ("
            "           SELECT count(*) FILTER (WHERE NOT p.ended AND (p.next_attempt_at IS NULL"
            "                                          OR p.next_attempt_at <= clock_timestamp())) AS due_slices,"
            "                  sum(p.fence + p.waits) AS fences, max(p.claims) FILTER (WHERE NOT p.ended) AS claims"
            "             FROM customer_import.import_slices AS p WHERE p.import_id = i.id) AS s"
            " CROSS JOIN LATERAL ("
            "           SELECT count(*) FILTER (WHERE l.mode = 'ExclusiveLock') AS workers,"
            "                  count(*) FILTER (WHERE l.mode <> 'ExclusiveLock') > 0 AS is_locked_out"
            "             FROM pg_locks AS l"
            "            WHERE l.locktype = 'object' AND l.granted AND l.objid::bigint = i.id & 4294967295"
            "              AND l.classid = 'customer_import.import_slices'::regclass"
            "              AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())) AS w"
            " WHERE i.state IN ('queued', 'checking', 'running')"
            " ORDER BY i.state = 'queued', i.id")) {
        WaitingImport& import = waiting.emplace_back();
        import.id = std::stoll(*row[0]);
        import.role = static_cast<Oid>(std::stoul(*row[1]));
        import.role_name = *row[2];
        import.origin = *row[3];
        import.stops = row[4] == "t";
        import.is_claimed = row[5] == "t";
        import.due_slices = std::stoi(*row[6]);
        import.fences = std::stoi(row[7].value_or("0"));
        import.claims = std::stoi(row[8].value_or("0"));
        import.role_exists = row[9] == "t";
        import.role_may_log_in = row[10] == "t";
        import.locked_slices = std::stoi(*row[11]);
        import.is_locked_out = row[12] == "t";
        import.operator_name = *row[13];
        import.is_checked = row[14] == "t";
        import.file_bytes = std::stoll(row[15].value_or("0"));
    }
    return waiting;
}

// The workers that wait for a lock, each with its slice: w (pid, import_id, slice).
constexpr const char* kWaitingWorkers =
    "WITH w AS (SELECT l.pid, s.import_id, s.slice FROM pg_locks AS l"
    "             JOIN customer_import.import_slices AS s"
    "               ON l.objid::bigint = s.import_id & 4294967295 AND l.objsubid = s.slice AND NOT s.ended"
    "            WHERE l.locktype = 'object' AND l.granted AND l.mode = 'ExclusiveLock'"
    "              AND l.classid = 'customer_import.import_slices'::regclass"
    "              AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())"
    "              AND EXISTS (SELECT FROM pg_locks AS n WHERE n.pid = l.pid AND NOT n.granted)) ";

// Notes which sessions workers wait for: after they have given up, this is no longer known.
void note_blockers() {
    OwnerScope owner;
    execute(
        std::string(kWaitingWorkers) +
        "UPDATE customer_import.import_slices AS s SET blocked_by = f.blockers FROM ("
        "       SELECT t.import_id, t.slice, b.blockers FROM w CROSS JOIN LATERAL customer_import._blockers(w.pid) AS b (blockers)"
        "         JOIN customer_import.import_slices AS t USING (import_id, slice)"
        "        WHERE t.blocked_by IS DISTINCT FROM b.blockers AND b.blockers IS NOT NULL FOR UPDATE OF t SKIP LOCKED) AS f"
        " WHERE s.import_id = f.import_id AND s.slice = f.slice");
}

// Ends the waits of workers whose import is to stop: they find out then.
void end_waits() {
    OwnerScope owner;
    execute(std::string(kWaitingWorkers) +
            "SELECT pg_cancel_backend(w.pid) FROM w JOIN customer_import.background_imports AS j USING (import_id)"
            " WHERE j.stop_state IS NOT NULL");
}

class Supervisor {
public:
    // Looks after the queue until it is empty.
    void run();

private:
    enum class Finding { nothing, work, stops };
    Finding look();
    bool is_restored(const WaitingImport& import) const { return import.origin != database_origin(); }
    std::optional<Stop> find_obstacle(const WaitingImport& import);
    bool settle(const WaitingImport& import);
    std::vector<WaitingImport> choose(const std::vector<WaitingImport>& waiting);
    std::vector<WaitingImport>::iterator next_in_turn(std::vector<WaitingImport>& candidates,
                                                      const std::map<std::string, int>& running);
    bool is_due(const WaitingImport& import);
    void start_workers(const WaitingImport& import);
    int count_workers(std::int64_t import_id) const;
    bool is_running(const WaitingImport& import) const {
        return import.locked_slices > 0 || count_workers(import.id) > 0;
    }
    void forget_ended();
    std::uint32_t share_slices(const WaitingImport& import);
    void forget_shared(const std::vector<WaitingImport>& waiting);

    WorkerTransactions transactions_;
    std::vector<StartedWorker> workers_;
    struct Starts {
        int fences = 0;
        int count = 0;               // of workers in a row, none of which made progress
        TimestampTz not_before = 0;  // of the next one, for a suspect
    };
    std::map<std::int64_t, Starts> starts_;
    std::map<std::string, std::int64_t> turns_;  // when an operator had its last one
    std::int64_t turn_ = 0;
    std::int64_t last_emptied_ = 0;
    bool lacks_slots_ = false;                     // and the log says so
    std::map<std::int64_t, SharedSlices> shared_;  // of imports
    const MemoryContext context_ = call(
        [] { return AllocSetContextCreate(TopMemoryContext, "customer_import look", ALLOCSET_DEFAULT_SIZES); });
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
    return static_cast<int>(std::count_if(workers_.begin(), workers_.end(),
                                          [&](const StartedWorker& worker) { return worker.import_id == import_id; }));
}

// Why no worker can do it.
std::optional<Stop> Supervisor::find_obstacle(const WaitingImport& import) {
    Starts& starts = starts_[import.id];
    if (starts.fences != import.fences || import.locked_slices > 0) {
        starts = {import.fences, 0, 0};
    }
    if (!import.role_exists) {
        return Stop{"denied", format("database role \"{}\" does not exist any more", import.role_name)};
    }
    if (!import.role_may_log_in) {
        return Stop{"denied", format("database role \"{}\" may not log in", import.role_name)};
    }
    if (starts.count >= kMaxStarts) {
        return Stop{"failed", "its workers could not start; see the log of the server"};
    }
    return std::nullopt;
}

// Ends what no worker can do. Returns true when there is nothing to start. The row of the import is locked first: a
// session that has it is left alone, and one of the next looks ends the import.
bool Supervisor::settle(const WaitingImport& import) {
    const std::optional<Stop> obstacle = is_restored(import) ? std::nullopt : find_obstacle(import);
    if (!is_restored(import) && !obstacle) {
        return false;
    }
    if (is_running(import) || import.is_locked_out) {
        return true;
    }
    (void)transactions_.run_unless_locked([&] {
        OwnerScope owner;
        const Parameter id = parameter(import.id);
        if (query("SELECT FROM customer_import.imports WHERE id = $1 AND finished_at IS NULL FOR UPDATE SKIP LOCKED",
                  {id})
                .empty()) {
            return;
        }
        if (!obstacle) {
            execute(
                "UPDATE customer_import.imports SET state = 'held', message = $2 WHERE id = $1 AND EXISTS ("
                "SELECT FROM customer_import.background_imports AS j WHERE j.import_id = $1 AND j.origin = $3)",
                {id,
                 parameter(format("Import {} is held: it was restored from another database. "
                                  "Resume it with SELECT customer_import.release_restored().",
                                  import.id)),
                 parameter(std::string_view(import.origin))});
        } else if (lock_out_workers(import.id)) {
            request_stop(import.id, *obstacle);
            end_background_import(import.id);
        }
    });
    return true;
}

// Whose turn it is: that of the operator with the fewest running imports, among equals the one that has waited longest;
// of its imports, the first.
std::vector<WaitingImport>::iterator Supervisor::next_in_turn(std::vector<WaitingImport>& candidates,
                                                              const std::map<std::string, int>& running) {
    const auto rank = [&](const WaitingImport& import) {
        const auto count = running.find(import.operator_name);
        const auto turn = turns_.find(import.operator_name);
        return std::pair(count == running.end() ? 0 : count->second, turn == turns_.end() ? 0 : turn->second);
    };
    return std::min_element(
        candidates.begin(), candidates.end(),
        [&](const WaitingImport& one, const WaitingImport& other) { return rank(one) < rank(other); });
}

// The imports to work on now.
std::vector<WaitingImport> Supervisor::choose(const std::vector<WaitingImport>& waiting) {
    std::vector<WaitingImport> chosen;
    std::vector<WaitingImport> candidates;
    std::map<std::string, int> running;
    for (const WaitingImport& import : waiting) {
        if (is_running(import)) {
            chosen.push_back(import);
            ++running[import.operator_name];
        } else if (import.due_slices > 0 && !import.is_locked_out) {
            candidates.push_back(import);
        }
    }
    while (static_cast<int>(chosen.size()) < max_running_imports && !candidates.empty()) {
        const auto next = next_in_turn(candidates, running);
        turns_[next->operator_name] = ++turn_;
        ++running[next->operator_name];
        chosen.push_back(std::move(*next));
        candidates.erase(next);
    }
    return chosen;
}

// The handle of what the workers of an import share: made for the one that checks a file of several slices, kept until
// the import has ended. 0: each reads the file by itself.
std::uint32_t Supervisor::share_slices(const WaitingImport& import) {
    auto found = shared_.find(import.id);
    if (found == shared_.end() && !import.is_checked && import.file_bytes >= kSharedFileBytes &&
        workers_per_import > 1) {
        SharedSlices made;
        if (std::optional<PgError> error = transactions_.run([&] { made = SharedSlices::create(import.id); })) {
            forget(*error);  // out of memory, say
        }
        found = shared_.emplace(import.id, std::move(made)).first;
    }
    return found == shared_.end() ? 0 : found->second.handle();
}

void Supervisor::forget_shared(const std::vector<WaitingImport>& waiting) {
    std::erase_if(shared_, [&](const auto& entry) {
        return std::none_of(waiting.begin(), waiting.end(),
                            [&](const WaitingImport& import) { return import.id == entry.first; });
    });
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
    const int wanted = import.stops || !import.is_claimed || import.is_suspect() ? 1 : import.due_slices;
    while (std::max(count_workers(import.id), import.locked_slices) < wanted && is_due(import)) {
        BackgroundWorker worker = make_worker("customer_import worker", "ci_worker_main", BGW_NEVER_RESTART);
        worker.bgw_notify_pid = MyProcPid;
        WorkerArguments arguments{MyDatabaseId, import.role, import.id, MyProcPid, share_slices(import)};
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
        if (handle == nullptr) {  // no slot is free: one of the next looks will find one
            if (!std::exchange(lacks_slots_, true)) {
                write_log(WARNING, format("no background worker slot is free for import {}: see max_worker_processes",
                                          import.id));
            }
            return;
        }
        lacks_slots_ = false;
        workers_.push_back({import.id, handle});
        starts_[import.id].count += import.is_suspect() ? 0 : 1;
    }
}

Supervisor::Finding Supervisor::look() {
    call([&] { MemoryContextReset(context_); });
    ContextScope scope(context_);
    forget_ended();
    std::vector<WaitingImport> waiting;
    bool stops = false;
    if (!transactions_.run_unless_locked([&] {
            waiting = find_waiting();
            for (const WaitingImport& import : waiting) {
                stops = stops || (import.stops && import.locked_slices > 0);
            }
            if (!waiting.empty()) {
                note_blockers();
            }
            if (stops) {
                end_waits();
            }
        })) {
        return Finding::work;
    }
    forget_shared(waiting);
    std::erase_if(waiting, [&](const WaitingImport& import) { return settle(import); });
    const bool empties_more = waiting.empty() && apply_retention(transactions_, last_emptied_);
    test_point("supervisor_looked");
    for (const WaitingImport& import : choose(waiting)) {
        start_workers(import);
    }
    test_point("workers_started");
    return stops                                                   ? Finding::stops
           : !waiting.empty() || !workers_.empty() || empties_more ? Finding::work
                                                                   : Finding::nothing;
}

void Supervisor::run() {
    transactions_.set_lock_timeout(kSupervisorLockTimeout);
    for (;;) {
        for (Finding found = look(); found != Finding::nothing; found = look()) {
            wait_for_a_while(found == Finding::stops ? kStopWait : kSupervisorWait);
        }
        // A session that is submitting relies on this supervisor: it may only end while there is none.
        bool is_free = false;
        (void)transactions_.run_unless_locked([&] {
            is_free = no_submission_under_way() && find_waiting().empty();
            if (is_free) {
                unlock_supervisor();
            }
        });
        if (is_free) {
            test_point("supervisor_leaves");
            return;
        }
        wait_for_a_while(kSupervisorWait);
    }
}

}  // namespace

void supervise_queue() { Supervisor().run(); }

}  // namespace customer_import::pg
