#include "pg/history/import_history.h"

#include "core/encoding_evidence.h"
#include "core/format.h"
#include "core/text.h"
#include "pg/history/import_lookup.h"
#include "pg/history/notification.h"
#include "pg/history/outbox.h"
#include "pg/history/undo_states.h"
#include "pg/input/created_codes.h"
#include "pg/input/import_options.h"
#include "pg/input/request_digest.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

std::optional<std::int64_t> insert_import(const NewImport& import, const ImportRequest& request,
                                          const RecordReader& reader) {
    const std::string header = request.encoding.encode(reader.raw_header());
    const std::string options = options_json(request);
    const char delimiter = reader.delimiter();
    const bool is_file = request.kind == ImportKind::file;
    const std::vector<std::string> none;
    const Parameter source = is_file ? Parameter{INT8OID, 0, true} : parameter(request.source_import_id);
    OwnerScope owner;
    std::vector<Row> rows = query(
        "INSERT INTO customer_import.imports (operator, database_role, mode, file_name, file_bytes, options, state,"
        "       warnings, header, delimiter, encoding, request_id, source_import_id, started_at, customers_table,"
        "       columns, ignored_columns, request_digest)"
        " VALUES ($1, $2, $3, $4, $5, $6::pg_catalog.jsonb, $7, $8, $9, $10, $11, $12, $13,"
        "       CASE WHEN $7 OPERATOR(pg_catalog.<>) 'queued' THEN pg_catalog.clock_timestamp() END,"
        "       (SELECT t.relation FROM customer_import.customers_table AS t),"
        // The changes of an undo name the fields as the undone import did.
        "       (SELECT pg_catalog.jsonb_object_agg(c.field, c.column_name) FROM customer_import.customers_table_columns AS c)"
        "       || COALESCE((SELECT s.columns FROM customer_import.imports AS s"
        "                     WHERE s.id OPERATOR(pg_catalog.=) $13 AND $3 OPERATOR(pg_catalog.=) 'undo'), '{}'), $14, NULLIF($15, ''::bytea))"
        " ON CONFLICT (operator, request_id) DO NOTHING RETURNING id",
        {parameter(std::string_view(import.operator_name)), parameter(std::string_view(import.role_name)),
         parameter(request.mode_name()), optional_parameter(request.file_name), parameter(import.bytes),
         parameter(std::string_view(options)), parameter(std::string_view(import.state)),
         text_array_parameter(is_file ? reader.warnings() : none), bytes_parameter(header),
         parameter(std::string_view(&delimiter, 1)), parameter(request.encoding.name()),
         optional_parameter(request.request_id), source,
         text_array_parameter(is_file ? reader.header().ignored() : none), bytes_parameter(request.digest)});
    return rows.empty() ? std::nullopt : std::optional(std::stoll(*rows.front()[0]));
}

namespace {

// `row`: of the import that has the request id of the request, its id first and its digest last.
void require_same_request(const ImportRequest& request, const Row& row) {
    if (!row.back() || request.digest.empty()) {
        return;
    }
    const RequestDifference difference = compare_requests(from_hex(row.back()), request.digest);
    if (difference != RequestDifference::none) {
        throw ImportError(ERRCODE_INVALID_PARAMETER_VALUE,
                          format("request id {} was used for another import", quoted(*request.request_id)),
                          difference == RequestDifference::file
                              ? format("Import {} had another file.", *row.front())
                              : format("Import {} had another mode, or other options.", *row.front()),
                          "Give each request an id of its own. Repeat a call with its id only as it was.");
    }
}

}  // namespace

std::optional<ImportResult> find_earlier_import(const std::string& operator_name, const ImportRequest& request) {
    if (!request.request_id) {
        return std::nullopt;
    }
    OwnerScope owner;
    const std::vector<Row> rows = query(
        "SELECT id, state, message, records, created, updated, unchanged, skipped, rejected, deleted,"
        "       unprocessed, finished_at IS NOT NULL, encode(request_digest, 'hex') FROM customer_import.imports"
        " WHERE operator OPERATOR(pg_catalog.=) $1 AND request_id OPERATOR(pg_catalog.=) $2",
        {parameter(std::string_view(operator_name)), optional_parameter(request.request_id)});
    if (rows.empty()) {
        return std::nullopt;
    }
    const Row& row = rows.front();
    require_same_request(request, row);
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
    earlier.has_counts = row[column] == "t";
    for (const Row& warning :
         query("SELECT unnest(warnings) FROM customer_import.imports WHERE id = $1", {parameter(earlier.import_id)})) {
        earlier.warnings.push_back(*warning[0]);
    }
    earlier.is_earlier = true;
    return earlier;
}

ImportResult require_earlier_import(const std::string& operator_name, const ImportRequest& request) {
    if (std::optional<ImportResult> earlier = find_earlier_import(operator_name, request)) {
        return *std::move(earlier);
    }
    throw ImportError(ERRCODE_T_R_SERIALIZATION_FAILURE, "the import with the same request_id has just been purged", {},
                      "Import the file once more.");
}

Remarks stored_remarks(std::int64_t import_id) {
    Remarks remarks{.ignored = ignored_remark_of(import_id)};
    OwnerScope owner;
    const std::vector<Row> rows = query(
        "SELECT i.options OPERATOR(pg_catalog.->>) 'unknown_roles' OPERATOR(pg_catalog.=) 'create', w.text"
        "  FROM customer_import.imports AS i"
        "  LEFT JOIN pg_catalog.unnest(i.warnings) AS w (text) ON pg_catalog.starts_with(w.text, $2)"
        " WHERE i.id OPERATOR(pg_catalog.=) $1",
        {parameter(import_id), parameter(kLikelyEncoding)});
    if (!rows.empty()) {
        remarks.may_have_added_codes = rows.front()[0] == "t";
        remarks.encoding = as_sentence(rows.front()[1].value_or(""));
    }
    return remarks;
}

namespace {

// Says of an import that has ended which role codes it has added. Returns its message.
std::string tell_added_codes(std::int64_t import_id, const std::string& message) {
    const std::vector<std::string> codes = codes_added_by(import_id);
    if (codes.empty()) {
        return message;
    }
    std::string told = with_remark(message, added_codes_remark(codes));
    OwnerScope owner;
    execute(
        "UPDATE customer_import.imports SET message = $2, warnings = pg_catalog.array_append(pg_catalog.array_remove(warnings, $3), $3)"
        " WHERE id OPERATOR(pg_catalog.=) $1",
        {parameter(import_id), parameter(std::string_view(told)),
         parameter(std::string_view(added_codes_warning(codes)))});
    return told;
}

}  // namespace

std::string finish_import(std::int64_t import_id, const std::string& state, const std::string& text,
                          const Counts& counts, const Remarks& remarks) {
    // Bytes that are in no UTF-8 make their records rejected.
    const std::string encoding = counts.rejected > 0 ? remarks.encoding : std::string();
    const std::string message = with_remark(with_remark(with_remark(text, remarks.ignored), encoding),
                                            queue_report(import_id));
    const std::optional<std::string> repeats = remarks.repeats.records > 0
                                                   ? std::optional(repeats_warning(remarks.repeats))
                                                   : std::nullopt;
    {
        OwnerScope owner;
        execute(
            "UPDATE customer_import.imports SET state = $2, message = $3, records = $4, created = $5, updated = $6,"
            "       unchanged = $7, skipped = $8, rejected = $9, unprocessed = $10, deleted = $11,"
            "       finished_at = pg_catalog.clock_timestamp(), warnings = CASE WHEN $12::text IS NULL THEN warnings"
            "       ELSE pg_catalog.array_append(warnings, $12) END"
            " WHERE id OPERATOR(pg_catalog.=) $1",
            {parameter(import_id), parameter(std::string_view(state)), parameter(std::string_view(message)),
             parameter(counts.records), parameter(counts.created), parameter(counts.updated),
             parameter(counts.unchanged), parameter(counts.skipped), parameter(counts.rejected),
             parameter(counts.unprocessed), parameter(counts.deleted), optional_parameter(repeats)});
    }
    settle_undo(import_id);
    remove_unused_codes(import_id);
    std::string told = remarks.may_have_added_codes ? tell_added_codes(import_id, message) : message;
    announce_import(import_id, state);
    return told;
}

}  // namespace customer_import::pg
