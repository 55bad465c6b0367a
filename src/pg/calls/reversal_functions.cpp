// The functions that reverse an import: which import may be undone or retried, and the request that does it.
#include <optional>
#include <string>

#include "core/csv_reader.h"
#include "core/format.h"
#include "pg/access/access.h"
#include "pg/access/identity.h"
#include "pg/calls/import_run.h"
#include "pg/calls/import_submit.h"
#include "pg/history/import_lookup.h"
#include "pg/history/import_row.h"
#include "pg/history/retention.h"
#include "pg/history/reversal.h"
#include "pg/history/undo_states.h"
#include "pg/input/created_codes.h"
#include "pg/input/import_arguments.h"
#include "pg/input/import_options.h"
#include "pg/input/input_source.h"
#include "pg/server/arguments.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

namespace {

// The import that is to be undone or retried.
struct Source {
    std::int64_t id = 0;
    std::string mode;
    std::string state;
    std::optional<std::string> file_name;
    std::optional<char> delimiter;
    std::string encoding;
    std::string options;
    std::optional<std::int64_t> undone_by;
    bool is_undone_in_part = false;
};

[[noreturn]] void refuse_state(std::string message, std::string hint = {}) {
    throw ImportError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, std::move(message), {}, std::move(hint));
}

// Locks the row of an import until the end of the transaction: one undo or retry at a time. An operator sees its own,
// administrators all. Errors: 42704; 55000 while it or an undo or retry of it runs, and when its records are not kept.
Source lock_source(std::int64_t import_id) {
    const Identity& identity = current_identity();
    OwnerScope owner;
    const std::vector<Row> rows = query(
        "SELECT i.operator, i.mode, i.state, i.file_name, i.delimiter, i.encoding, i.undo_import_id,"
        "       i.finished_at IS NULL, i.undone_in_part,"
        "       EXISTS (SELECT FROM customer_import.customers_table AS t WHERE t.relation = i.customers_table), i.options"
        "  FROM customer_import.imports AS i WHERE i.id = $1 AND (i.operator = $2 OR $3) FOR UPDATE",
        {parameter(import_id), parameter(std::string_view(identity.name)),
         parameter(identity.rights.has(Right::administer))});
    if (rows.empty()) {
        refuse_missing_import(import_id);
    }
    const Row& row = rows.front();
    if (*row[7] == "t") {
        refuse_state(format("import {} has not ended yet", import_id),
                     format("Wait for it, or end it with SELECT customer_import.cancel_import({}).", import_id));
    }
    if (*row[9] != "t") {
        refuse_other_table(import_id);
    }
    const std::vector<Row> open = query_latest(
        "SELECT id, mode FROM customer_import.imports"
        " WHERE source_import_id = $1 AND finished_at IS NULL",
        {parameter(import_id)});
    if (!open.empty()) {
        const std::string& by = *open.front()[0];
        refuse_state(*open.front()[1] == "undo" ? format("import {} is being undone by import {}", import_id, by)
                                                : format("import {} is being retried by import {}", import_id, by),
                     format("Follow it: SELECT * FROM customer_import.import_status WHERE id = {}.", by));
    }
    Source source;
    source.id = import_id;
    source.mode = *row[1];
    source.state = *row[2];
    source.file_name = row[3];
    source.delimiter = row[4] ? std::optional(row[4]->front()) : std::nullopt;
    source.encoding = *row[5];
    source.options = *row[10];
    source.undone_by = row[6] ? std::optional(std::stoll(*row[6])) : std::nullopt;
    source.is_undone_in_part = *row[8] == "t";
    return source;
}

[[noreturn]] void refuse_undone(const Source& source) {
    refuse_state(
        format("import {} was undone by import {}", source.id, *source.undone_by),
        format("To bring it back, undo that one: SELECT * FROM customer_import.undo_import({}).", *source.undone_by));
}

// For an operator that may not add role codes, records that need them are rejected.
bool may_create_codes() { return current_identity().rights.has(Right::administer); }

ImportRequest undo_request(std::int64_t import_id) {
    const Source source = lock_source(import_id);
    require_not_emptied(import_id);
    if (source.state == "undone" && !source.is_undone_in_part && !is_in_force(import_id)) {
        refuse_undone(source);
    }
    withdraw_resume_offer(import_id);
    ImportRequest request;
    request.kind = ImportKind::undo;
    request.source_import_id = import_id;
    request.create_unknown_roles = may_create_codes() && !codes_to_bring_back(import_id).empty();
    request.file_name = source.file_name;
    return request;
}

// Errors: 55000 when nothing is left to retry.
void require_retriable(std::int64_t import_id, std::optional<ImportMode> mode) {
    OwnerScope owner;
    if (!query("SELECT FROM customer_import.import_issues WHERE import_id = $1 AND outcome = $2"
               "   AND issue_number = 1 AND record IS NOT NULL AND retried_by IS NULL LIMIT 1",
               {parameter(import_id), parameter(std::string_view(mode ? "skipped" : "rejected"))})
             .empty()) {
        return;
    }
    if (mode) {
        refuse_state(format("import {} has no skipped records that could be retried", import_id),
                     "Each is retried once. What a retry skips is retried by its own import id.");
    }
    refuse_state(format("import {} has no rejected records that could be retried", import_id),
                 "Each is retried once. What a retry rejects is retried by its own import id.");
}

// With a mode: of the records that the mode of the import skipped.
ImportRequest retry_request(std::int64_t import_id, std::optional<ImportMode> mode) {
    const Source source = lock_source(import_id);
    require_not_emptied(import_id);
    if (source.mode == "undo") {
        refuse_state(format("import {} is an undo", import_id),
                     "Call customer_import.undo_import() once more instead.");
    }
    if (source.state == "undone") {
        refuse_undone(source);
    }
    require_retriable(import_id, mode);
    withdraw_resume_offer(import_id);
    ImportRequest request;
    request.kind = ImportKind::retry;
    request.source_import_id = import_id;
    request.mode = mode ? *mode : original_mode(import_id);
    request.retries_skipped = mode.has_value();
    request.create_unknown_roles = may_create_codes() && original_creates_codes(import_id);
    request.file_name = source.file_name;
    request.delimiter = source.delimiter;
    request.encoding = FileEncoding(source.encoding);
    read_reading_options(source.options, request);
    return request;
}

template <class MakeRequest>
ImportResult reverse(bool background, const MakeRequest& make_request) {
    ImportRequest request;
    (void)lock_extension();
    {
        SpiConnection spi;
        request = make_request();
    }
    return background ? submit_import(request, nullptr) : run_import(request, nullptr);
}

// Counts the records of a file.
class RecordCounter final : public RecordSink {
public:
    Status header(const CsvRecord& record) override {
        header_fields_ = record.fields.size();
        return {};
    }
    Status record(const CsvRecord& record) override {
        ++records_;
        is_malformed_ = is_malformed_ || record.malformed || record.too_many_fields;
        fields_ = record.fields.size();
        return {};
    }

    std::size_t header_fields_ = 0, fields_ = 0;
    int records_ = 0;
    bool is_malformed_ = false;
};

[[noreturn]] void refuse_record(std::string message, std::string detail = {}) {
    throw ImportError(ERRCODE_BAD_COPY_FILE_FORMAT, std::move(message), std::move(detail),
                      "Give one CSV record, as it is in the file, with the columns of its header.");
}

// Errors: 22P04 for anything but one record of the file.
void check_record(FileEncoding& encoding, const Source& source, const std::string& header, std::string_view record) {
    RecordCounter counter;
    CsvReader reader({source.delimiter}, counter);
    const std::string file = format("{}\n{}\n", encoding.decode(header, true), record);
    Status refusal = reader.feed(file);
    if (!refusal) {
        refusal = reader.finish();
    }
    if (refusal) {
        refuse_record("the text is not a CSV record", refusal->message);
    }
    if (counter.records_ != 1) {
        refuse_record(format("the text is not one CSV record but {}", counter.records_));
    }
    if (counter.is_malformed_) {
        refuse_record("the text is not a CSV record", format("{}.", kMalformedMessage));
    }
    if (counter.fields_ != counter.header_fields_) {
        refuse_record(format("the record has {} fields, the header has {}", counter.fields_, counter.header_fields_));
    }
}

void amend_record(std::int64_t import_id, std::int64_t line, std::string_view record) {
    require_right(Right::import_customers, "amend records");
    while (!record.empty() && (record.back() == '\n' || record.back() == '\r')) {
        record.remove_suffix(1);
    }
    SpiConnection spi;
    const std::string amended_by = current_identity().name;
    const Source source = lock_source(import_id);
    require_not_emptied(import_id);
    OwnerScope owner;
    const std::vector<Row> rows = query(
        "SELECT s.retried_by, encode(i.header, 'hex')"
        "  FROM customer_import.import_issues AS s JOIN customer_import.imports AS i ON i.id = s.import_id"
        " WHERE s.import_id = $1 AND s.line = $2 AND s.issue_number = 1 AND s.outcome = 'rejected' AND s.record IS NOT NULL",
        {parameter(import_id), parameter(line)});
    if (rows.empty()) {
        throw ImportError(ERRCODE_UNDEFINED_OBJECT,
                          format("import {} has no rejected record on line {}", import_id, line), {},
                          format("See SELECT * FROM customer_import.import_issues WHERE import_id = {}.", import_id));
    }
    if (rows.front()[0]) {
        refuse_state(format("the record on line {} was retried by import {}", line, *rows.front()[0]),
                     "If it was rejected there again, amend it there.");
    }
    FileEncoding encoding(source.encoding);
    check_record(encoding, source, from_hex(rows.front()[1]), record);
    const std::string bytes = encoding.encode(record);
    encoding.reset();
    if (encoding.decode(bytes, true) != record) {
        throw ImportError(
            ERRCODE_UNTRANSLATABLE_CHARACTER,
            format("the record has a character that encoding \"{}\" of the file does not have", source.encoding));
    }
    execute(
        "UPDATE customer_import.import_issues SET amended_record = $3, amended_by = $4"
        " WHERE import_id = $1 AND line = $2 AND issue_number = 1",
        {parameter(import_id), parameter(line), bytes_parameter(bytes), parameter(std::string_view(amended_by))});
}

}  // namespace

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// undo_import(import_id bigint, background boolean) returns one row. Errors: 42501, 42704, 53400, 55000.
CI_WRITING_FUNCTION(ci_undo_import) {
    return pg::entry([&] {
        pg::require_right(customer_import::Right::import_customers, "undo imports");
        return pg::make_import_row(
            fcinfo, pg::reverse(PG_GETARG_BOOL(1), [&] { return pg::undo_request(PG_GETARG_INT64(0)); }));
    });
}

// retry_rejects(import_id bigint, background boolean) returns one row. Errors: 22P04, 42501, 42704, 53400, 55000.
CI_WRITING_FUNCTION(ci_retry_rejects) {
    return pg::entry([&] {
        pg::require_right(customer_import::Right::import_customers, "retry rejected records");
        return pg::make_import_row(fcinfo, pg::reverse(PG_GETARG_BOOL(1), [&] {
                                       return pg::retry_request(PG_GETARG_INT64(0), std::nullopt);
                                   }));
    });
}

// retry_skipped(import_id bigint, mode text, background boolean) returns one row. Errors: 22023, and as retry_rejects().
CI_WRITING_FUNCTION(ci_retry_skipped) {
    return pg::entry([&] {
        pg::require_right(customer_import::Right::import_customers, "retry skipped records");
        const customer_import::ImportMode mode = pg::read_mode(fcinfo);
        return pg::make_import_row(
            fcinfo, pg::reverse(PG_GETARG_BOOL(2), [&] { return pg::retry_request(PG_GETARG_INT64(0), mode); }));
    });
}

// amend_record(import_id bigint, line bigint, record text) returns void. Errors: 22P04, 22P05, 42501, 42704, 54000,
// 55000.
CI_WRITING_FUNCTION(ci_amend_record) {
    return pg::entry([&] {
        pg::amend_record(PG_GETARG_INT64(0), PG_GETARG_INT64(1), pg::text_argument(fcinfo, 2, "the record"));
        return Datum{0};
    });
}
