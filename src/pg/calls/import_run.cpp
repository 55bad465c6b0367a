#include "pg/calls/import_run.h"

#include <exception>
#include <memory>
#include <set>

#include "core/batch.h"
#include "core/grant_ceiling.h"
#include "core/text.h"
#include "pg/access/access.h"
#include "pg/access/identity.h"
#include "pg/access/role_catalog.h"
#include "pg/apply/import_kinds.h"
#include "pg/apply/trial.h"
#include "pg/apply/unchanged_finder.h"
#include "pg/background/import_worker.h"
#include "pg/history/import_history.h"
#include "pg/history/progress.h"
#include "pg/history/report_store.h"
#include "pg/history/reversal.h"
#include "pg/input/created_codes.h"
#include "pg/input/preparers.h"
#include "pg/input/record_spool.h"
#include "pg/input/request_digest.h"
#include "pg/server/settings.h"
#include "pg/server/statement.h"
#include "pg/table/target.h"

namespace customer_import::pg {

namespace {

// Thrown when an import is given up: everything that it applied must be taken back.
class ImportFailed : public std::exception {
public:
    explicit ImportFailed(std::string reason, const char* state = "failed")
        : state_(state), reason_(std::move(reason)) {}
    const char* state() const { return state_; }
    const std::string& reason() const { return reason_; }
    const char* what() const noexcept override { return reason_.c_str(); }

private:
    const char* state_;
    std::string reason_;
};

class ImportRun final : private RecordTaker {
public:
    ImportRun(ImportRequest& request, InputSource* source, RecordWatcher* watcher, MemoryContext context)
        : operator_(current_identity().name),
          request_(request),
          watcher_(watcher),
          context_(context),
          target_(load_import_target()),
          catalog_(load_held_catalog()),
          own_source_(make_source(request, 0)),
          reader_(make_reader(request, own_source_ ? own_source_.get() : source, target_, *catalog_)),
          issues_(context, request.encoding),
          trial_(request),
          unchanged_(request, target_),
          spool_(record_order(request, target_.one_by_one), spool_options(request)) {}

    // Returns the import that the same operator has made with the same request id, if any.
    std::optional<ImportResult> find_earlier() const { return find_earlier_import(operator_, request_); }

    // Reads the file to its end and keeps its records; applies nothing. Throws ImportError when it is refused.
    void check();

    void apply();

    ImportResult finish();

private:
    void valid(const Record& record) override;
    void rejected(std::int64_t line, std::string_view user_name, const std::vector<Issue>& issues,
                  std::string_view raw) override;

    bool record_import();
    void try_first_records();
    bool next_batch(Batch& batch, int rows);
    void apply_records();
    void collect_given_codes(const std::vector<Change>& changes);
    void count(const Record& record, const RecordResult& result);
    bool failed() const { return result_.state != "completed"; }
    void give_up(const std::string& state, const std::string& reason);

    const std::string operator_;
    ImportRequest& request_;
    RecordWatcher* const watcher_;
    const MemoryContext context_;
    const Target target_;
    const std::unique_ptr<RoleCatalog> catalog_;
    const std::unique_ptr<InputSource> own_source_;
    const std::unique_ptr<RecordReader> reader_;
    IssueStore issues_;
    Trial trial_;
    UnchangedFinder unchanged_;
    RecordSpool spool_;
    ProgressReport progress_;

    std::int64_t records_ = 0;  // of the whole file, known after the check
    Counts counts_;
    std::set<std::string, std::less<>> given_codes_;  // in a dry run: those that would be added
    ImportResult result_{.state = "completed"};
};

void ImportRun::valid(const Record& record) {
    ++records_;
    trial_.add(record);
    spool_.add(record);
    if (watcher_ == nullptr) {  // who is shown what becomes of each record
        unchanged_.add(record);
    } else {
        watcher_->see(record.line, record.user_name, nullptr);
    }
    progress_.checked(records_, reader_->bytes());
}

void ImportRun::rejected(std::int64_t line, std::string_view user_name, const std::vector<Issue>& issues,
                         std::string_view raw) {
    ++records_;
    counts_.add(Outcome::rejected);
    issues_.add(line, Outcome::rejected, issues, raw);
    if (watcher_ != nullptr) {
        const RecordResult result{Outcome::rejected, issues};
        watcher_->see(line, user_name, &result);
    }
}

void ImportRun::check() {
    progress_.start(target_.table());
    if (request_.create_unknown_roles) {  // which codes to create is known only after the whole file
        reader_->add_unknown_codes();
    }
    reader_->read(*this);
    spool_.sort();
    if (request_.kind == ImportKind::file) {
        result_.warnings = reader_->warnings();
    }
}

// Writes the import's row. Returns false when the same request has come in on another connection meanwhile.
bool ImportRun::record_import() {
    const std::optional<std::int64_t> id = insert_import({operator_, current_role_name(), "running", reader_->bytes()},
                                                         request_, *reader_);
    result_.import_id = id.value_or(0);
    return id.has_value();
}

// The right that every batch needs; an import that has lost it in the middle ends.
Identity require_still() {
    const Identity& identity = fresh_identity();
    if (!identity.rights.has(Right::import_customers)) {
        throw ImportFailed(lost_right_reason(identity), "denied");
    }
    return identity;
}

void ImportRun::try_first_records() {
    const Identity identity = require_still();
    const RecordCeiling ceiling(*catalog_, identity, PreparedRecords(request_));
    if (std::optional<std::string> reason = trial_.run(result_.import_id, target_, reader_->header(), *catalog_,
                                                       ceiling.get(), context_)) {
        throw ImportFailed(*reason);
    }
}

// Passes over the records that were found to change nothing.
bool ImportRun::next_batch(Batch& batch, int rows) {
    if (unchanged_.found() == 0) {
        return spool_.next(batch, static_cast<std::size_t>(rows));
    }
    return spool_.next(batch, static_cast<std::size_t>(rows), [this](const RecordKey& record) {
        const bool is_unchanged = unchanged_.contains(record);
        if (is_unchanged) {
            counts_.add(Outcome::unchanged);
        }
        return is_unchanged;
    });
}

void ImportRun::apply_records() {
    unchanged_.find();
    ApplyState state;
    const std::unique_ptr<BatchApplier> applier = make_applier(request_, result_.import_id, target_, reader_->header(),
                                                               *catalog_, records_ - unchanged_.found(), state,
                                                               context_);
    if (watcher_ != nullptr) {
        applier->watch_roles();
    }
    ChangeLog log(context_, result_.import_id);
    const PreparedRecords prepared(request_);
    std::optional<PgError> error = in_subtransaction([&] {
        add_codes_of_import(result_.import_id, request_, reader_->new_codes());
        try_first_records();
        Batch batch;
        for (int rows = first_batch_rows(request_, target_); next_batch(batch, rows); rows = batch_rows) {
            const Identity identity = require_still();
            const RecordCeiling ceiling(*catalog_, identity, prepared);
            applier->apply(batch, ceiling.get());
            for (std::size_t index = 0; index < batch.size(); ++index) {
                count(batch.records()[index], applier->results()[index]);
            }
            if (request_.is_dry_run) {
                collect_given_codes(applier->changes());
            } else {
                if (request_.create_unknown_roles) {
                    note_given_codes(result_.import_id, request_, applier->changes());
                }
                log.write(applier->changes());
            }
            progress_.applied(counts_.sum());
            check_interrupts();
        }
        require_still();  // the last batch may have waited for a long time
    });
    if (error) {
        if (error->sqlstate() == ERRCODE_INSUFFICIENT_PRIVILEGE) {
            require_still();
        }
        throw PgError(*error);
    }
}

// Of a dry run, which leaves nothing where they could be read.
void ImportRun::collect_given_codes(const std::vector<Change>& changes) {
    const std::vector<std::string>& added = reader_->new_codes();
    if (added.empty()) {
        return;
    }
    const std::set<std::string_view> is_new(added.begin(), added.end());
    for (const Change& change : changes) {
        for (const std::string_view code : change.added) {
            if (is_new.count(code) != 0) {
                given_codes_.emplace(code);
            }
        }
    }
}

void ImportRun::count(const Record& record, const RecordResult& result) {
    counts_.add(result.outcome);
    if (watcher_ != nullptr) {
        watcher_->see(record.line, record.user_name, &result);
    }
    if (!result.issues.empty()) {
        issues_.add(record.line, result.outcome, result.issues,
                    request_.kind == ImportKind::undo ? "" : spool_.raw_of(record));
    }
    if (result.outcome == Outcome::rejected && request_.has_reject_limit()) {
        if (std::optional<std::string> reason = request_.reject_limit_passed(counts_.rejected, records_)) {
            throw ImportFailed(*std::move(reason));
        }
    }
}

void ImportRun::apply() {
    if (!request_.is_dry_run && !record_import()) {
        result_ = require_earlier_import(operator_, request_);
        counts_ = result_.counts;
        return;
    }
    progress_.running(result_.import_id, records_, counts_.sum());
    if (std::optional<std::string> reason = request_.reject_limit_passed(counts_.rejected, records_)) {
        give_up("failed", *reason);
        return;
    }
    const ConstraintsChecked constraints(target_);
    try {
        apply_records();
    } catch (const ImportFailed& failure) {
        result_.state = failure.state();
        result_.message = failure.reason();
    }
    constraints.defer();
    if (failed()) {
        give_up(result_.state, result_.message);
    }
}

// Nothing was applied, or it was taken back: only what was rejected is known.
void ImportRun::give_up(const std::string& state, const std::string& reason) {
    result_.state = state;
    counts_ = Counts{.records = records_, .rejected = counts_.rejected, .unprocessed = records_ - counts_.rejected};
    result_.message = request_.is_dry_run ? with_remark(dry_run_message(counts_, reason), reader_->encoding_hint())
                                          : failed_message(result_.import_id, state, reason, counts_.rejected > 0);
    if (watcher_ != nullptr) {
        watcher_->taken_back();
    }
}

ImportResult ImportRun::finish() {
    if (result_.is_earlier) {
        return result_;
    }
    result_.counts = counts_;
    const Repeats repeats = failed() ? Repeats() : spool_.repeats();  // it may not have been read to its end
    if (repeats.records > 0) {
        result_.warnings.push_back(repeats_warning(repeats));
    }
    if (request_.is_dry_run) {
        if (!failed()) {
            result_.message = dry_run_message(counts_, {});
            if (!given_codes_.empty()) {
                const std::vector<std::string> codes(given_codes_.begin(), given_codes_.end());
                result_.message = with_remark(result_.message, addable_codes_remark(codes));
            }
            result_.message = with_remark(result_.message, reader_->encoding_hint());
        }
        result_.message = with_remark(result_.message, ignored_remark(reader_->header().ignored()));
        return result_;
    }
    issues_.write(result_.import_id, failed(), reader_->encoding_hint());
    if (!failed()) {
        result_.message = completed_message(result_.import_id, counts_, has_issues(result_.import_id));
    }
    if (request_.kind == ImportKind::retry && !failed()) {
        mark_all_retried(request_, result_.import_id);
    }
    Remarks remarks{.encoding = reader_->encoding_hint(), .may_have_added_codes = request_.create_unknown_roles};
    if (request_.kind == ImportKind::file) {
        remarks.ignored = ignored_remark(reader_->header().ignored());
        remarks.repeats = repeats;
    }
    result_.message = finish_import(result_.import_id, result_.state, result_.message, counts_, remarks);
    if (request_.create_unknown_roles) {
        if (const std::vector<std::string> codes = codes_added_by(result_.import_id); !codes.empty()) {
            result_.warnings.push_back(added_codes_warning(codes));
        }
    }
    return result_;
}

}  // namespace

void require_import_rights(const ImportRequest& request) {
    require_right(Right::import_customers, "import customers");
    if (request.create_unknown_roles) {
        require_right(Right::administer, "add role codes by unknown_roles => 'create'");
    }
}

ImportResult run_import(ImportRequest& request, InputSource* source, RecordWatcher* watcher) {
    (void)lock_extension();
    require_import_rights(request);
    SpiConnection spi;
    if (!request.is_dry_run) {
        start_waiting();
    }
    MemoryContext context = call(
        [] { return AllocSetContextCreate(CurrentMemoryContext, "customer_import", ALLOCSET_DEFAULT_SIZES); });
    ImportResult result;
    const auto run_it = [&] {
        if (request.request_id && source != nullptr) {
            request.digest = request_digest(request, *source);
        }
        ImportRun run(request, source, watcher, context);
        if (std::optional<ImportResult> earlier = run.find_earlier()) {
            result = std::move(*earlier);
        } else {
            run.check();
            run.apply();
            result = run.finish();
        }
    };
    {
        ContextScope scope(context);
        if (!request.is_dry_run) {
            run_it();
        } else {
            roll_back(run_it);
        }
    }
    // After an error the context stays, since the error's record may be in it; it is deleted with the caller's.
    call([&] { MemoryContextDelete(context); });
    return result;
}

}  // namespace customer_import::pg
