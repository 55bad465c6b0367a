#include "pg/background/import_supervisor.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/format.h"
#include "core/text.h"
#include "pg/background/background_process.h"
#include "pg/background/import_queue.h"
#include "pg/background/shared_slices.h"
#include "pg/background/slice_waits.h"
#include "pg/background/slot_sharing.h"
#include "pg/background/turns.h"
#include "pg/background/waiting_imports.h"
#include "pg/background/worker_locks.h"
#include "pg/history/retention.h"
#include "pg/server/database_origin.h"
#include "pg/server/library_version.h"
#include "pg/server/server_log.h"
#include "pg/server/settings.h"
#include "pg/server/statement.h"
#include "pg/server/test_point.h"
#include "pg/server/transactions.h"

namespace customer_import::pg {

namespace {

constexpr long kSupervisorWait = 1000;  // milliseconds between two looks at the queue
constexpr long kShortWait = 200;        // while an import that is to stop still runs, or may give its place away
constexpr long kLongestPause = 300000;  // between two attempts
constexpr long kShortPause = 30000;     // as long as this, what workers share is kept
constexpr int kMaxStarts = 3;           // rounds of workers that end before they claim anything

struct StartedWorker {
    std::int64_t import_id;
    BackgroundWorkerHandle* handle;
};

class Supervisor {
public:
    explicit Supervisor(bool (*start)(Oid)) : start_elsewhere_(start) {}

    // Looks after the queue until it is empty.
    void run();

private:
    enum class Finding { nothing, work, soon, no_room };
    Finding look();
    bool is_restored(const WaitingImport& import) const { return import.origin != database_origin(); }
    std::optional<Stop> find_obstacle(const WaitingImport& import);
    bool settle(const WaitingImport& import);
    std::vector<WaitingImport> choose(const std::vector<WaitingImport>& waiting);
    bool is_stuck(const WaitingImport& import);
    void start_workers(const WaitingImport& import);
    bool start_worker(const WaitingImport& import);
    void note(const WaitingImport& import, const char* reason, const char* sqlstate);
    Finding look_again();
    int count_workers(std::int64_t import_id) const;
    bool is_running(const WaitingImport& import) const {
        return import.locked_slices > 0 || count_workers(import.id) > 0;
    }
    bool is_blocked(const WaitingImport& import) const;
    void forget_ended();
    std::uint32_t share_slices(const WaitingImport& import);
    void forget_shared(const std::vector<WaitingImport>& waiting);

    WorkerTransactions transactions_;
    bool (*start_elsewhere_)(Oid);
    SlotSharing slots_;
    bool lacks_slot_ = false;  // at this look
    std::vector<StartedWorker> workers_;
    struct Starts {
        int fences = 0;
        int count = 0;               // rounds of workers, none of which has claimed anything
        TimestampTz not_before = 0;  // of the next one
    };
    std::map<std::int64_t, Starts> starts_;
    Turns turns_;
    RetentionProgress emptied_;
    bool has_looked_ = false;
    std::map<std::int64_t, std::string> noted_;    // why imports wait that could run, as their rows say it
    bool has_warned_ = false;                      // and the log says it
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
        return fault_of_role(format("database role {} does not exist any more", quoted(import.role_name)));
    }
    if (!import.role_may_log_in) {
        return fault_of_role(format("database role {} may not log in, until ALTER ROLE {} LOGIN",
                                    quoted(import.role_name), quote_name(import.role_name)));
    }
    if (!import.role_may_connect) {
        return fault_of_role(format("database role {} may not connect to the database", quoted(import.role_name)));
    }
    if (import.is_too_late) {
        return too_late();
    }
    // While it is running, a slice may only wait for its turn: its next worker finds out whether the trouble has passed.
    if (import.long_wait && !is_running(import)) {
        return waited_too_long(*import.long_wait);
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
                "SELECT FROM customer_import._background_imports AS j WHERE j.import_id = $1 AND j.origin = $3)",
                {id,
                 parameter(format("Import {} is held: it was restored from another database. When that is out of use, "
                                  "a superuser has it resume with SELECT customer_import.release_restored().",
                                  import.id)),
                 parameter(std::string_view(import.origin))});
        } else if (lock_out_workers(import.id)) {
            request_stop(import.id, *obstacle);
            end_background_import(import.id);
        }
    });
    return true;
}

// Whether all its workers have waited for locks for a while. One that has just started may get on.
bool Supervisor::is_blocked(const WaitingImport& import) const {
    return import.blocked_slices > 0 && import.blocked_slices == import.locked_slices &&
           count_workers(import.id) <= import.locked_slices;
}

// The imports to work on now.
std::vector<WaitingImport> Supervisor::choose(const std::vector<WaitingImport>& waiting) {
    std::vector<WaitingImport> chosen;
    std::vector<WaitingImport> candidates;
    Places places;
    for (const WaitingImport& import : waiting) {
        if (is_running(import)) {
            places.take(import, is_blocked(import));
            chosen.push_back(import);
        } else if ((import.due_slices > 0 || import.stops) && !import.is_locked_out) {
            candidates.push_back(import);
        }
    }
    for (auto next = turns_.next(candidates, places); next != candidates.end();
         next = turns_.next(candidates, places)) {
        places.take(*next, false);
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

// What waits for long, or for room on the disk, holds no temporary file: the file of the import is read again then.
void Supervisor::forget_shared(const std::vector<WaitingImport>& waiting) {
    std::erase_if(shared_, [&](const auto& entry) {
        return std::none_of(waiting.begin(), waiting.end(), [&](const WaitingImport& import) {
            return import.id == entry.first && (is_running(import) || import.due_slices > 0 ||
                                                (import.pause < kShortPause && !import.lacks_resources));
        });
    });
}

// Whether its workers end before they claim anything: then it waits, the longer the more often that has happened.
bool Supervisor::is_stuck(const WaitingImport& import) {
    if (import.is_suspect() || starts_[import.id].count < kMaxStarts) {
        return false;
    }
    (void)transactions_.run_unless_locked([&] {
        set_aside_all(import.id, {"its workers cannot start; see the log of the server", "57P03"});
    });
    return true;
}

void Supervisor::start_workers(const WaitingImport& import) {
    const int wanted = import.stops || !import.is_claimed || import.is_suspect() ? 1 : import.due_slices;
    const TimestampTz now = GetCurrentTimestamp();
    if (std::max(count_workers(import.id), import.locked_slices) >= wanted || now < starts_[import.id].not_before) {
        return;
    }
    if (!import.database_is_open) {
        note(import, "the database takes no connections (ALLOW_CONNECTIONS is false)", "55000");
        return;
    }
    if (is_stuck(import)) {
        return;
    }
    while (std::max(count_workers(import.id), import.locked_slices) < wanted) {
        if (!start_worker(import)) {  // no slot is free: one of the next looks will find one
            lacks_slot_ = true;
            note(import, "no background worker slot is free (max_worker_processes)", "53000");
            return;
        }
    }
    // A worker of a suspect ends at once when another suspect runs: it is not tried in a loop.
    Starts& starts = starts_[import.id];
    starts.not_before = TimestampTzPlusMilliseconds(
        now, import.is_suspect() ? kSupervisorWait : starts.count * kSupervisorWait);
    starts.count += import.is_suspect() ? 0 : 1;
}

// Says why an import waits that could run, once; in words of ours, since the log gets them too.
void Supervisor::note(const WaitingImport& import, const char* reason, const char* sqlstate) {
    if (is_running(import) || noted_[import.id] == reason) {
        return;
    }
    noted_[import.id] = reason;
    if (!std::exchange(has_warned_, true)) {
        write_log(WARNING, format("import {} waits: {}", import.id, reason));
    }
    (void)transactions_.run_unless_locked([&] { note_wait(import.id, {reason, sqlstate}); });
}

bool Supervisor::start_worker(const WaitingImport& import) {
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
    if (handle == nullptr) {
        return false;
    }
    has_warned_ = false;
    noted_.erase(import.id);
    workers_.push_back({import.id, handle});
    return true;
}

Supervisor::Finding Supervisor::look() {
    call([&] { MemoryContextReset(context_); });
    ContextScope scope(context_);
    forget_ended();
    std::vector<WaitingImport> waiting;
    bool stops = false;
    bool waits = false;  // a worker does
    bool may_be_blocked = false;
    bool is_outdated = false;
    if (!transactions_.run_unless_locked([&] {
            is_outdated = !is_own_version();
            if (is_outdated) {
                return;
            }
            if (!has_looked_) {  // while nobody looked after them, as when the server was down, imports have not waited
                begin_waits_anew();
            }
            end_pauses();
            waiting = find_waiting();
            for (const WaitingImport& import : waiting) {
                stops = stops || (import.stops && import.locked_slices > 0);
                waits = waits || import.waiting_slices > 0;
                may_be_blocked = may_be_blocked || import.waiting_slices > import.blocked_slices;
            }
            if (waits) {
                note_blockers();
            }
            if (stops) {
                end_waits();
            }
        })) {
        return Finding::work;
    }
    if (is_outdated) {
        return Finding::nothing;  // a supervisor with the other library takes over; workers get along without this one
    }
    has_looked_ = true;
    forget_shared(waiting);
    std::erase_if(waiting, [&](const WaitingImport& import) { return settle(import); });
    const bool empties_more = waiting.empty() && apply_retention(transactions_, emptied_);
    test_point("supervisor_looked");
    const std::vector<WaitingImport> chosen = choose(waiting);
    lacks_slot_ = false;
    for (const WaitingImport& import : chosen) {
        start_workers(import);
    }
    const bool has_workers = !workers_.empty() ||
                             std::any_of(chosen.begin(), chosen.end(),
                                         [&](const WaitingImport& import) { return is_running(import); });
    if (!lacks_slot_ || has_workers) {
        slots_.get_on(transactions_, has_workers, start_elsewhere_);
    } else if (slots_.must_leave(transactions_)) {
        return Finding::no_room;
    }
    test_point("workers_started");
    const bool has_queue = chosen.size() < waiting.size();
    return stops || (may_be_blocked && has_queue) || slots_.expects_room() ? Finding::soon
           : !waiting.empty() || !workers_.empty() || empties_more         ? Finding::work
                                                                           : Finding::nothing;
}

// Looks, and waits where there is trouble that passes: what it knows of its imports is not to go with it.
Supervisor::Finding Supervisor::look_again() {
    for (long pause = kSupervisorWait;; pause = std::min(2 * pause, kLongestPause)) {
        try {
            return look();
        } catch (const PgError& error) {
            if (!reason_to_wait(error)) {
                throw;
            }
            write_log(WARNING, format("the supervisor waits for {} s (SQLSTATE {})", pause / 1000,
                                      unpack_sql_state(error.sqlstate())));
            forget(error);
        }
        wait_for_a_while(pause);
    }
}

void Supervisor::run() {
    transactions_.set_lock_timeout(kSupervisorLockTimeout);
    for (;;) {
        Finding found = look_again();
        for (; found == Finding::work || found == Finding::soon; found = look_again()) {
            wait_for_a_while(found == Finding::soon ? kShortWait : kSupervisorWait);
        }
        // A session that is submitting relies on this supervisor: it may only end while there is none.
        bool is_free = false;
        (void)transactions_.run_unless_locked([&] {
            is_free = no_submission_under_way() &&
                      (found == Finding::no_room || !is_own_version() || find_waiting().empty());
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

void supervise_queue(bool (*start)(Oid)) { Supervisor(start).run(); }

}  // namespace customer_import::pg
