#include "pg/background/slice_run.h"

#include <algorithm>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include "core/batch.h"
#include "core/format.h"
#include "core/grant_ceiling.h"
#include "core/text.h"
#include "pg/access/identity.h"
#include "pg/access/role_catalog.h"
#include "pg/apply/import_kinds.h"
#include "pg/background/background_process.h"
#include "pg/background/claim_at_exit.h"
#include "pg/background/import_queue.h"
#include "pg/background/passing_trouble.h"
#include "pg/background/slice_input.h"
#include "pg/background/slice_waits.h"
#include "pg/background/stop_causes.h"
#include "pg/background/worker_deaths.h"
#include "pg/history/report_store.h"
#include "pg/history/reversal.h"
#include "pg/input/created_codes.h"
#include "pg/input/preparers.h"
#include "pg/server/server_log.h"
#include "pg/server/settings.h"
#include "pg/server/statement.h"
#include "pg/server/test_point.h"
#include "pg/table/shadow.h"
#include "pg/table/target.h"

namespace customer_import::pg {

namespace {

constexpr int kMaxAttempts = 6;       // of a record, or of a check, that meets deadlocks or serialization failures
constexpr int kAttemptsTogether = 3;  // of several records, before they are halved
constexpr int kMaxSetAsides = 20;     // attempts to write that a slice waits, while not even that is possible
constexpr long kFirstDelay = 50;      // milliseconds before a batch is tried again; doubles each time
constexpr long kLastDelay = 30000;

// Thrown when the slice is another worker's by now.
class TakenOver : public std::exception {};

// Thrown when the slice is to be tried again later, and other slices are to have the worker's slot meanwhile.
class SetAside : public std::exception {
public:
    explicit SetAside(Wait wait) : wait_(std::move(wait)) {}
    const Wait& wait() const { return wait_; }

private:
    Wait wait_;
};

// Thrown when records that have failed together are to be tried in smaller parts.
class Halved : public std::exception {};

// Whether temporary files had no room on the disk, or below temp_file_limit.
bool is_full(const Wait& wait) { return wait.sqlstate == "53100" || wait.sqlstate == "53400"; }

// While it lives, transactions obey the statement_timeout of the role: it holds for batches.
class Bounded {
public:
    explicit Bounded(Transactions& transactions) : transactions_(transactions) {
        transactions_.obey_statement_timeout(true);
    }
    ~Bounded() { transactions_.obey_statement_timeout(false); }
    Bounded(const Bounded&) = delete;
    Bounded& operator=(const Bounded&) = delete;

private:
    Transactions& transactions_;
};

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
    void set_aside(const Wait& wait);
    bool has_waited_too_long() const;
    void throw_stop_after_cancel();
    void require_that_it_can_get_on();

    template <typename Body>
    void repeat(std::size_t records, Body&& body);
    void read_file();
    void try_to_read();
    void trim_shadow();
    void note_part(std::span<const Record> records);
    void apply_in_parts(const Batch& batch);
    void apply_batch(const Batch& batch);
    bool is_too_late() const { return import_timeout > 0 && import_.milliseconds() >= import_timeout; }
    void check_stop();
    bool keep_lock();
    void stop(const Stop& stop);
    void stop_for(const ImportError& error);
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
    bool has_ended_ = false;         // the slice
    bool has_told_halving_ = false;  // of the batch: once, however small its parts become
    std::int64_t lone_line_ = 0;     // of the record that is applied alone; 0: none is
    std::int64_t shadow_bytes_ = 0;  // that the shadow took at the last batch
    std::int64_t trim_above_ = kMostShadowBytes;
};

void SliceRun::check_stop() {
    end_without_server();
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

// Runs `body` in a transaction as the submitter; again, after a while, when other sessions were in its way. `records`:
// how many it applies together; several that fail are halved, and one alone has failed when it fails again.
template <typename Body>
void SliceRun::repeat(std::size_t records, Body&& body) {
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
        const bool took_too_long = error->sqlstate() == ERRCODE_QUERY_CANCELED && transactions_.has_timed_out();
        if (error->sqlstate() == ERRCODE_QUERY_CANCELED) {
            throw_stop_after_cancel();
            if (is_too_late() || transactions_.has_caller()) {
                throw PgError(*error);
            }
        }
        if (std::optional<Wait> wait = reason_to_wait(*error); wait && !took_too_long) {
            throw SetAside(*std::move(wait));
        }
        const bool conflicts = is_conflict(error->sqlstate());
        if (!conflicts && !took_too_long) {
            require_that_it_can_get_on();
        }
        const std::string sqlstate = unpack_sql_state(error->sqlstate());
        if (records > 1 && (!conflicts || attempt == kAttemptsTogether)) {
            if (!std::exchange(has_told_halving_, true)) {
                write_log(WARNING, format("import {} slice {}: a batch of {} failed (SQLSTATE {}), and is halved",
                                          import_.id, slice_.number, records, sqlstate));
            }
            forget(*error);
            throw Halved();
        }
        if (conflicts && attempt == kMaxAttempts) {
            throw SetAside({describe(*error), sqlstate});
        }
        if (!conflicts && (records == 0 || attempt > 1)) {
            throw PgError(*error);
        }
        write_log(WARNING, format("import {} slice {}: attempt {} failed (SQLSTATE {}), the next one comes in {} ms",
                                  import_.id, slice_.number, attempt, sqlstate, delay));
        forget(*error);
        wait_all_of(delay);
        delay *= 2;
    }
}

// The error may come from a role, a right or a table that has gone: then the import says that.
void SliceRun::require_that_it_can_get_on() {
    if (std::optional<PgError> failure = transactions_.run([&] { require_preconditions(import_); })) {
        forget(*failure);
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
    if (is_citus_loaded()) {
        repeat(0, [&] {
            settle_commits();
            shadow_bytes_ = shadow_bytes();  // others in the foreground may have left it large
        });
    }
    try {
        try_to_read();
    } catch (const SetAside& waits) {
        if (!is_full(waits.wait()) || !input_.stop_sharing()) {
            throw;
        }
        try_to_read();  // the records of one slice may fit
    }
    import_.state = "running";
    input_.committed();
    progress_.running(import_.id, import_.records, 0);
    if (import_.slices > 1) {
        wake_supervisor();  // the others can start
    }
    input_.spool().skip(slice_.position);
}

void SliceRun::try_to_read() {
    repeat(0, [&] {
        check_stop();
        const Identity identity = require_still_permitted();
        if (import_.request.create_unknown_roles && !identity.rights.has(Right::administer)) {
            throw Stopped({"denied", format("operator {} may not add role codes any more", quoted(identity.name)),
                           unpack_sql_state(ERRCODE_INSUFFICIENT_PRIVILEGE)});
        }
        input_.read(identity);
        test_point("check");
    });
}

// Between two batches. While somebody holds it for long it is tried seldom, since who comes after has to wait, too.
void SliceRun::trim_shadow() {
    const std::int64_t above = test_shadow_bytes(trim_above_);
    if (shadow_bytes_ > above) {
        repeat(0, [&] { trim_above_ = std::max(kMostShadowBytes, 2 * give_back_shadow(above)); });
    }
}

// The next worker is to know, when this one dies, at which records.
void SliceRun::note_part(std::span<const Record> records) {
    SlicePart part{static_cast<std::int64_t>(records.size()), records.front().line, records.front().line};
    for (const Record& record : records) {
        part.first_line = std::min(part.first_line, record.line);
        part.last_line = std::max(part.last_line, record.line);
    }
    repeat(0, [&] { customer_import::pg::note_part(import_.id, slice_, part); });
}

// Applies a batch: at first as a whole, unless a worker has died at it; where that fails, in parts that are halved until
// they go well, and doubled then. The parts are batches of their own, so it makes no difference where a batch ends.
void SliceRun::apply_in_parts(const Batch& batch) {
    std::size_t size = batch.size();
    has_told_halving_ = false;
    for (std::size_t done = 0; done < batch.size() && !has_ended_ && keep_lock();) {
        size = std::min(size, most_together(slice_, batch.size()));
        const std::size_t end = std::min(done + size, batch.size());
        if (slice_.is_in_parts()) {
            note_part(std::span(batch.records()).subspan(done, end - done));
        }
        lone_line_ = end - done == 1 ? batch.records()[done].line : 0;
        const bool is_whole = end - done == batch.size();
        Batch part;
        for (std::size_t index = done; index < end && !is_whole; ++index) {
            part.add(batch.records()[index]);
        }
        try {
            apply_batch(is_whole ? batch : part);
            done = end;
            size *= 2;
        } catch (const Halved&) {
            size = (end - done) / 2;
        }
    }
    lone_line_ = 0;
}

void SliceRun::apply_batch(const Batch& batch) {
    const auto size = static_cast<std::int64_t>(batch.size());
    std::int64_t pages = slice_.pages;
    bool ends = false;
    const ApplyState learnt = state_;
    const Bounded scope(transactions_);
    repeat(batch.size(), [&] {
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
            import_.is_cut ? import_.records : slice_.records.value_or(0), state_, transaction_context_,
            import_.is_resumed);
        IssueStore issues(transaction_context_, import_.request.encoding);
        ChangeLog log(transaction_context_, import_.id, slice_.number, slice_.pages);
        const ConstraintsChecked constraints(target);
        applier->apply(batch, ceiling.get());
        shadow_bytes_ = target.home ? shadow_bytes() : 0;
        Counts counts;
        std::vector<std::int64_t> lines;
        SharedRawRecords raw_records(input_.shared());
        for (std::size_t index = 0; index < batch.size(); ++index) {
            const RecordResult& result = applier->results()[index];
            const Record& record = batch.records()[index];
            counts.add(result.outcome);
            lines.push_back(record.line);
            if (!result.issues.empty()) {
                issues.add(record.line, result.outcome, result.issues,
                           is_undo ? "" : input_.raw_of(record, raw_records));
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
                request_stop(import_.id, {"failed", *std::move(reason), kFaultOfFile});
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
    slice_.waiting_since = 0;
    slice_.got_on_at = GetCurrentTimestamp();
    if (!slice_.is_in_parts()) {
        slice_.claims = 1;
        note_progress();
        suspect_.reset();
    }
    has_ended_ = ends;
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
        if (std::optional<Wait> wait = reason_to_wait(*error)) {
            throw SetAside(*std::move(wait));
        }
        throw PgError(*error);
    }
}

bool SliceRun::has_waited_too_long() const {
    return longest_wait > 0 && slice_.waiting_since != 0 &&
           GetCurrentTimestamp() >= slice_.waiting_since + std::int64_t{longest_wait} * USECS_PER_SEC;
}

// Where there is no room even for a row that says so, it is tried again for a while.
void SliceRun::set_aside(const Wait& wait) {
    transactions_.set_deadline(0);
    input_.drop();
    long delay = kFirstDelay;
    for (int attempt = 1;; ++attempt) {
        ContextScope scope(transaction_context_);  // an error's record may be in it
        const std::optional<PgError> error = transactions_.run(
            [&] { customer_import::pg::set_aside(import_.id, slice_, wait); });
        if (!error) {
            return;
        }
        if (!reason_to_wait(*error) || transactions_.has_caller() || attempt == kMaxSetAsides) {
            throw PgError(*error);
        }
        forget(*error);
        wait_all_of(delay);
        delay = std::min(2 * delay, kLastDelay);
    }
}

bool SliceRun::run() {
    try {
        try {
            apply_rest();
        } catch (const SetAside& waits) {
            if (!has_waited_too_long()) {
                throw;
            }
            stop(waited_too_long(waits.wait()));
        }
    } catch (const SetAside& waits) {
        set_aside(waits.wait());
        return false;
    }
    if (has_ended_ && shared_.exists()) {
        shared_.remove(slice_.number);
    }
    return true;
}

void SliceRun::apply_rest() {
    try {
        if (std::optional<Stop> stop = given_up(slice_)) {
            throw Stopped(std::move(*stop));
        }
        if (import_timeout > 0) {
            transactions_.set_deadline(TimestampTzPlusMilliseconds(import_.started_at, import_timeout));
        }
        read_file();
        Batch batch;
        while (!has_ended_ && keep_lock() && input_.spool().next(batch, static_cast<std::size_t>(batch_rows))) {
            trim_shadow();
            apply_in_parts(batch);
        }
        if (!has_ended_) {  // there was nothing in it
            repeat(0, [&] { end_slice(import_.id, slice_.number); });
            has_ended_ = true;
        }
        transactions_.set_deadline(0);
    } catch (const Stopped& stopped) {
        stop(stopped.stop());
    } catch (const TakenOver&) {
        return;
    } catch (const ImportError& error) {
        stop_for(error);
    } catch (const std::bad_alloc&) {
        throw SetAside(out_of_memory());
    } catch (const PgError& error) {
        const bool is_canceled = error.sqlstate() == ERRCODE_QUERY_CANCELED;
        if (is_canceled && transactions_.has_caller()) {
            set_aside({"its CALL customer_import.run_imports() was canceled", unpack_sql_state(error.sqlstate())});
            throw;  // the import stays open
        }
        const std::string place = lone_line_ == 0 ? "" : format(", at line {}", lone_line_);
        stop(is_canceled && is_too_late()
                 ? too_late()
                 : Stop{"failed", describe(error) + place, unpack_sql_state(error.sqlstate())});
    }
}

// What our own code has refused: because of a role, a right or a table that has gone, or for what it says.
void SliceRun::stop_for(const ImportError& error) {
    if (std::optional<Wait> wait = reason_to_wait(error)) {
        throw SetAside(*std::move(wait));
    }
    try {
        ContextScope scope(transaction_context_);
        require_that_it_can_get_on();
    } catch (const Stopped& stopped) {
        stop(stopped.stop());
        return;
    }
    stop({"failed", error.detail().empty() ? error.message() : format("{}: {}", error.message(), error.detail()),
          unpack_sql_state(error.sqlstate())});
}

}  // namespace

bool run_slice(Transactions& transactions, BackgroundImport import, const Slice& slice, WorkerLock& lock,
               std::optional<WorkerLock>& suspect, int slices, SharedSlices& shared, MemoryContext context) {
    return SliceRun(transactions, std::move(import), slice, lock, suspect, slices, shared, context).run();
}

}  // namespace customer_import::pg
