// What users read of an import's history: the rejected records as a file.
#include "pg/report_functions.h"

#include <algorithm>
#include <string>

#include "core/csv_reader.h"
#include "core/text.h"
#include "pg/access.h"
#include "pg/guard.h"
#include "pg/input_source.h"
#include "pg/retention.h"
#include "pg/statement.h"

namespace customer_import::pg {

namespace {

struct RejectedFile {
    std::string bytes;
    FileEncoding encoding;
};

std::string quoted_cell(std::string_view text) {
    std::string cell = "\"";
    for (char c : text) {
        cell.append(c == '"' ? 2 : 1, c);
    }
    return cell + "\"";
}

// The file of the rejected records: the header and the records as they came, with _line and _error behind them.
RejectedFile rejected_file(std::int64_t import_id) {
    SpiConnection spi;
    CatalogPath path;  // as the caller: he sees what his rights show him
    std::vector<Row> imports = query(
        "SELECT pg_catalog.encode(header, 'hex'), delimiter, encoding FROM customer_import.imports"
        " WHERE id OPERATOR(pg_catalog.=) $1",
        {parameter(import_id)});
    if (imports.empty()) {
        throw ImportError(ERRCODE_UNDEFINED_OBJECT, "import " + std::to_string(import_id) + " does not exist");
    }
    require_not_emptied(import_id);
    RejectedFile file;
    file.encoding = FileEncoding(*imports.front()[2]);
    const std::string header = from_hex(imports.front()[0]);
    const std::string delimiter = imports.front()[1].value_or(",");
    if (detect_delimiter(header) != delimiter.front()) {
        file.bytes = "sep=" + delimiter + "\n";
    }
    file.bytes += header + delimiter + "_line" + delimiter + "_error\n";
    for (const Row& row : query(
             "SELECT line, pg_catalog.string_agg(pg_catalog.encode(COALESCE(amended_record, record), 'hex'), ''),"
             "       pg_catalog.string_agg(message, '; ' ORDER BY issue_number)"
             "  FROM customer_import.import_issues"
             " WHERE import_id OPERATOR(pg_catalog.=) $1 AND outcome OPERATOR(pg_catalog.=) 'rejected'"
             " GROUP BY line ORDER BY line",
             {parameter(import_id)})) {
        file.bytes += from_hex(row[1]) + delimiter + *row[0] + delimiter +
                      file.encoding.encode(quoted_cell(*row[2])) + "\n";
    }
    return file;
}

// Replaces what is not UTF-8, and NUL, by U+FFFD.
std::string readable(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        std::size_t valid = std::min({find_invalid_utf8(text), text.find('\0'), text.size()});
        result += text.substr(0, valid);
        text.remove_prefix(valid);
        if (!text.empty()) {
            result += "\xef\xbf\xbd";
            text.remove_prefix(1);
        }
    }
    return result;
}

std::string decode(FileEncoding& encoding, std::string_view bytes) {
    encoding.reset();
    return readable(encoding.decode(bytes, true));
}

void check_varlena_size(const std::string& bytes) {
    if (bytes.size() > MaxAllocSize - VARHDRSZ) {
        throw ImportError(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "the rejected records are too large for one value", {},
                          "Read them from customer_import.import_issues.");
    }
}

}  // namespace

RejectedRecords read_rejected(std::int64_t import_id, std::size_t max_bytes) {
    RejectedRecords rejected;
    OwnerScope owner;
    const std::vector<Row> imports = query(
        "SELECT encode(header, 'hex'), delimiter, encoding,"
        "       (SELECT count(DISTINCT s.line) FROM customer_import.import_issues AS s"
        "         WHERE s.import_id = i.id AND s.outcome = 'rejected')"
        "  FROM customer_import.imports AS i WHERE i.id = $1 AND i.emptied_at IS NULL",
        {parameter(import_id)});
    if (imports.empty()) {
        return rejected;
    }
    FileEncoding encoding(*imports.front()[2]);
    rejected.header = decode(encoding, from_hex(imports.front()[0]));
    rejected.delimiter = imports.front()[1].value_or(",").front();
    rejected.total = std::stoll(*imports.front()[3]);
    for (const Row& row : query(
             "SELECT r.line, r.record, r.error FROM ("
             "    SELECT line, string_agg(encode(COALESCE(amended_record, record), 'hex'), '') AS record,"
             "           string_agg(message, '; ' ORDER BY issue_number) AS error,"
             "           sum(sum(length(record))) OVER (ORDER BY line) AS bytes"
             "      FROM customer_import.import_issues WHERE import_id = $1 AND outcome = 'rejected' GROUP BY line) AS r"
             " WHERE r.bytes <= $2 ORDER BY r.line",
             {parameter(import_id), parameter(static_cast<std::int64_t>(max_bytes))})) {
        rejected.records.push_back({std::stoll(*row[0]), decode(encoding, from_hex(row[1])), *row[2]});
    }
    return rejected;
}

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// rejected_csv_bytes(import_id bigint) returns bytea, in the encoding of the file. Errors: 42501, 42704, 55000 when its
// records are not kept any more.
CI_FUNCTION(ci_rejected_csv_bytes) {
    return pg::entry([&] {
        pg::require_right(customer_import::Right::view_imports, "view imports");
        pg::RejectedFile file = pg::rejected_file(PG_GETARG_INT64(0));
        pg::check_varlena_size(file.bytes);
        return pg::bytes_datum(file.bytes);
    });
}

// rejected_csv(import_id bigint) returns text; bytes that are not valid are U+FFFD. Errors: 42501, 42704, 55000.
CI_FUNCTION(ci_rejected_csv) {
    return pg::entry([&] {
        pg::require_right(customer_import::Right::view_imports, "view imports");
        pg::RejectedFile file = pg::rejected_file(PG_GETARG_INT64(0));
        std::string text = pg::readable(file.encoding.decode(file.bytes, true));
        pg::check_varlena_size(text);
        return pg::text_datum(text);
    });
}
