// What users read of an import's history: the rejected records as a file.
#include "pg/report_functions.h"

#include <algorithm>
#include <string>

#include "core/csv_reader.h"
#include "core/issue.h"
#include "core/own_columns.h"
#include "core/text.h"
#include "pg/access.h"
#include "pg/arguments.h"
#include "pg/guard.h"
#include "pg/identity.h"
#include "pg/input_source.h"
#include "pg/retention.h"
#include "pg/statement.h"

namespace customer_import::pg {

namespace {

constexpr long kRowsAtOnce = 100;  // a record may have a megabyte

// A file as it grows, no larger than what one value of the server holds.
class GrowingFile {
public:
    void expect(std::int64_t bytes) {
        require_room(static_cast<std::size_t>(bytes));
        bytes_.reserve(static_cast<std::size_t>(bytes));
    }
    void append(std::string_view bytes) {
        require_room(bytes.size());
        bytes_ += bytes;
    }
    const std::string& bytes() const { return bytes_; }

private:
    void require_room(std::size_t bytes) const {
        if (bytes > MaxAllocSize - VARHDRSZ - bytes_.size()) {
            throw ImportError(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "the rejected records are too large for one value", {},
                              "Read them from customer_import.import_issues.");
        }
    }

    std::string bytes_;
};

std::string quoted_cell(std::string_view text) {
    std::string cell = "\"";
    for (char c : text) {
        cell.append(c == '"' ? 2 : 1, c);
    }
    return cell + "\"";
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

// The file of the rejected records: the header and the records as they came, with _line and _error behind them. As text, with
// U+FFFD for what is none, or else byte for byte.
std::string rejected_file(std::int64_t import_id, bool as_text) {
    SpiConnection spi;
    CatalogPath path;  // as the caller: he sees what his rights show him
    const std::vector<Row> imports = query(
        "SELECT pg_catalog.encode(header, 'hex'), delimiter, encoding,"
        "       (SELECT pg_catalog.sum(COALESCE(pg_catalog.octet_length(COALESCE(s.amended_record, s.record)), 0)"
        "               OPERATOR(pg_catalog.+) pg_catalog.octet_length(s.message))"
        "          FROM customer_import.import_issues AS s"
        "         WHERE s.import_id OPERATOR(pg_catalog.=) $1 AND s.outcome OPERATOR(pg_catalog.=) 'rejected')"
        "  FROM customer_import.imports WHERE id OPERATOR(pg_catalog.=) $1",
        {parameter(import_id)});
    if (imports.empty()) {
        throw ImportError(ERRCODE_UNDEFINED_OBJECT, "import " + std::to_string(import_id) + " does not exist");
    }
    require_not_emptied(import_id);
    FileEncoding encoding(*imports.front()[2]);
    GrowingFile file;
    file.expect(std::stoll(imports.front()[3].value_or("0")));
    const auto decode_all = [&](const std::optional<std::string>& hex) {
        encoding.reset();
        return std::string(encoding.decode(from_hex(hex), true));
    };
    const auto append = [&](std::string_view text) { file.append(as_text ? readable(text) : encoding.encode(text)); };
    const std::string header = decode_all(imports.front()[0]);
    const std::string delimiter = imports.front()[1].value_or(",");
    const OwnColumns own(header, delimiter.front());
    if (detect_delimiter(own.header()) != delimiter.front()) {
        append("sep=" + delimiter + "\n");
    }
    append(own.header());
    append(delimiter + "_line" + delimiter + "_error\n");
    Cursor rows("SELECT line, pg_catalog.string_agg(pg_catalog.encode(COALESCE(amended_record, record), 'hex'), ''),"
                "       pg_catalog.string_agg(message, '; ' ORDER BY issue_number)"
                "  FROM customer_import.import_issues"
                " WHERE import_id OPERATOR(pg_catalog.=) $1 AND outcome OPERATOR(pg_catalog.=) 'rejected'"
                " GROUP BY line ORDER BY line",
                {parameter(import_id)}, Cursor::Snapshot::calling);
    for (rows.fetch(kRowsAtOnce); rows.count() > 0; rows.fetch(kRowsAtOnce)) {
        for (const Row& row : rows.texts()) {
            append(own.strip(decode_all(row[1])));
            append(delimiter + *row[0] + delimiter + quoted_cell(one_line(*row[2])) + "\n");
        }
    }
    return file.bytes();
}

std::string decode(FileEncoding& encoding, std::string_view bytes) {
    encoding.reset();
    return readable(encoding.decode(bytes, true));
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

// rejected_csv_bytes(import_id bigint) returns bytea, in the encoding of the file. Errors: 42501, 42704, 54000 above 1 GB, 55000 when its
// records are not kept any more.
CI_PUBLIC_FUNCTION(ci_rejected_csv_bytes) {
    return pg::entry([&] {
        pg::require_right(customer_import::Right::view_imports, "view imports");
        return pg::bytes_datum(pg::rejected_file(PG_GETARG_INT64(0), false));
    });
}

// import_template() returns text: the header of a file. Errors: 42501 unless an operator acts.
CI_FUNCTION(ci_import_template) {
    return pg::entry([&] {
        pg::require_operator("read the template of a file");
        pg::SpiConnection spi;
        std::string header;
        {
            pg::OwnerScope owner;
            header = *pg::query("SELECT concat_ws(',', 'userName', 'addRoles', 'removeRoles',"
                                "                 string_agg(CASE WHEN c.field ~ E'[\",;|\\t\\r\\n]'"
                                "                                 THEN concat('\"', replace(c.field, '\"', '\"\"'), '\"')"
                                "                                 ELSE c.field END, ',' ORDER BY c.position))"
                                "  FROM customer_import.customers_table_columns AS c").front()[0];
        }
        return pg::text_datum(header + "\n");
    });
}

// _given(import_id bigint) returns bigint: the argument of import_report(). Errors: 22004.
CI_FUNCTION(ci_given) {
    return pg::entry([&] {
        if (PG_ARGISNULL(0)) {
            throw pg::ImportError(ERRCODE_NULL_VALUE_NOT_ALLOWED,
                                  "argument \"import_id\" of function import_report() is NULL");
        }
        return PG_GETARG_DATUM(0);
    });
}

// _may_reverse(import_id bigint) returns boolean: whether the caller may undo and retry it, as far as that is not a matter of
// its state.
CI_FUNCTION(ci_may_reverse) {
    return pg::entry([&] {
        const pg::Identity identity = pg::current_identity();
        if (!identity.rights.has(customer_import::Right::import_customers)) {
            return BoolGetDatum(false);
        }
        pg::SpiConnection spi;
        pg::OwnerScope owner;
        return BoolGetDatum(!pg::query(
            "SELECT FROM customer_import.imports AS i JOIN customer_import.customers_table AS t ON t.relation = i.customers_table"
            " WHERE i.id = $1 AND (i.operator = $2 OR $3)",
            {pg::parameter(PG_GETARG_INT64(0)), pg::parameter(std::string_view(identity.name)),
             pg::parameter(identity.rights.has(customer_import::Right::administer))}).empty());
    });
}

// rejected_csv(import_id bigint) returns text; bytes that are not valid are U+FFFD. Errors: 42501, 42704, 54000, 55000.
CI_PUBLIC_FUNCTION(ci_rejected_csv) {
    return pg::entry([&] {
        pg::require_right(customer_import::Right::view_imports, "view imports");
        return pg::text_datum(pg::rejected_file(PG_GETARG_INT64(0), true));
    });
}
