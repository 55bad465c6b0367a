#include "pg/background/slice_run.h"

#include <memory>
#include <vector>

#include "core/batch.h"
#include "core/format.h"
#include "core/grant_ceiling.h"
#include "core/text.h"
#include "pg/access/identity.h"
#include "pg/access/role_catalog.h"
#include "pg/apply/import_kinds.h"
#include "pg/background/background_process.h"
#include "pg/background/import_queue.h"
#include "pg/background/slice_input.h"
#include "pg/history/report_store.h"
#include "pg/history/reversal.h"
#include "pg/input/created_codes.h"
#include "pg/input/preparers.h"
#include "pg/server/server_log.h"
#include "pg/server/settings.h"
#include "pg/server/statement.h"
#include "pg/server/test_point.h"
#include "pg/table/target.h"

namespace customer_import::pg {

namespace {

constexpr int kMaxAttempts = 10;  // of a batch that meets deadlocks or serialization failures
constexpr int kMaxClaims = 10;    // of a slice whose workers die before it makes progress
constexpr long kFirstDelay = 50;  // milliseconds before a batch is tried again; doubles each time

// Thrown when the slice is another worker's by now.
class TakenOver : public std::exception {};

// Thrown when the slice is to be tried again later, and other slices are to have the worker's slot meanwhile.
class SetAside : public std::exception {
public:
    explicit SetAside(std::string reason) : reason_(std::move(reason)) {}
    const std::string& reason() const { return reason_; }

private:
    std::string reason_;
};

Stop too_late() { return {"failed", "it took longer than customer_import.import_timeout allows"}; }

bool can_be_repeated(const PgError& error) {
    return ERRCODE_TO_CATEGORY(error.sqlstate()) == ERRCODE_TRANSACTION_ROLLBACK;
}

// Whether temporary files had no room on the disk, or below temp_file_limit.
bool is_full(const PgError& error) {
    return error.sqlstate() == ERRCODE_DISK_FULL || error.sqlstate() == ERRCODE_CONFIGURATION_LIMIT_EXCEEDED;
}

std::string describe(const PgError& error) {
    const ErrorData* data = error.data();
    return format("{} (SQLSTATE {})", error.what(), unpack_sql_state(data->sqlerrcode));
}

// Gives the transaction the submitter's identity, and the settings by which the submitter's texts are read, until its
// end.
void assume_submitter(const BackgroundImport& import) {
    if (import.acts) {
        assume_operator(import.operator_name);
    }
    execute(
        "SELECT pg_catalog.set_config(s.key, s.value, true) FROM pg_catalog.jsonb_each_text($1::pg_catalog.jsonb)"
        " AS s",
        {parameter(std::string_view(import.settings))});
}

Identity require_still_permitted() {
    const Identity& identity = fresh_identity();
    if (!identity.rights.has(Right::import_customers)) {
        throw Stopped({"denied", lost_right_reason(identity)});
    }
    return identity;
}

class SliceRun {
public:
    SliceRun(Transactions& transactions, BackgroundImport import, const Slice& slice, WorkerLock& lock,
             std::optional<WorkerLock>& suspect, int slices, SharedSlices& shared, MemoryContext context)
        : transactions_(transactions),
          lock_(lock),
          suspect_(suspect),
          import_(std::move(import)),
          slice_(slice),
          shared_(shared),
          transaction_context_(
              call([&] { return AllocSetContextCreate(context, "transaction", ALLOCSET_DEFAULT_SIZES); })),
          input_(
              import_, slice_, slices, shared, progress_, [this] { check_stop(); }, context, transaction_context_) {}

    // Applies what is left of the slice, and ends it. Returns false when it was set aside.
    bool run();

private:
    void apply_rest();
    void set_aside(const std::string& reason);
    void throw_stop_after_cancel();

    template <typename Body>
    void repeat(Body&& body);
    void read_file();
    void try_to_read();
    void apply_batch(const Batch& batch);
    bool is_too_late() const { return import_timeout > 0 && import_.milliseconds() >= import_timeout; }
    void check_stop();
    bool keep_lock();
    void stop(const Stop& stop);
    bool is_last(std::int64_t position) const { return position >= slice_.records.value_or(0); }

    Transactions& transactions_;
    WorkerLock& lock_;
    std::optional<WorkerLock>& suspect_;  // until the slice makes progress
    BackgroundImport import_;
    Slice slice_;
    SharedSlices& shared_;
    const MemoryContext transaction_context_;

    ProgressReport progress_;
    SliceInput input_;
    ApplyState state_;
    bool has_ended_ = false;  // the slice
};

void SliceRun::check_stop() {
    call([] {
        if (!PostmasterIsAlive()) {  // a new server cannot start as long as a process uses the shared memory
            ereport(FATAL, (errcode(ERRCODE_ADMIN_SHUTDOWN), errmsg("the server has gone")));
        }
    });
    if (std::optional<Stop> stop = requested_stop(import_.id)) {
        throw Stopped(std::move(*stop));
    }
    if (is_too_late()) {
        throw Stopped(too_late());
    }
}

bool SliceRun::keep_lock() {
    if (!lock_.keep()) {
        throw TakenOver();
    }
    return true;
}

// Runs `body` in a transaction as the submitter; again, after a while, when other sessions were in its way.
template <typename Body>
void SliceRun::repeat(Body&& body) {
    long delay = kFirstDelay;
    for (int attempt = 1;; ++attempt) {
        call([&] { MemoryContextReset(transaction_context_); });
        ContextScope scope(transaction_context_);
        std::optional<PgError> error = transactions_.run([&] {
            if (!lock_.keep_in_transaction()) {
                throw TakenOver();
            }
            assume_submitter(import_);
            body();
        });
        if (!error) {
            return;
        }
        if (const std::optional<std::string> reason = reason_to_wait(*error)) {
            throw SetAside(*reason);
        }
        if (error->sqlstate() == ERRCODE_QUERY_CANCELED) {
            throw_stop_after_cancel();
        }
        if (error->sqlstate() == ERRCODE_INSUFFICIENT_PRIVILEGE && transactions_.run([&] {
                assume_submitter(import_);
                require_still_permitted();
            })) {
            throw Stopped({"denied", format("database role {} does not exist any more", quoted(import_.role_name))});
        }
        if (!can_be_repeated(*error) || attempt == kMaxAttempts) {
            throw PgError(*error);
        }
        write_log(WARNING, format("import {} slice {}: attempt {} failed (SQLSTATE {}), the next one comes in {} ms",
                                  import_.id, slice_.number, attempt, unpack_sql_state(error->sqlstate()), delay));
        forget(*error);
        wait_all_of(delay);
        delay *= 2;
    }
}

// What was canceled may have waited for a lock in vain: the supervisor ends such a wait when the import is to stop.
void SliceRun::throw_stop_after_cancel() {
    std::optional<Stop> stop;
    if (std::optional<PgError> error = transactions_.run([&] { stop = requested_stop(import_.id); })) {
        forget(*error);
    }
    if (stop) {
        throw Stopped(std::move(*stop));
    }
}

// Reads the file and keeps the records of the slice. The first one to do so records what the check found.
void SliceRun::read_file() {
    try {
        try_to_read();
    } catch (const PgError& error) {
        if (!is_full(error) || !input_.stop_sharing()) {
            throw;
        }
        forget(error);
        try_to_read();  // the records of one slice may fit
    }
    import_.state = "running";
    input_.committed();
    progress_.running(import_.id, import_.records, 0);
    wake_supervisor();
    input_.spool().skip(slice_.position);
}

void SliceRun::try_to_read() {
    repeat([&] {
        check_stop();
        const Identity identity = require_still_permitted();
        if (import_.request.create_unknown_roles && !identity.rights.has(Right::administer)) {
            throw Stopped({"denied", format("operator {} may not add role codes any more", quoted(identity.name))});
        }
        input_.read(identity);
        test_point("check");
    });
}

void SliceRun::apply_batch(const Batch& batch) {
    const auto size = static_cast<std::int64_t>(batch.size());
    std::int64_t pages = slice_.pages;
    bool ends = false;
    const ApplyState learnt = state_;
    repeat([&] {
        state_ = learnt;
        check_stop();
        const Identity identity = require_still_permitted();
        test_point("batch_begin");
        const Target target = load_same_target(import_, input_.target());
        const std::unique_ptr<RoleCatalog> current = load_held_catalog();
        const RecordCeiling ceiling(*current, identity, PreparedRecords(import_.request));
        const bool is_undo = import_.request.kind == ImportKind::undo;
        const std::unique_ptr<BatchApplier> applier = make_applier(
            import_.request, import_.id, target, input_.header(), is_undo ? *current : input_.catalog(),
            slice_.records.value_or(0), state_, transaction_context_);
        IssueStore issues(transaction_context_, import_.request.encoding);
        ChangeLog log(transaction_context_, import_.id, slice_.number, slice_.pages);
        const ConstraintsChecked constraints(target);
        applier->apply(batch, ceiling.get());
        Counts counts;
        std::vector<std::int64_t> lines;
        for (std::size_t index = 0; index < batch.size(); ++index) {
            const RecordResult& result = applier->results()[index];
            const Record& record = batch.records()[index];
            counts.add(result.outcome);
            lines.push_back(record.line);
            if (!result.issues.empty()) {
                issues.add(record.line, result.outcome, result.issues, is_undo ? "" : record.raw);
            }
        }
        if (import_.request.create_unknown_roles) {
            note_given_codes(import_.id, import_.request, applier->changes());
        }
        log.write(applier->changes());
        issues.write(import_.id, false);
        mark_retried(import_, lines);
        test_point("batch_applied");
        pages = log.pages();
        require_still_permitted();  // the batch may have waited for a long time
        if (!advance_slice(import_.id, slice_, size, pages, counts)) {
            throw TakenOver();
        }
        if (import_.request.has_reject_limit()) {
            if (std::optional<std::string> reason = import_.request.reject_limit_passed(rejected_so_far(import_.id),
                                                                                        import_.records)) {
                request_stop(import_.id, {"failed", *std::move(reason)});
            }
        }
        ends = is_last(slice_.position + size);
        if (ends) {
            end_slice(import_.id, slice_.number);
        }
        test_point("batch_end");
    });
    slice_.position += size;
    slice_.pages = pages;
    has_ended_ = ends;
    suspect_.reset();
    progress_.applied(slice_.position);
    test_point("batch_committed");
}

void SliceRun::stop(const Stop& stop) {
    transactions_.set_deadline(0);
    if (has_ended_) {
        return;
    }
    call([&] {
        if (!transactions_.has_caller()) {
            QueryCancelPending = false;  // it has had its effect
        }
        MemoryContextReset(transaction_context_);
    });
    ContextScope scope(transaction_context_);
    if (std::optional<PgError> error = transactions_.run([&] {
            request_stop(import_.id, stop);
            end_slice(import_.id, slice_.number);
        })) {
        if (const std::optional<std::string> reason = reason_to_wait(*error)) {
            throw SetAside(*reason);
        }
        throw PgError(*error);
    }
}

void SliceRun::set_aside(const std::string& reason) {
    transactions_.set_deadline(0);
    ContextScope scope(transaction_context_);  // an error's record may be in it
    if (std::optional<PgError> error = transactions_.run(
            [&] { customer_import::pg::set_aside(import_.id, slice_, reason); })) {
        throw PgError(*error);
    }
}

bool SliceRun::run() {
    try {
        apply_rest();
    } catch (const SetAside& waits) {
        set_aside(waits.reason());
        return false;
    }
    if (has_ended_ && shared_.exists()) {
        shared_.remove(slice_.number);
    }
    return true;
}

void SliceRun::apply_rest() {
    try {
        if (slice_.claims > kMaxClaims) {
            throw Stopped({"failed", format("{} workers in a row ended without getting on with it", kMaxClaims)});
        }
        if (import_timeout > 0) {
            transactions_.set_deadline(TimestampTzPlusMilliseconds(import_.started_at, import_timeout));
        }
        read_file();
        Batch batch;
        while (!has_ended_ && keep_lock() && input_.spool().next(batch, static_cast<std::size_t>(batch_rows))) {
            apply_batch(batch);
        }
        if (!has_ended_) {  // there was nothing in it
            repeat([&] { end_slice(import_.id, slice_.number); });
            has_ended_ = true;
        }
        transactions_.set_deadline(0);
    } catch (const Stopped& stopped) {
        stop(stopped.stop());
    } catch (const TakenOver&) {
        return;
    } catch (const ImportError& error) {
        stop({"failed", error.detail().empty() ? error.message() : format("{}: {}", error.message(), error.detail()),
              unpack_sql_state(error.sqlstate())});
    } catch (const PgError& error) {
        const bool is_canceled = error.sqlstate() == ERRCODE_QUERY_CANCELED;
        if (is_canceled && transactions_.has_caller()) {
            set_aside("its CALL customer_import.run_imports() was canceled");
            throw;  // the import stays open
        }
        stop(is_canceled && is_too_late() ? too_late()
                                          : Stop{"failed", describe(error), unpack_sql_state(error.sqlstate())});
    }
}

}  // namespace

bool run_slice(Transactions& transactions, BackgroundImport import, const Slice& slice, WorkerLock& lock,
               std::optional<WorkerLock>& suspect, int slices, SharedSlices& shared, MemoryContext context) {
    return SliceRun(transactions, std::move(import), slice, lock, suspect, slices, shared, context).run();
}

std::optional<std::string> reason_to_wait(const PgError& error) {
    if (error.sqlstate() == ERRCODE_LOCK_NOT_AVAILABLE) {
        return "a lock that it needs was held too long";
    }
    return std::nullopt;
}

}  // namespace customer_import::pg
