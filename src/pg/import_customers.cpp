// import_customers() in SQL: reads the arguments, runs the import, returns its one row.
#include <cstring>

#include "core/text.h"
#include "pg/arguments.h"
#include "pg/guard.h"
#include "pg/import_run.h"
#include "pg/import_submit.h"
#include "pg/statement.h"
#include "pg/text_array.h"

namespace customer_import::pg {

namespace {

// The arguments behind csv, in the order of the SQL function.
enum Argument { kCsv, kMode, kFileName, kRejectLimit, kDelimiter, kEncoding, kUnknownRoles, kSendReport, kRequestId,
                kBackground, kUnlink };

[[noreturn]] void refuse_argument(std::string message, std::string hint = {}) {
    throw ImportError(ERRCODE_INVALID_PARAMETER_VALUE, std::move(message), {}, std::move(hint));
}

ImportMode read_mode(FunctionCallInfo fcinfo) {
    const std::string text = optional_text(fcinfo, kMode).value_or("");
    std::optional<ImportMode> mode = parse_import_mode(text);
    if (!mode) {
        refuse_argument("invalid import mode " + quoted(text),
                        "Use 'Create & Update', 'Create Only' or 'Update Only'.");
    }
    return *mode;
}

ImportRequest read_request(FunctionCallInfo fcinfo, bool is_text) {
    if (PG_ARGISNULL(kCsv)) {
        throw ImportError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "the CSV to import is NULL");
    }
    ImportRequest request;
    request.mode = read_mode(fcinfo);
    request.file_name = optional_text(fcinfo, kFileName);
    if (!PG_ARGISNULL(kRejectLimit)) {
        request.reject_limit = PG_GETARG_INT64(kRejectLimit);
        if (*request.reject_limit < 0) {
            refuse_argument("the reject limit is negative", "Give 0 to fail at the first rejected record.");
        }
    }
    if (std::optional<std::string> delimiter = optional_text(fcinfo, kDelimiter)) {
        if (delimiter->size() != 1 || std::strchr(",;\t|", delimiter->front()) == nullptr) {
            refuse_argument("invalid delimiter " + quoted(*delimiter),
                            "Use a comma, a semicolon, a tab or \"|\".");
        }
        request.delimiter = delimiter->front();
    }
    if (std::optional<std::string> encoding = optional_text(fcinfo, kEncoding)) {
        if (is_text) {
            refuse_argument("an encoding cannot be given for a file passed as text",
                            "Text has the encoding of the database already. Pass the file as bytea or large object.");
        }
        request.encoding = FileEncoding(*encoding);
    }
    const std::string unknown_roles = optional_text(fcinfo, kUnknownRoles).value_or("reject");
    if (unknown_roles != "reject" && unknown_roles != "create") {
        refuse_argument("invalid value " + quoted(unknown_roles) + " of unknown_roles",
                        "Use 'reject' or 'create'.");
    }
    request.create_unknown_roles = unknown_roles == "create";
    request.send_report = PG_ARGISNULL(kSendReport) || PG_GETARG_BOOL(kSendReport);
    request.request_id = optional_text(fcinfo, kRequestId);
    return request;
}

ImportResult import(FunctionCallInfo fcinfo, ImportRequest& request, InputSource& source) {
    const bool background = !PG_ARGISNULL(kBackground) && PG_GETARG_BOOL(kBackground);
    return background ? submit_import(request, source) : run_import(request, source);
}

Datum make_row(FunctionCallInfo fcinfo, const ImportResult& result) {
    constexpr int kColumns = 12;
    const Counts& counts = result.counts;
    std::vector<std::string_view> warnings(result.warnings.begin(), result.warnings.end());
    Datum values[kColumns] = {Int64GetDatum(result.import_id),      text_datum(result.state),
                              text_datum(result.message),           Int64GetDatum(counts.records),
                              Int64GetDatum(counts.created),        Int64GetDatum(counts.updated),
                              Int64GetDatum(counts.unchanged),      Int64GetDatum(counts.skipped),
                              Int64GetDatum(counts.rejected),       Int64GetDatum(counts.deleted),
                              Int64GetDatum(counts.unprocessed),    make_text_array(warnings)};
    bool nulls[kColumns] = {};
    return call([&] {
        TupleDesc columns;
        if (get_call_result_type(fcinfo, nullptr, &columns) != TYPEFUNC_COMPOSITE) {
            elog(ERROR, "import_customers does not return a row");
        }
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, nulls));
    });
}

}  // namespace

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// import_customers(csv text, …). Errors: 22023, 22P04, 42501, 55000.
CI_FUNCTION(ci_import_customers_text) {
    return pg::entry([&] {
        pg::ImportRequest request = pg::read_request(fcinfo, true);
        std::string_view csv = pg::varlena_view(pg::call([&] { return PG_GETARG_TEXT_PP(pg::kCsv); }));
        return pg::make_row(fcinfo, pg::import(fcinfo, request, *pg::memory_source(csv)));
    });
}

// import_customers(csv bytea, …).
CI_FUNCTION(ci_import_customers_bytea) {
    return pg::entry([&] {
        pg::ImportRequest request = pg::read_request(fcinfo, false);
        std::string_view csv = pg::varlena_view(pg::call([&] { return PG_GETARG_BYTEA_PP(pg::kCsv); }));
        return pg::make_row(fcinfo, pg::import(fcinfo, request, *pg::memory_source(csv)));
    });
}

// import_customers(csv oid, …, unlink): a large object, read as a stream.
CI_FUNCTION(ci_import_customers_large_object) {
    return pg::entry([&] {
        pg::ImportRequest request = pg::read_request(fcinfo, false);
        const Oid large_object = PG_GETARG_OID(pg::kCsv);
        pg::ImportResult result = pg::import(fcinfo, request, *pg::large_object_source(large_object));
        if (!result.is_earlier && !PG_ARGISNULL(pg::kUnlink) && PG_GETARG_BOOL(pg::kUnlink)) {
            pg::call([&] { OidFunctionCall1(F_LO_UNLINK, ObjectIdGetDatum(large_object)); });
        }
        return pg::make_row(fcinfo, result);
    });
}
