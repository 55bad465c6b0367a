// What users read of an import's history: the rejected and the skipped records as a file.
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
#include "pg/history/import_lookup.h"
#include "pg/history/retention.h"
#include "pg/input/file_encoding.h"
#include "pg/server/arguments.h"
#include "pg/server/guard.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"
#include "pg/table/target.h"

namespace customer_import::pg {

namespace {

constexpr long kRowsAtOnce = 16;  // a record may have a megabyte

// The rejected records of an import as they came or were amended, each with all that is wrong with it, and whether its
// cells cannot be read (1) or told apart (kNoCells).
constexpr std::int64_t kNoCells = 2;
constexpr const char* kRejectedRecords =
    "SELECT line, pg_catalog.string_agg(COALESCE(amended_record, record), ''),"
    "       pg_catalog.string_agg(message, '; ' ORDER BY issue_number),"
    "       CASE WHEN pg_catalog.bool_or(amended_record IS NOT NULL) THEN 0"
    "            WHEN pg_catalog.bool_or(code OPERATOR(pg_catalog.=) ANY ('{malformed_record,wrong_field_count}')) THEN 2"
    "            WHEN pg_catalog.bool_or(code OPERATOR(pg_catalog.=) 'invalid_encoding') THEN 1 ELSE 0 END"
    "  FROM customer_import.import_issues"
    " WHERE import_id OPERATOR(pg_catalog.=) $1 AND outcome OPERATOR(pg_catalog.=) 'rejected'"
    " GROUP BY line ORDER BY line";

// Those that the mode passed over, as a whole.
constexpr const char* kSkippedRecords =
    "SELECT line, record, message, 0"
    "  FROM customer_import.import_issues"
    " WHERE import_id OPERATOR(pg_catalog.=) $1 AND outcome OPERATOR(pg_catalog.=) 'skipped' AND record IS NOT NULL"
    " ORDER BY line";

enum class Listed { rejected, skipped };

void verify_text(std::string_view piece) {
    call([&] { pg_verify_mbstr(PG_UTF8, piece.data(), static_cast<int>(piece.size()), false); });
}

// A file as it grows, in the memory of the value that is returned: it is never copied as a whole. Pieces are whole
// characters, and verified one by one where they are to be text.
class GrowingFile {
public:
    // Allocates memory for so many bytes; more when they are not enough. `instead`: what gives a file without that limit.
    GrowingFile(std::int64_t expected, bool is_text, std::string_view instead) : is_text_(is_text), instead_(instead) {
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
            verify_text(piece);
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
            throw ImportError(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "the records are too large for one value", {},
                              format("Read them from customer_import.{}.", instead_));
        }
    }

    const bool is_text_;
    const std::string_view instead_;
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

// What the records of an import came in.
struct FileFacts {
    std::string header;  // bytes
    char delimiter = ',';
    FileEncoding encoding;
    std::int64_t bytes = 0;  // of the records that are listed, about
};

// As the caller, which sees what its rights allow. Errors: 42704, 55000.
FileFacts find_file(std::int64_t import_id, Listed listed) {
    const std::vector<Row> imports = query(
        "SELECT pg_catalog.encode(header, 'hex'), delimiter, encoding,"
        "       (SELECT pg_catalog.sum(COALESCE(pg_catalog.octet_length(COALESCE(s.amended_record, s.record)), 0)"
        "               OPERATOR(pg_catalog.+) pg_catalog.octet_length(s.message) OPERATOR(pg_catalog.+) $2)"
        "          FROM customer_import.import_issues AS s"
        "         WHERE s.import_id OPERATOR(pg_catalog.=) $1 AND s.outcome OPERATOR(pg_catalog.=) $3)"
        "  FROM customer_import.imports WHERE id OPERATOR(pg_catalog.=) $1",
        {parameter(import_id), parameter(kBytesOfLine),
         parameter(std::string_view(listed == Listed::rejected ? "rejected" : "skipped"))});
    if (imports.empty()) {
        refuse_missing_import(import_id);
    }
    require_not_emptied(import_id);
    const Row& row = imports.front();
    return {from_hex(row[0]), row[1].value_or(",").front(), FileEncoding(*row[2]), std::stoll(row[3].value_or("0"))};
}

std::string decode(FileEncoding& encoding, std::string_view bytes) {
    encoding.reset();
    return readable(encoding.decode(bytes, true));
}

template <class Take>
void each_record(std::int64_t import_id, Listed listed, const Take& take) {
    Cursor rows(listed == Listed::rejected ? kRejectedRecords : kSkippedRecords, {parameter(import_id)},
                Cursor::Snapshot::calling);
    for (rows.fetch(kRowsAtOnce); rows.count() > 0; rows.fetch(kRowsAtOnce)) {
        for (std::uint64_t index = 0; index < rows.count(); ++index) {
            check_interrupts();
            take(rows, index);
        }
    }
}

std::string separator_line(std::string_view header, char delimiter) {
    return detect_delimiter(header) == delimiter ? std::string() : format("sep={}\n", std::string_view(&delimiter, 1));
}

// The records as a file for people: text, with U+FFFD for what is not text, which comes through a spreadsheet. Read twice,
// as only then it is known which columns it needs. `put` takes the header, then record by record, each with its line break.
template <class Put>
void write_file(std::int64_t import_id, Listed listed, FileFacts& facts, const Put& put) {
    SpreadsheetWriter writer(decode(facts.encoding, facts.header), facts.delimiter, registered_fields(),
                             SpreadsheetWriter::Form::file, check_interrupts);
    const auto read = [&](const Cursor& rows, std::uint64_t index) {
        return RejectedRecord{rows.number(index, 1), decode(facts.encoding, rows.bytes(index, 2)),
                              one_line(std::string(rows.bytes(index, 3))), rows.number(index, 4) != 0};
    };
    each_record(import_id, listed, [&](const Cursor& rows, std::uint64_t index) { writer.look_at(read(rows, index)); });
    const std::string header = writer.header();
    put(separator_line(header, facts.delimiter) + header);
    each_record(import_id, listed,
                [&](const Cursor& rows, std::uint64_t index) { put(writer.row(read(rows, index))); });
}

Datum text_file(std::int64_t import_id, Listed listed) {
    SpiConnection spi;
    CatalogPath path;  // as the caller, which sees what its rights allow
    FileFacts facts = find_file(import_id, listed);
    GrowingFile file(facts.bytes, true, listed == Listed::rejected ? "rejected_lines()" : "skipped_lines()");
    write_file(import_id, listed, facts, [&](std::string_view piece) { file.append(piece); });
    return file.finish();
}

// The same as one row a record, without its line break, in memory that does not grow.
void return_lines(FunctionCallInfo fcinfo, std::int64_t import_id, Listed listed) {
    auto result = (ReturnSetInfo*)fcinfo->resultinfo;
    call([&] { InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC); });
    SpiConnection spi;
    CatalogPath path;
    FileFacts facts = find_file(import_id, listed);
    write_file(import_id, listed, facts, [&](std::string_view piece) {
        piece.remove_suffix(1);
        verify_text(piece);
        call([&] {
            Datum value = PointerGetDatum(cstring_to_text_with_len(piece.data(), static_cast<int>(piece.size())));
            bool is_null = false;
            tuplestore_putvalues(result->setResult, result->setDesc, &value, &is_null);
            pfree(DatumGetPointer(value));
        });
    });
}

// The rejected records as a file for programs: byte for byte as they came, followed by _line and _error.
Datum bytes_file(std::int64_t import_id) {
    SpiConnection spi;
    CatalogPath path;
    FileFacts facts = find_file(import_id, Listed::rejected);
    GrowingFile file(facts.bytes, false, "import_issues");
    const auto append = [&](std::string_view text) { file.append(facts.encoding.encode(text)); };
    if (facts.encoding.is_utf16()) {
        append("\xEF\xBB\xBF");  // tells programs what it is
    }
    const std::string header = facts.encoding.decode_exact(facts.header);
    const std::string_view delimiter(&facts.delimiter, 1);
    const OwnColumns own(header, facts.delimiter);
    append(separator_line(own.header(), facts.delimiter));
    append(own.header());
    append(format("{0}{1}{0}{2}\n", delimiter, kLineColumn, kErrorColumn));
    each_record(import_id, Listed::rejected, [&](const Cursor& rows, std::uint64_t index) {
        // What was left out at its end must not be taken for _line and _error.
        const std::string record = facts.encoding.decode_exact(rows.bytes(index, 2));
        append(own.strip(rows.number(index, 4) == kNoCells ? record : own.complete(record)));
        append(format("{0}{1}{0}{2}\n", delimiter, rows.number(index, 1),
                      quoted_cell(error_cell(one_line(std::string(rows.bytes(index, 3)))))));
    });
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
    rejected.total = std::stoll(*imports.front()[3]);
    Cursor rows(kRejectedRecords, {parameter(import_id)}, Cursor::Snapshot::latest);
    std::size_t bytes = 0;
    for (rows.fetch(1); rows.count() > 0; rows.fetch(1)) {
        RejectedRecord record{rows.number(0, 1), decode(encoding, rows.bytes(0, 2)), std::string(rows.bytes(0, 3)),
                              rows.number(0, 4) != 0};
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
        return pg::bytes_file(PG_GETARG_INT64(0));
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

// _visible_import(import_id bigint) returns bigint: the argument of import_report(). Errors: 22004, 42501, 42704.
CI_CATALOG_FUNCTION(ci_visible_import) {
    return pg::entry([&] {
        if (PG_ARGISNULL(0)) {
            throw pg::ImportError(ERRCODE_NULL_VALUE_NOT_ALLOWED,
                                  "argument \"import_id\" of function import_report() is NULL");
        }
        bool is_visible = false;
        {
            pg::SpiConnection spi;
            pg::CatalogPath path;
            is_visible = pg::sees_import(PG_GETARG_INT64(0));
        }
        if (!is_visible) {  // the mailer's report is made by the extension's owner, who needs no right
            pg::require_right(customer_import::Right::view_imports, "view imports");
            pg::refuse_missing_import(PG_GETARG_INT64(0));
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
        return pg::text_file(PG_GETARG_INT64(0), pg::Listed::rejected);
    });
}

// rejected_lines(import_id bigint) returns setof text: the header, then a row a record. Errors: 42501, 42704, 55000.
CI_PUBLIC_FUNCTION(ci_rejected_lines) {
    return pg::entry([&] {
        pg::require_right(customer_import::Right::view_imports, "view imports");
        pg::return_lines(fcinfo, PG_GETARG_INT64(0), pg::Listed::rejected);
        return Datum{0};
    });
}

// skipped_lines(import_id bigint) returns setof text. Errors: as rejected_lines().
CI_PUBLIC_FUNCTION(ci_skipped_lines) {
    return pg::entry([&] {
        pg::require_right(customer_import::Right::view_imports, "view imports");
        pg::return_lines(fcinfo, PG_GETARG_INT64(0), pg::Listed::skipped);
        return Datum{0};
    });
}

// skipped_csv(import_id bigint) returns text. Errors: as rejected_csv().
CI_PUBLIC_FUNCTION(ci_skipped_csv) {
    return pg::entry([&] {
        pg::require_right(customer_import::Right::view_imports, "view imports");
        return pg::text_file(PG_GETARG_INT64(0), pg::Listed::skipped);
    });
}
