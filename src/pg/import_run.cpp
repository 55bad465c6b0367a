#include "pg/import_run.h"

#include <memory>

#include "core/batch.h"
#include "core/csv_reader.h"
#include "core/header_map.h"
#include "core/row_validator.h"
#include "pg/access.h"
#include "pg/batch_apply.h"
#include "pg/catalogue.h"
#include "pg/module.h"
#include "pg/report_store.h"
#include "pg/statement.h"
#include "pg/target.h"

namespace customer_import::pg {

namespace {

constexpr std::size_t kMaxBatchBytes = 16 * 1024 * 1024;

class ImportRun {
public:
    ImportRun(ImportRequest& request, InputSource& source, MemoryContext context)
        : request_(request),
          source_(source),
          context_(context),
          target_(load_target()),
          fields_(target_.fields()),
          catalogue_(load_catalogue()),
          issues_(context, request.encoding) {}

    // Returns the import that the same operator has made with the same request id, if any.
    std::optional<ImportResult> find_earlier() const;

    // Reads the file to its end and applies nothing. Throws ImportError when it is refused.
    void check();

    void apply();

    ImportResult finish();

private:
    class CheckSink;
    class ApplySink;

    void read(RecordSink& sink);
    bool record_import();
    void apply_file();
    bool reject_limit_passed() const { return request_.reject_limit && counts_.rejected > *request_.reject_limit; }
    std::string reject_limit_reason() const {
        return "the reject limit of " + format_count(*request_.reject_limit) + " was passed";
    }
    void give_up(const std::string& reason);
    ValidatorOptions validator_options(bool collect_unknown_codes) const;

    ImportRequest& request_;
    InputSource& source_;
    const MemoryContext context_;
    const Target target_;
    const std::vector<Field> fields_;
    const std::unique_ptr<RoleCatalogue> catalogue_;
    IssueStore issues_;

    std::optional<HeaderMap> header_;
    std::string raw_header_;
    char delimiter_ = ',';
    std::int64_t records_ = 0;  // of the whole file, known after the check
    Counts counts_;
    ImportResult result_;
    bool failed_ = false;
};

// The first reading: counts records and faults.
class ImportRun::CheckSink final : public RecordSink {
public:
    explicit CheckSink(ImportRun& run) : run_(run) {}

    Status header(const CsvRecord& record) override {
        auto header = HeaderMap::create(record.fields, run_.fields_);
        if (auto* refusal = std::get_if<Refusal>(&header)) {
            return std::move(*refusal);
        }
        run_.header_ = std::get<HeaderMap>(std::move(header));
        run_.raw_header_ = record.raw;
        validator_.emplace(*run_.header_, *run_.catalogue_,
                           run_.validator_options(run_.request_.create_unknown_roles));
        return {};
    }

    Status record(const CsvRecord& record) override {
        ++run_.records_;
        if (Status refusal = validator_->validate(record, batch_, found_)) {
            return refusal;
        }
        if (!found_.empty()) {
            run_.counts_.add(Outcome::rejected);
            if (run_.request_.reject_limit) {
                run_.issues_.add(record.line, Outcome::rejected, found_, record.raw);
            }
        }
        if (batch_.size() >= kForgetRecords) {
            batch_.clear();
        }
        return {};
    }

    const std::vector<std::string>& unknown_codes() const { return validator_->unknown_codes(); }

private:
    static constexpr std::size_t kForgetRecords = 1000;

    ImportRun& run_;
    std::optional<RowValidator> validator_;
    Batch batch_;
    std::vector<Issue> found_;
};

// The second reading: applies batch by batch.
class ImportRun::ApplySink final : public RecordSink {
public:
    explicit ApplySink(ImportRun& run)
        : run_(run),
          validator_(*run.header_, *run.catalogue_, run.validator_options(false)),
          applier_(run.target_, *run.header_, run.request_.mode, *run.catalogue_, run.context_),
          log_(run.context_, run.result_.import_id) {}

    Status header(const CsvRecord&) override { return {}; }

    Status record(const CsvRecord& record) override {
        if (Status refusal = validator_.validate(record, batch_, found_)) {
            return refusal;
        }
        if (!found_.empty()) {
            count(record.line, Outcome::rejected, found_, record.raw);
        }
        if (batch_.size() >= static_cast<std::size_t>(batch_rows) || batch_.bytes() >= kMaxBatchBytes) {
            flush();
        }
        return {};
    }

    void flush() {
        if (batch_.size() == 0) {
            return;
        }
        applier_.apply(batch_);
        for (std::size_t index = 0; index < batch_.size(); ++index) {
            const Record& record = batch_.records()[index];
            const RecordResult& result = applier_.results()[index];
            count(record.line, result.outcome, result.issues, record.raw);
        }
        log_.write(applier_.changes());
        batch_.clear();
        check_interrupts();
    }

private:
    void count(std::int64_t line, Outcome outcome, const std::vector<Issue>& issues, std::string_view raw) {
        run_.counts_.add(outcome);
        if (!issues.empty()) {
            run_.issues_.add(line, outcome, issues, raw);
        }
        if (outcome == Outcome::rejected && run_.reject_limit_passed()) {
            throw ImportFailed(run_.reject_limit_reason());
        }
    }

    ImportRun& run_;
    RowValidator validator_;
    Batch batch_;
    BatchApplier applier_;
    ChangeLog log_;
    std::vector<Issue> found_;
};

ValidatorOptions ImportRun::validator_options(bool collect_unknown_codes) const {
    ValidatorOptions options;
    options.fold_user_names = target_.fold_user_names;
    options.collect_unknown_codes = collect_unknown_codes;
    options.encoding = request_.encoding.name();
    return options;
}

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
    const Parameter operator_name = parameter(current_operator_name());
    std::vector<Row> rows;
    {
        OwnerScope owner;
        rows = query("SELECT id, state, message, records, created, updated, unchanged, skipped, rejected, deleted,"
                     "       unprocessed, warnings FROM customer_import.imports"
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
    return earlier;
}

void ImportRun::check() {
    CheckSink sink(*this);
    read(sink);
    result_.warnings = header_->warnings();
    if (request_.create_unknown_roles && !reject_limit_passed()) {
        add_role_codes(sink.unknown_codes(), false);
        for (const std::string& code : sink.unknown_codes()) {
            catalogue_->add(code);
        }
    }
}

// Writes the import's row. Returns false when the same request has come in on another connection meanwhile.
bool ImportRun::record_import() {
    const std::string name = current_operator_name();
    const std::string header = request_.encoding.encode(raw_header_);
    const Parameter limit =
        request_.reject_limit ? parameter(*request_.reject_limit) : Parameter{INT8OID, 0, true};
    Parameter raw = parameter(std::string_view(header));
    raw.type = BYTEAOID;
    OwnerScope owner;
    std::vector<Row> rows = query(
        "INSERT INTO customer_import.imports (operator, database_role, mode, file_name, file_bytes, options, state,"
        "       warnings, header, delimiter, encoding, request_id, started_at)"
        " VALUES ($1, $1, $2, $3, $4, pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object("
        "       'reject_limit', $5, 'unknown_roles', $6, 'send_report', $7)), 'running', $8, $9, $10, $11, $12,"
        "       pg_catalog.clock_timestamp())"
        " ON CONFLICT (operator, request_id) DO NOTHING RETURNING id",
        {parameter(std::string_view(name)), parameter(import_mode_name(request_.mode)),
         optional_parameter(request_.file_name), parameter(source_.bytes()), limit,
         parameter(std::string_view(request_.create_unknown_roles ? "create" : "reject")),
         parameter(request_.send_report), text_array_parameter(result_.warnings), raw,
         parameter(std::string_view(&delimiter_, 1)), parameter(request_.encoding.name()),
         optional_parameter(request_.request_id)});
    if (rows.empty()) {
        return false;
    }
    result_.import_id = std::stoll(*rows.front()[0]);
    return true;
}

void ImportRun::apply_file() {
    ApplySink sink(*this);
    std::optional<PgError> error = in_subtransaction([&] {
        read(sink);
        sink.flush();
    });
    if (error) {
        throw PgError(*error);
    }
}

void ImportRun::apply() {
    if (!record_import()) {
        result_ = find_earlier().value();
        counts_ = result_.counts;
        return;
    }
    if (reject_limit_passed()) {
        give_up(reject_limit_reason());
        return;
    }
    issues_.clear();
    counts_ = Counts{};
    if (!target_.deferrable_constraints.empty()) {
        execute("SET CONSTRAINTS " + target_.deferrable_constraints + " IMMEDIATE");
    }
    try {
        apply_file();
    } catch (const ImportFailed& failure) {
        failed_ = true;
        result_.message = failure.reason();
    }
    if (!target_.initially_deferred_constraints.empty()) {
        execute("SET CONSTRAINTS " + target_.initially_deferred_constraints + " DEFERRED");
    }
    if (failed_) {
        give_up(result_.message);
    }
}

// Nothing was applied, or it was taken back: only what was rejected is known.
void ImportRun::give_up(const std::string& reason) {
    failed_ = true;
    counts_ = Counts{.records = records_,
                     .rejected = counts_.rejected,
                     .unprocessed = records_ - counts_.rejected};
    result_.message = failed_message(result_.import_id, reason);
}

ImportResult ImportRun::finish() {
    if (!result_.state.empty()) {  // an earlier import
        return result_;
    }
    if (!failed_) {
        result_.message = completed_message(result_.import_id, counts_);
    }
    result_.state = failed_ ? "failed" : "completed";
    result_.counts = counts_;
    issues_.write(result_.import_id, failed_);
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
    require_admin("import customers");
    SpiConnection spi;
    MemoryContext context =
        call([] { return AllocSetContextCreate(CurrentMemoryContext, "customer_import", ALLOCSET_DEFAULT_SIZES); });
    ImportRun run(request, source, context);
    if (std::optional<ImportResult> earlier = run.find_earlier()) {
        return *earlier;
    }
    run.check();
    run.apply();
    return run.finish();
}

}  // namespace customer_import::pg
