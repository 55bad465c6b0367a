#include "pg/background/import_worker.h"

#include <malloc.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/format.h"
#include "core/text.h"
#include "pg/background/background_process.h"
#include "pg/background/background_run.h"
#include "pg/background/claim_at_exit.h"
#include "pg/background/import_queue.h"
#include "pg/background/import_supervisor.h"
#include "pg/background/shared_slices.h"
#include "pg/background/worker_locks.h"
#include "pg/history/retention.h"
#include "pg/server/library_version.h"
#include "pg/server/server_log.h"
#include "pg/server/settings.h"
#include "pg/server/statement.h"
#include "pg/server/test_point.h"
#include "pg/server/transactions.h"
#include "pg/server/worker_slots.h"

namespace customer_import::pg {

namespace {

constexpr long kLauncherWait = 60000;
constexpr long kLauncherShortWait = 1000;  // while it lacks slots
constexpr long kSettlingTime = 1000;       // in which supervisors are there again after a crash of the server
constexpr long kClosedWait = 2000;
constexpr long kRefusedWait = 10000;
constexpr long kLockedWait = 1000;
constexpr int kMaxDatabases = 1000;

// ---- starting processes -------------------------------------------------------------------------------------------

constexpr const char* kSupervisorType = "customer_import supervisor";

bool register_process(const char* function, Oid database) {
    BackgroundWorker worker = make_worker(kSupervisorType, function, 1);
    worker.bgw_main_arg = ObjectIdGetDatum(database);
    return RegisterDynamicBackgroundWorker(&worker, nullptr);
}

// Raises nothing: also for a callback after a commit. Returns false when no slot is free.
bool register_supervisor(Oid database) { return register_process("ci_supervisor_main", database); }

bool has_warned = false;  // that there is no slot; once, until there is one

void warn_of_no_slot() {
    if (!std::exchange(has_warned, true)) {
        warn_after_commit("imports wait: no background worker slot is free for the supervisor (max_worker_processes)");
    }
}

// A session that found no slot for the supervisor tries again after each of its transactions, and when it ends. If it has
// queued an import, the log says so: nobody else may know of it. A look leaves no line: it shows that there is no slot, and
// monitoring looks again and again.
bool owes_supervisor = false;
bool has_queued = false;  // since there was a slot

// For a callback after a commit: raises nothing.
bool supervisor_shows() {
    bool shows = false;
    release([&] { shows = worker_shows(MyDatabaseId, kSupervisorType); });
    return shows;
}

void pay_supervisor() {
    if (!owes_supervisor) {
        return;
    }
    if (register_supervisor(MyDatabaseId)) {
        owes_supervisor = has_queued = has_warned = false;
    } else if (has_queued && !supervisor_shows()) {  // not one that another session has just started
        warn_of_no_slot();
    }
}

void pay_at_exit(int, Datum) { pay_supervisor(); }

void start_or_owe_supervisor() {
    static bool watches_exit = false;
    owes_supervisor = true;
    pay_supervisor();
    if (owes_supervisor && !std::exchange(watches_exit, true)) {
        before_shmem_exit(pay_at_exit, 0);
    }
}

// The pid of the supervisor of this database; 0: there is none.
int find_supervisor() {
    OwnerScope owner;
    const std::vector<Row> rows = query(
        "SELECT l.pid FROM pg_locks AS l WHERE l.locktype = 'object' AND l.granted AND l.objid = 0"
        "   AND l.classid = 'customer_import._background_imports'::regclass"
        "   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())");
    return rows.empty() ? 0 : std::stoi(*rows.front()[0]);
}

// What the current transaction is to do at its commit.
bool start_at_commit = false;
bool is_queueing = false;
int supervisor_to_wake = 0;

void end_transaction(XactEvent event, void*) {
    if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE) {
        return;
    }
    if (start_at_commit && event == XACT_EVENT_COMMIT) {
        if (supervisor_to_wake != 0) {
            wake_process(supervisor_to_wake);
        } else {
            has_queued = has_queued || is_queueing;
            start_or_owe_supervisor();
        }
    } else {
        pay_supervisor();
    }
    start_at_commit = is_queueing = false;
}

// Needs an SPI connection.
void start_at_end() {
    lock_submission();
    supervisor_to_wake = find_supervisor();
    start_at_commit = true;
}

// ---- processes ----------------------------------------------------------------------------------------------------

// Why this process could not connect, if it could not.
enum class Refusal { none, other, closed, gone };
Refusal refusal = Refusal::none;

// A database that is just being dropped, or that is renamed or moved, which looks the same, was found before: the next
// start knows.
void note_refusal(void*) {
    const int code = geterrcode();
    if (code == ERRCODE_UNDEFINED_DATABASE && !OidIsValid(MyDatabaseId)) {
        refusal = Refusal::gone;
    } else if (code == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE) {
        refusal = Refusal::closed;
    }
}

bool is_watched = false;  // the database that refuses this supervisor

// While a database accepts no connections, a process that is in none looks at it: each attempt to connect would leave
// two lines in the log. Without a slot for it this supervisor is restarted, and tries again.
void leave_to_watcher(int, Datum database) {
    is_watched = refusal == Refusal::closed && register_process("ci_watcher_main", DatumGetObjectId(database));
}

// A supervisor whose database exists is restarted until it can connect: nothing else may know of the imports in it. One
// whose database is gone is not to be restarted for ever. Without a watcher it takes its time; by then this process has
// left the database, which can be renamed.
void end_unconnected(int, Datum) {
    if (refusal == Refusal::closed && !is_watched && MyBgworkerEntry->bgw_restart_time != BGW_NEVER_RESTART) {
        ResetLatch(MyLatch);
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, kRefusedWait, PG_WAIT_EXTENSION);
    }
    if (refusal == Refusal::gone || is_watched ||
        (refusal != Refusal::none && MyBgworkerEntry->bgw_restart_time == BGW_NEVER_RESTART)) {
        proc_exit(0);
    }
}

// A role's transaction_timeout (PostgreSQL 17) is for its sessions: it would end a worker in the middle of a batch.
// Before the connection, because it counts from then on.
void disarm_transaction_timeout() {
    if (GetConfigOption("transaction_timeout", true, false) != nullptr) {
        SetConfigOption("transaction_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
    }
}

void connect(Oid database, Oid role) {
    refusal = Refusal::other;
    on_proc_exit(end_unconnected, 0);
    if (MyBgworkerEntry->bgw_restart_time != BGW_NEVER_RESTART) {
        before_shmem_exit(leave_to_watcher, ObjectIdGetDatum(database));
    }
    pqsignal(SIGTERM, die);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    BackgroundWorkerUnblockSignals();
    disarm_transaction_timeout();
    ErrorContextCallback context{error_context_stack, note_refusal, nullptr};
    error_context_stack = &context;
    BackgroundWorkerInitializeConnectionByOid(database, role, 0);
    error_context_stack = context.previous;
    refusal = Refusal::none;
}

// What pg_stat_activity says of this process.
void show_activity(const std::string& text) {
    call([&] { pgstat_report_activity(STATE_RUNNING, text.c_str()); });
}

// Whether the extension is in this database, in the version of this library.
bool extension_exists(Transactions& transactions) {
    bool exists = false;
    if (std::optional<PgError> error = transactions.run([&] { exists = lock_extension() && is_own_version(); })) {
        throw PgError(*error);
    }
    return exists;
}

void supervise() {
    name_process("customer_import supervisor");
    WorkerTransactions transactions;
    transactions.set_lock_timeout(kSupervisorLockTimeout);
    bool is_only_one = false;
    while (!transactions.run_unless_locked(
        [&] { is_only_one = lock_extension() && is_own_version() && lock_supervisor(); })) {
        wait_for_a_while(kLockedWait);
    }
    if (is_only_one) {
        show_activity("customer_import: looks after the imports of this database");
        supervise_queue(register_supervisor);
    }
}

// Each batch takes what the one before has freed: to give it back to the system and take it again costs a worker a
// twentieth of its time.
void keep_freed_memory() {
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 16 * 1024 * 1024);
    mallopt(M_TRIM_THRESHOLD, 32 * 1024 * 1024);
    mallopt(M_TOP_PAD, 1024 * 1024);
#endif
}

void work(const WorkerArguments& arguments) {
    keep_freed_memory();
    watch_exit();
    set_supervisor(arguments.supervisor_pid);
    name_process(format("customer_import worker, import {}", arguments.import_id));
    show_activity(format("customer_import: import {}", arguments.import_id));
    WorkerTransactions transactions;
    if (!extension_exists(transactions)) {
        return;
    }
    SharedSlices shared;
    if (std::optional<PgError> error = transactions.run(
            [&] { shared = SharedSlices::join(arguments.shared_slices, arguments.import_id); })) {
        forget(*error);  // they are just going; it works without
    }
    run_background_import(transactions, arguments.import_id, workers_per_import, shared);
    wake_supervisor();  // it starts the next one while this process ends
    // If the supervisor is gone, the imports of others must not wait for it.
    if (std::optional<PgError> error = transactions.run([] { start_waiting(); })) {
        throw PgError(*error);
    }
}

// Whether it was about to be dropped when that was interrupted: nobody can connect to it ever again.
bool is_left_over(const FormData_pg_database* database) {
    constexpr int kLeftOver = -2;  // DATCONNLIMIT_INVALID_DB, which older headers lack
    return database->datconnlimit == kLeftOver;
}

// The name of a database; nothing when there is none that could be connected to. Read as find_databases() does.
std::optional<std::string> find_database(Oid database, bool& is_open) {
    NameData name;
    name.data[0] = '\0';
    call([&] {
        Relation databases = table_open(DatabaseRelationId, AccessShareLock);
        TableScanDesc scan = table_beginscan_catalog(databases, 0, nullptr);
        HeapTuple tuple;
        while ((tuple = heap_getnext(scan, ForwardScanDirection)) != nullptr) {
            auto row = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
            if (row->oid == database && !is_left_over(row)) {
                name = row->datname;
                is_open = row->datallowconn;
            }
        }
        table_endscan(scan);
        table_close(databases, AccessShareLock);
    });
    return name.data[0] == '\0' ? std::nullopt : std::optional<std::string>(NameStr(name));
}

// Looks at a database that accepts no connections until it does, or is gone. One process does.
void watch_database(Oid database) {
    name_process(kSupervisorType);
    WorkerTransactions transactions;
    bool is_only_one = false;
    if (std::optional<PgError> error = transactions.run([&] { is_only_one = lock_watcher(database); })) {
        throw PgError(*error);
    }
    if (!is_only_one) {
        return;
    }
    for (bool has_told = false;;) {
        std::optional<std::string> name;
        bool is_open = false;
        if (std::optional<PgError> error = transactions.run([&] { name = find_database(database, is_open); })) {
            throw PgError(*error);
        }
        if (!name || (is_open && register_supervisor(database))) {
            return;
        }
        if (is_open) {
            warn_of_no_slot();
        } else if (!std::exchange(has_told, true)) {
            write_log(WARNING, format("imports wait: database {} takes no connections (ALLOW_CONNECTIONS is false)",
                                      quoted(*name)));
            show_activity("customer_import: waits until a database takes connections");
        }
        wait_for_a_while(kClosedWait);
    }
}

// The databases of the setting. Read as the server's own launchers do: a process without a database may not look names
// up in an index.
std::vector<Oid> find_databases() {
    std::vector<Oid> found(kMaxDatabases, InvalidOid);
    const int count = call([&] {
        int number = 0;
        List* names = NIL;
        if (!SplitIdentifierString(pstrdup(preloaded_databases != nullptr ? preloaded_databases : ""), ',', &names)) {
            ereport(WARNING, (errmsg("invalid list in customer_import.databases")));
            return 0;
        }
        Relation databases = table_open(DatabaseRelationId, AccessShareLock);
        TableScanDesc scan = table_beginscan_catalog(databases, 0, nullptr);
        HeapTuple tuple;
        while (number < kMaxDatabases && (tuple = heap_getnext(scan, ForwardScanDirection)) != nullptr) {
            auto database = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
            ListCell* name;
            foreach (name, names) {
                if (database->datallowconn && !is_left_over(database) &&
                    strcmp(static_cast<const char*>(lfirst(name)), NameStr(database->datname)) == 0) {
                    found[static_cast<std::size_t>(number++)] = database->oid;
                    break;
                }
            }
        }
        table_endscan(scan);
        table_close(databases, AccessShareLock);
        return number;
    });
    found.resize(static_cast<std::size_t>(count));
    return found;
}

// Starts a supervisor in each database of the setting that has none: it looks whether there are imports. Returns false
// when no slot was free for some: the next call begins with those, so that the first ones do not take all slots again and
// again.
bool launch() {
    static std::vector<Oid> databases;
    if (databases.empty()) {
        WorkerTransactions transactions;
        if (std::optional<PgError> error = transactions.run([&] {
                databases = find_databases();
                std::erase_if(databases, [](Oid database) { return worker_shows(database, kSupervisorType); });
            })) {
            throw PgError(*error);
        }
    }
    const std::size_t wanted = databases.size();
    while (!databases.empty() && register_supervisor(databases.back())) {
        databases.pop_back();
    }
    const bool is_stuck = !databases.empty() && databases.size() == wanted;
    if (is_stuck && !has_warned) {
        write_log(WARNING, "no background worker slot is free to look for imports (max_worker_processes)");
    }
    has_warned = is_stuck;
    return databases.empty();
}

}  // namespace

void watch_submissions() { RegisterXactCallback(end_transaction, nullptr); }

void register_launcher() {
    BackgroundWorker worker = make_worker("customer_import launcher", "ci_launcher_main", 10);
    RegisterBackgroundWorker(&worker);
}

void start_after_commit() {
    start_at_end();
    is_queueing = true;
}

void start_waiting() {
    if (RecoveryInProgress() || XactReadOnly) {
        return;
    }
    bool waits = false;
    {
        OwnerScope owner;
        waits =
            !query(
                 "SELECT FROM customer_import.imports AS i JOIN customer_import._background_imports AS j ON j.import_id = i.id"
                 " WHERE i.finished_at IS NULL AND i.state IN ('queued', 'checking', 'running') LIMIT 1")
                 .empty();
    }
    // The supervisor empties old imports: where all imports run in the foreground, nothing else starts one.
    if ((waits || retention_is_due()) && find_supervisor() == 0) {
        start_at_end();
    }
}

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

extern "C" {
PGDLLEXPORT void ci_supervisor_main(Datum database);
PGDLLEXPORT void ci_worker_main(Datum argument);
PGDLLEXPORT void ci_launcher_main(Datum argument);
PGDLLEXPORT void ci_watcher_main(Datum database);
}

void ci_supervisor_main(Datum database) {
    pg::connect(DatumGetObjectId(database), InvalidOid);
    pg::entry([] { pg::supervise(); });
    proc_exit(0);
}

void ci_worker_main(Datum) {
    pg::WorkerArguments arguments;
    memcpy(&arguments, MyBgworkerEntry->bgw_extra, sizeof arguments);
    pg::connect(arguments.database, arguments.role);
    pg::entry([&] { pg::work(arguments); });
    proc_exit(0);
}

// Is connected to no database, and reads only the shared catalogs.
void ci_watcher_main(Datum database) {
    pqsignal(SIGTERM, die);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    pg::entry([&] { pg::watch_database(DatumGetObjectId(database)); });
    proc_exit(0);
}

// Lives as long as the server. It is connected to no database, and reads only the shared catalogs.
void ci_launcher_main(Datum) {
    pqsignal(SIGTERM, die);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    pg::entry([] { pg::wait_all_of(pg::kSettlingTime); });
    for (;;) {
        pg::entry([] {
            const bool has_slots = pg::launch();
            pg::wait_for_a_while(has_slots ? pg::kLauncherWait : pg::kLauncherShortWait);
        });
    }
}
