#include "pg/import_run.h"

#include <exception>
#include <memory>

#include "core/batch.h"
#include "core/csv_reader.h"
#include "core/grant_ceiling.h"
#include "core/header_map.h"
#include "core/row_validator.h"
#include "core/text.h"
#include "pg/access.h"
#include "pg/batch_apply.h"
#include "pg/catalogue.h"
#include "pg/identity.h"
#include "pg/module.h"
#include "pg/record_spool.h"
#include "pg/report_store.h"
#include "pg/statement.h"
#include "pg/target.h"

namespace customer_import::pg {

namespace {

constexpr std::size_t kMaxBatchBytes = 8 * 1024 * 1024;

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

// The right that every batch needs; an import that has lost it in the middle ends.
Identity require_still() {
    call([] { AcceptInvalidationMessages(); });  // nothing else that a batch does needs to read them
    const Identity& identity = current_identity();
    if (!identity.rights.has(Right::import_customers)) {
        throw ImportFailed("operator " + quoted(identity.name) + " may not import any more", "denied");
    }
    return identity;
}

class ImportRun {
public:
    ImportRun(ImportRequest& request, InputSource& source, MemoryContext context)
        : operator_(current_identity().name),
          request_(request),
          source_(source),
          context_(context),
          target_(load_target()),
          fields_(target_.fields()),
          catalogue_(load_catalogue()),
          issues_(context, request.encoding),
          spool_(target_.one_by_one ? RecordOrder::by_line : RecordOrder::by_user_name) {}

    // Returns the import that the same operator has made with the same request id, if any.
    std::optional<ImportResult> find_earlier() const;

    // Reads the file to its end and keeps its records; applies nothing. Throws ImportError when it is refused.
    void check();

    void apply();

    ImportResult finish();

private:
    class ValidatingSink;
    class SpoolingSink;

    void read(RecordSink& sink);
    bool record_import();
    void apply_records();
    void count(const Record& record, const RecordResult& result);
    bool reject_limit_passed(std::int64_t rejected) const {
        return request_.reject_limit && rejected > *request_.reject_limit;
    }
    std::string reject_limit_reason() const {
        return "the reject limit of " + format_count(*request_.reject_limit) + " was passed";
    }
    bool failed() const { return result_.state != "completed"; }
    void give_up(const std::string& state, const std::string& reason);

    const std::string operator_;
    ImportRequest& request_;
    InputSource& source_;
    const MemoryContext context_;
    const Target target_;
    const std::vector<Field> fields_;
    const std::unique_ptr<RoleCatalogue> catalogue_;
    std::vector<std::string> new_codes_;  // in catalogue_ already, in the database when the file is applied
    IssueStore issues_;
    RecordSpool spool_;

    std::optional<HeaderMap> header_;
    std::string raw_header_;
    char delimiter_ = ',';
    std::int64_t records_ = 0;  // of the whole file, known after the check
    Counts counts_;
    ImportResult result_{.state = "completed"};
};

// Validates records. What it finds is used by the two readings below.
class ImportRun::ValidatingSink : public RecordSink {
public:
    explicit ValidatingSink(ImportRun& run) : run_(run) {}

    Status header(const CsvRecord& record) override {
        auto header = HeaderMap::create(record.fields, run_.fields_);
        if (auto* refusal = std::get_if<Refusal>(&header)) {
            return std::move(*refusal);
        }
        run_.header_ = std::get<HeaderMap>(std::move(header));
        run_.raw_header_ = record.raw;
        ValidatorOptions options;
        options.fold_user_names = run_.target_.fold_user_names;
        options.collect_unknown_codes = run_.request_.create_unknown_roles;
        if (!run_.request_.encoding.is_utf8()) {
            options.encoding = run_.request_.encoding.name();
            options.describe_invalid = [&encoding = run_.request_.encoding](std::string_view text, std::size_t offset) {
                return encoding.describe_invalid(text, offset);
            };
        }
        validator_.emplace(*run_.header_, *run_.catalogue_, options);
        return {};
    }

    Status record(const CsvRecord& record) override {
        check_interrupts();
        if (Status refusal = validator_->validate(record, batch_, issues_)) {
            return refusal;
        }
        rejected_ += issues_.empty() ? 0 : 1;
        take(record);
        if (batch_.size() >= kForgetRecords) {
            batch_.clear();
        }
        return {};
    }

    const std::vector<std::string>& unknown_codes() const { return validator_->unknown_codes(); }
    std::int64_t rejected() const { return rejected_; }

protected:
    // Called for each record: it has issues_, or is the last of batch_.
    virtual void take(const CsvRecord&) {}

    ImportRun& run_;
    Batch batch_;
    std::vector<Issue> issues_;

private:
    static constexpr std::size_t kForgetRecords = 1000;

    std::optional<RowValidator> validator_;
    std::int64_t rejected_ = 0;
};

// The reading that counts: keeps the issues of what is rejected, and all else for the apply step.
class ImportRun::SpoolingSink final : public ValidatingSink {
public:
    using ValidatingSink::ValidatingSink;

private:
    void take(const CsvRecord& record) override {
        ++run_.records_;
        if (issues_.empty()) {
            run_.spool_.add(batch_.records().back());
        } else {
            run_.counts_.add(Outcome::rejected);
            run_.issues_.add(record.line, Outcome::rejected, issues_, record.raw);
        }
    }
};

void ImportRun::read(RecordSink& sink) {
    source_.rewind();
    request_.encoding.reset();
    CsvReader reader({request_.delimiter}, sink);
    auto refuse = [](const Status& status) {
        if (status) {
            throw ImportError(*status);
        }
    };
    for (std::string_view chunk = source_.next(); !chunk.empty(); chunk = source_.next()) {
        check_interrupts();
        refuse(reader.feed(request_.encoding.decode(chunk, false)));
    }
    refuse(reader.feed(request_.encoding.decode({}, true)));
    refuse(reader.finish());
    delimiter_ = reader.delimiter();
}

std::optional<ImportResult> ImportRun::find_earlier() const {
    if (!request_.request_id) {
        return std::nullopt;
    }
    const Parameter operator_name = parameter(std::string_view(operator_));
    std::vector<Row> rows;
    {
        OwnerScope owner;
        rows = query("SELECT id, state, message, records, created, updated, unchanged, skipped, rejected, deleted,"
                     "       unprocessed FROM customer_import.imports"
                     " WHERE operator OPERATOR(pg_catalog.=) $1 AND request_id OPERATOR(pg_catalog.=) $2",
                     {operator_name, optional_parameter(request_.request_id)});
    }
    if (rows.empty()) {
        return std::nullopt;
    }
    const Row& row = rows.front();
    ImportResult earlier;
    auto number = [&](std::size_t column) { return std::stoll(row[column].value_or("0")); };
    earlier.import_id = number(0);
    earlier.state = *row[1];
    earlier.message = row[2].value_or("");
    std::size_t column = 3;
    for (std::int64_t* count :
         {&earlier.counts.records, &earlier.counts.created, &earlier.counts.updated, &earlier.counts.unchanged,
          &earlier.counts.skipped, &earlier.counts.rejected, &earlier.counts.deleted, &earlier.counts.unprocessed}) {
        *count = number(column++);
    }
    OwnerScope owner;
    for (const Row& warning : query("SELECT unnest(warnings) FROM customer_import.imports WHERE id = $1",
                                    {parameter(earlier.import_id)})) {
        earlier.warnings.push_back(*warning[0]);
    }
    earlier.is_earlier = true;
    return earlier;
}

void ImportRun::check() {
    if (request_.create_unknown_roles) {  // which codes to create is known only after the whole file
        ValidatingSink sink(*this);
        read(sink);
        if (!reject_limit_passed(sink.rejected())) {
            new_codes_ = sink.unknown_codes();
        }
        for (const std::string& code : new_codes_) {
            catalogue_->add(code);
        }
    }
    SpoolingSink sink(*this);
    read(sink);
    spool_.sort();
    result_.warnings = header_->warnings();
}

// Writes the import's row. Returns false when the same request has come in on another connection meanwhile.
bool ImportRun::record_import() {
    const std::string role = current_role_name();
    const std::string header = request_.encoding.encode(raw_header_);
    const Parameter limit =
        request_.reject_limit ? parameter(*request_.reject_limit) : Parameter{INT8OID, 0, true};
    Parameter raw = parameter(std::string_view(header));
    raw.type = BYTEAOID;
    OwnerScope owner;
    std::vector<Row> rows = query(
        "INSERT INTO customer_import.imports (operator, database_role, mode, file_name, file_bytes, options, state,"
        "       warnings, header, delimiter, encoding, request_id, started_at)"
        " VALUES ($1, $13, $2, $3, $4, pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object("
        "       'reject_limit', $5, 'unknown_roles', $6, 'send_report', $7)), 'running', $8, $9, $10, $11, $12,"
        "       pg_catalog.clock_timestamp())"
        " ON CONFLICT (operator, request_id) DO NOTHING RETURNING id",
        {parameter(std::string_view(operator_)), parameter(import_mode_name(request_.mode)),
         optional_parameter(request_.file_name), parameter(source_.bytes()), limit,
         parameter(std::string_view(request_.create_unknown_roles ? "create" : "reject")),
         parameter(request_.send_report), text_array_parameter(result_.warnings), raw,
         parameter(std::string_view(&delimiter_, 1)), parameter(request_.encoding.name()),
         optional_parameter(request_.request_id), parameter(std::string_view(role))});
    if (rows.empty()) {
        return false;
    }
    result_.import_id = std::stoll(*rows.front()[0]);
    return true;
}

void ImportRun::apply_records() {
    BatchApplier applier(target_, *header_, request_.mode, *catalogue_, records_, context_);
    ChangeLog log(context_, result_.import_id);
    std::optional<PgError> error = in_subtransaction([&] {
        add_role_codes(new_codes_, false);
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
    if (result.outcome == Outcome::rejected && reject_limit_passed(counts_.rejected)) {
        throw ImportFailed(reject_limit_reason());
    }
}

void ImportRun::apply() {
    if (!record_import()) {
        result_ = find_earlier().value();
        counts_ = result_.counts;
        return;
    }
    if (reject_limit_passed(counts_.rejected)) {
        give_up("failed", reject_limit_reason());
        return;
    }
    if (!target_.deferrable_constraints.empty()) {
        execute("SET CONSTRAINTS " + target_.deferrable_constraints + " IMMEDIATE");
    }
    try {
        apply_records();
    } catch (const ImportFailed& failure) {
        result_.state = failure.state();
        result_.message = failure.reason();
    }
    if (!target_.initially_deferred_constraints.empty()) {
        execute("SET CONSTRAINTS " + target_.initially_deferred_constraints + " DEFERRED");
    }
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
    OwnerScope owner;
    execute("UPDATE customer_import.imports SET state = $2, message = $3, records = $4, created = $5, updated = $6,"
            "       unchanged = $7, skipped = $8, rejected = $9, unprocessed = $10,"
            "       finished_at = pg_catalog.clock_timestamp()"
            " WHERE id OPERATOR(pg_catalog.=) $1",
            {parameter(result_.import_id), parameter(std::string_view(result_.state)),
             parameter(std::string_view(result_.message)), parameter(counts_.records), parameter(counts_.created),
             parameter(counts_.updated), parameter(counts_.unchanged), parameter(counts_.skipped),
             parameter(counts_.rejected), parameter(counts_.unprocessed)});
    return result_;
}

}  // namespace

ImportResult run_import(ImportRequest& request, InputSource& source) {
    require_right(Right::import_customers, "import customers");
    if (request.create_unknown_roles) {
        require_right(Right::administer, "add role codes by unknown_roles => 'create'");
    }
    SpiConnection spi;
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
