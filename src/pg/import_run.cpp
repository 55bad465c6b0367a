#include "pg/import_run.h"

#include <exception>
#include <memory>

#include "core/batch.h"
#include "core/grant_ceiling.h"
#include "core/text.h"
#include "pg/access.h"
#include "pg/batch_apply.h"
#include "pg/catalogue.h"
#include "pg/file_check.h"
#include "pg/identity.h"
#include "pg/import_history.h"
#include "pg/import_worker.h"
#include "pg/module.h"
#include "pg/progress.h"
#include "pg/record_spool.h"
#include "pg/report_store.h"
#include "pg/statement.h"
#include "pg/target.h"

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
    ImportRun(ImportRequest& request, InputSource& source, MemoryContext context)
        : operator_(current_identity().name),
          request_(request),
          source_(source),
          context_(context),
          target_(load_target()),
          catalogue_(load_catalogue()),
          check_(request, source, target_, *catalogue_),
          issues_(context, request.encoding),
          spool_(target_.one_by_one ? RecordOrder::by_line : RecordOrder::by_user_name) {}

    // Returns the import that the same operator has made with the same request id, if any.
    std::optional<ImportResult> find_earlier() const { return find_earlier_import(operator_, request_); }

    // Reads the file to its end and keeps its records; applies nothing. Throws ImportError when it is refused.
    void check();

    void apply();

    ImportResult finish();

private:
    void valid(const Record& record) override;
    void rejected(std::int64_t line, const std::vector<Issue>& issues, std::string_view raw) override;

    bool record_import();
    void apply_records();
    void count(const Record& record, const RecordResult& result);
    bool failed() const { return result_.state != "completed"; }
    void give_up(const std::string& state, const std::string& reason);

    const std::string operator_;
    ImportRequest& request_;
    InputSource& source_;
    const MemoryContext context_;
    const Target target_;
    const std::unique_ptr<RoleCatalogue> catalogue_;
    FileCheck check_;
    IssueStore issues_;
    RecordSpool spool_;
    ProgressReport progress_;

    std::int64_t records_ = 0;  // of the whole file, known after the check
    Counts counts_;
    ImportResult result_{.state = "completed"};
};

void ImportRun::valid(const Record& record) {
    ++records_;
    spool_.add(record);
    progress_.checked(records_, source_.bytes());
}

void ImportRun::rejected(std::int64_t line, const std::vector<Issue>& issues, std::string_view raw) {
    ++records_;
    counts_.add(Outcome::rejected);
    issues_.add(line, Outcome::rejected, issues, raw);
}

void ImportRun::check() {
    progress_.start(target_.relation);
    if (request_.create_unknown_roles) {  // which codes to create is known only after the whole file
        check_.add_unknown_codes();
    }
    check_.read(*this);
    spool_.sort();
    result_.warnings = check_.header().warnings();
}

// Writes the import's row. Returns false when the same request has come in on another connection meanwhile.
bool ImportRun::record_import() {
    const std::optional<std::int64_t> id =
        insert_import({operator_, current_role_name(), "running", source_.bytes()}, request_, check_);
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

void ImportRun::apply_records() {
    ApplyState state;
    BatchApplier applier(target_, check_.header(), request_.mode, *catalogue_, records_, state, context_);
    ChangeLog log(context_, result_.import_id);
    std::optional<PgError> error = in_subtransaction([&] {
        add_role_codes(check_.new_codes(), false);
        Batch batch;
        while (spool_.next(batch, static_cast<std::size_t>(batch_rows), kMaxBatchBytes)) {
            const Identity identity = require_still();
            const GrantCeiling ceiling(*catalogue_, identity.own_names);
            const bool is_limited = !identity.rights.has(Right::administer);
            if (std::optional<std::string> reason = applier.apply(batch, is_limited ? &ceiling : nullptr)) {
                for (std::uint32_t index : applier.rejected()) {
                    count(batch.records()[index], applier.results()[index]);
                }
                throw ImportFailed(*reason);
            }
            for (std::size_t index = 0; index < batch.size(); ++index) {
                count(batch.records()[index], applier.results()[index]);
            }
            log.write(applier.changes());
            progress_.applied(counts_.sum());
            check_interrupts();
        }
    });
    if (error) {
        if (error->sqlstate() == ERRCODE_INSUFFICIENT_PRIVILEGE) {
            require_still();
        }
        throw PgError(*error);
    }
}

void ImportRun::count(const Record& record, const RecordResult& result) {
    counts_.add(result.outcome);
    if (!result.issues.empty()) {
        issues_.add(record.line, result.outcome, result.issues, record.raw);
    }
    if (result.outcome == Outcome::rejected && request_.passes_reject_limit(counts_.rejected)) {
        throw ImportFailed(request_.reject_limit_reason());
    }
}

void ImportRun::apply() {
    if (!record_import()) {
        result_ = find_earlier().value();
        counts_ = result_.counts;
        return;
    }
    progress_.running(result_.import_id, records_, counts_.sum());
    if (request_.passes_reject_limit(counts_.rejected)) {
        give_up("failed", request_.reject_limit_reason());
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
    counts_ = Counts{.records = records_,
                     .rejected = counts_.rejected,
                     .unprocessed = records_ - counts_.rejected};
    result_.message = failed_message(result_.import_id, state, reason);
}

ImportResult ImportRun::finish() {
    if (result_.is_earlier) {
        return result_;
    }
    if (!failed()) {
        result_.message = completed_message(result_.import_id, counts_);
    }
    result_.counts = counts_;
    issues_.write(result_.import_id, failed());
    result_.message = finish_import(result_.import_id, result_.state, result_.message, counts_);
    return result_;
}

}  // namespace

void require_import_rights(const ImportRequest& request) {
    require_right(Right::import_customers, "import customers");
    if (request.create_unknown_roles) {
        require_right(Right::administer, "add role codes by unknown_roles => 'create'");
    }
}

ImportResult run_import(ImportRequest& request, InputSource& source) {
    require_import_rights(request);
    SpiConnection spi;
    start_waiting();
    MemoryContext context =
        call([] { return AllocSetContextCreate(CurrentMemoryContext, "customer_import", ALLOCSET_DEFAULT_SIZES); });
    ImportResult result;
    {
        ContextScope scope(context);
        ImportRun run(request, source, context);
        if (std::optional<ImportResult> earlier = run.find_earlier()) {
            result = std::move(*earlier);
        } else {
            run.check();
            run.apply();
            result = run.finish();
        }
    }
    // After an error the context stays, for the error's record may be in it; it goes with the caller's.
    call([&] { MemoryContextDelete(context); });
    return result;
}

}  // namespace customer_import::pg
