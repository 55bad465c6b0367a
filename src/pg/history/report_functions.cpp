// What users read of an import's history: the rejected records as a file.
#include "pg/history/report_functions.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "core/csv_reader.h"
#include "core/format.h"
#include "core/issue.h"
#include "core/own_columns.h"
#include "core/pace.h"
#include "core/text.h"
#include "pg/access/access.h"
#include "pg/access/identity.h"
#include "pg/history/retention.h"
#include "pg/input/file_encoding.h"
#include "pg/server/arguments.h"
#include "pg/server/guard.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"

namespace customer_import::pg {

namespace {

constexpr long kRowsAtOnce = 16;  // a record may have a megabyte

// The rejected records of an import as they came or were amended, each with all that is wrong with it, and whether its
// fields are not those of the header.
constexpr const char* kRejectedRecords =
    "SELECT line, pg_catalog.string_agg(COALESCE(amended_record, record), ''),"
    "       pg_catalog.string_agg(message, '; ' ORDER BY issue_number),"
    "       (pg_catalog.bool_or(code OPERATOR(pg_catalog.=) ANY ('{malformed_record,wrong_field_count}'))"
    "        AND pg_catalog.bool_and(amended_record IS NULL))::integer"
    "  FROM customer_import.import_issues"
    " WHERE import_id OPERATOR(pg_catalog.=) $1 AND outcome OPERATOR(pg_catalog.=) 'rejected'"
    " GROUP BY line ORDER BY line";

// A file as it grows, in the memory of the value that is returned: it is never copied as a whole. Pieces are whole
// characters, and verified one by one where they are to be text.
class GrowingFile {
public:
    // Allocates memory for so many bytes; more when they are not enough.
    GrowingFile(std::int64_t expected, bool is_text) : is_text_(is_text) {
        require_room(static_cast<std::size_t>(expected));
        room_ = VARHDRSZ + static_cast<std::size_t>(expected);
        value_ = call([&] { return static_cast<char*>(palloc(room_)); });
    }
    void append(std::string_view piece) {
        check_interrupts();
        require_room(piece.size());
        if (size_ + piece.size() > room_) {
            room_ = std::min<std::size_t>(MaxAllocSize, size_ + piece.size() + room_ / 4);
            value_ = call([&] { return static_cast<char*>(repalloc(value_, room_)); });
        }
        if (is_text_) {
            call([&] { pg_verify_mbstr(PG_UTF8, piece.data(), static_cast<int>(piece.size()), false); });
        }
        std::memcpy(value_ + size_, piece.data(), piece.size());
        size_ += piece.size();
    }
    Datum finish() {
        SET_VARSIZE(value_, size_);
        return PointerGetDatum(value_);
    }

private:
    void require_room(std::size_t bytes) const {
        if (bytes > MaxAllocSize - size_) {
            throw ImportError(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "the rejected records are too large for one value", {},
                              "Read them from customer_import.import_issues.");
        }
    }

    const bool is_text_;
    std::size_t room_ = 0;
    std::size_t size_ = VARHDRSZ;
    char* value_ = nullptr;
};

std::string quoted_cell(std::string_view text) {
    std::string cell = "\"";
    for (char c : text) {
        cell.append(c == '"' ? 2 : 1, c);
    }
    return cell + "\"";
}

// Roughly what a line takes besides the record and the message.
constexpr std::int64_t kBytesOfLine = 16;

// Replaces what is not UTF-8, and NUL, by U+FFFD.
std::string readable(std::string_view text) {
    std::string result;
    Pace pace(check_interrupts);
    std::size_t nul = std::min(text.find('\0'), text.size());  // the next one: nothing is searched twice
    for (std::size_t begin = 0; begin < text.size();) {
        pace.step();
        if (nul < begin) {
            nul = std::min(text.find('\0', begin), text.size());
        }
        const std::string_view piece = text.substr(begin, nul - begin);
        const std::size_t valid = std::min(find_invalid_utf8(piece), piece.size());
        result += piece.substr(0, valid);
        begin += valid;
        if (begin < text.size()) {
            result += "\xef\xbf\xbd";
            ++begin;
        }
    }
    return result;
}

std::string decode(FileEncoding& encoding, std::string_view bytes) {
    encoding.reset();
    return readable(encoding.decode(bytes, true));
}

// The file of the rejected records: the header and the records as they came, followed by _line and _error. As text,
// with U+FFFD for what is not text, or else byte for byte.
Datum rejected_file(std::int64_t import_id, bool as_text) {
    SpiConnection spi;
    CatalogPath path;  // as the caller, which sees what its rights allow
    const std::vector<Row> imports = query(
        "SELECT pg_catalog.encode(header, 'hex'), delimiter, encoding,"
        "       (SELECT pg_catalog.sum(COALESCE(pg_catalog.octet_length(COALESCE(s.amended_record, s.record)), 0)"
        "               OPERATOR(pg_catalog.+) pg_catalog.octet_length(s.message) OPERATOR(pg_catalog.+) $2)"
        "          FROM customer_import.import_issues AS s"
        "         WHERE s.import_id OPERATOR(pg_catalog.=) $1 AND s.outcome OPERATOR(pg_catalog.=) 'rejected')"
        "  FROM customer_import.imports WHERE id OPERATOR(pg_catalog.=) $1",
        {parameter(import_id), parameter(kBytesOfLine)});
    if (imports.empty()) {
        throw ImportError(ERRCODE_UNDEFINED_OBJECT, format("import {} does not exist", import_id));
    }
    require_not_emptied(import_id);
    FileEncoding encoding(*imports.front()[2]);
    GrowingFile file(std::stoll(imports.front()[3].value_or("0")), as_text);
    const auto decode_all = [&](std::string_view bytes) {
        return as_text ? decode(encoding, bytes) : encoding.decode_exact(bytes);
    };
    const auto append = [&](std::string_view text) { file.append(as_text ? text : encoding.encode(text)); };
    if (!as_text && encoding.is_utf16()) {
        append("\xEF\xBB\xBF");  // tells programs what it is
    }
    const std::string header(decode_all(from_hex(imports.front()[0])));
    const std::string delimiter = imports.front()[1].value_or(",");
    const OwnColumns own(header, delimiter.front());
    if (detect_delimiter(own.header()) != delimiter.front()) {
        append(format("sep={}\n", delimiter));
    }
    append(own.header());
    append(format("{0}_line{0}_error\n", delimiter));
    Cursor rows(kRejectedRecords, {parameter(import_id)}, Cursor::Snapshot::calling);
    for (rows.fetch(kRowsAtOnce); rows.count() > 0; rows.fetch(kRowsAtOnce)) {
        for (std::uint64_t index = 0; index < rows.count(); ++index) {
            // What was left out at its end must not be taken for _line and _error.
            const std::string record = decode_all(rows.bytes(index, 2));
            append(own.strip(rows.number(index, 4) != 0 ? record : own.complete(record)));
            append(format("{0}{1}{0}{2}\n", delimiter, rows.number(index, 1),
                          quoted_cell(one_line(std::string(rows.bytes(index, 3))))));
        }
    }
    return file.finish();
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
    const OwnColumns own(rejected.header, rejected.delimiter);
    rejected.total = std::stoll(*imports.front()[3]);
    Cursor rows(kRejectedRecords, {parameter(import_id)}, Cursor::Snapshot::latest);
    std::size_t bytes = 0;
    for (rows.fetch(1); rows.count() > 0; rows.fetch(1)) {
        RejectedRecord record{rows.number(0, 1), decode(encoding, rows.bytes(0, 2)), std::string(rows.bytes(0, 3))};
        if (rows.number(0, 4) == 0) {
            record.raw = own.complete(record.raw);
        }
        bytes += record.raw.size() + record.error.size();
        if (bytes > max_bytes) {
            rows.close();
            break;
        }
        rejected.records.push_back(std::move(record));
    }
    return rejected;
}

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// rejected_csv_bytes(import_id bigint) returns bytea, in the encoding of the file. Errors: 42501, 42704, 54000 above 1
// GB, 55000 when its records are not kept any more.
CI_PUBLIC_FUNCTION(ci_rejected_csv_bytes) {
    return pg::entry([&] {
        pg::require_right(customer_import::Right::view_imports, "view imports");
        return pg::rejected_file(PG_GETARG_INT64(0), false);
    });
}

// import_template() returns text: the header of a file. Errors: 42501 unless an operator acts.
CI_CATALOG_FUNCTION(ci_import_template) {
    return pg::entry([&] {
        pg::require_operator("read the template of a file");
        pg::SpiConnection spi;
        std::string header;
        {
            pg::OwnerScope owner;
            header = *pg::query(
                          "SELECT concat_ws(',', 'userName', 'addRoles', 'removeRoles',"
                          "                 string_agg(CASE WHEN c.field ~ E'[\",;|\\t\\r\\n]'"
                          "                                 THEN concat('\"', replace(c.field, '\"', '\"\"'), '\"')"
                          "                                 ELSE c.field END, ',' ORDER BY c.position))"
                          "  FROM customer_import.customers_table_columns AS c")
                          .front()[0];
        }
        return pg::text_datum(header + "\n");
    });
}

// _given(import_id bigint) returns bigint: the argument of import_report(). Errors: 22004.
CI_CATALOG_FUNCTION(ci_given) {
    return pg::entry([&] {
        if (PG_ARGISNULL(0)) {
            throw pg::ImportError(ERRCODE_NULL_VALUE_NOT_ALLOWED,
                                  "argument \"import_id\" of function import_report() is NULL");
        }
        return PG_GETARG_DATUM(0);
    });
}

// _may_reverse(import_id bigint) returns boolean: whether the caller may undo and retry it, as far as that is not a
// matter of its state.
CI_CATALOG_FUNCTION(ci_may_reverse) {
    return pg::entry([&] {
        const pg::Identity& identity = pg::current_identity();
        if (!identity.rights.has(customer_import::Right::import_customers)) {
            return BoolGetDatum(false);
        }
        pg::SpiConnection spi;
        pg::OwnerScope owner;
        return BoolGetDatum(
            !pg::query(
                 "SELECT FROM customer_import.imports AS i JOIN customer_import.customers_table AS t ON t.relation = i.customers_table"
                 " WHERE i.id = $1 AND (i.operator = $2 OR $3)",
                 {pg::parameter(PG_GETARG_INT64(0)), pg::parameter(std::string_view(identity.name)),
                  pg::parameter(identity.rights.has(customer_import::Right::administer))})
                 .empty());
    });
}

// rejected_csv(import_id bigint) returns text; bytes that are not valid are U+FFFD. Errors: 42501, 42704, 54000, 55000.
CI_PUBLIC_FUNCTION(ci_rejected_csv) {
    return pg::entry([&] {
        pg::require_right(customer_import::Right::view_imports, "view imports");
        return pg::rejected_file(PG_GETARG_INT64(0), true);
    });
}
