#include "pg/input/import_arguments.h"

#include <cstring>

#include "core/format.h"
#include "core/text.h"
#include "pg/input/import_options.h"
#include "pg/server/arguments.h"

namespace customer_import::pg {

namespace {

std::optional<std::string> text_at(FunctionCallInfo fcinfo, int place) {
    return place > 0 ? optional_text(fcinfo, place) : std::nullopt;
}

std::optional<std::string> json_at(FunctionCallInfo fcinfo, int place) {
    if (PG_ARGISNULL(place)) {
        return std::nullopt;
    }
    require_size(PG_GETARG_DATUM(place), kMaxRecordBytes, "the argument");
    return call([&] { return DatumGetCString(DirectFunctionCall1(jsonb_out, PG_GETARG_DATUM(place))); });
}

[[noreturn]] void refuse_argument(std::string message, std::string hint = {}) {
    throw ImportError(ERRCODE_INVALID_PARAMETER_VALUE, std::move(message), {}, std::move(hint));
}

}  // namespace

ImportMode read_mode(FunctionCallInfo fcinfo) {
    const std::string text = given_text(fcinfo, 1);
    std::optional<ImportMode> mode = parse_import_mode(text);
    if (!mode) {
        refuse_argument(format("invalid import mode {}", quoted(text)),
                        "Use 'Create & Update', 'Create Only' or 'Update Only'.");
    }
    return *mode;
}

ImportRequest read_request(FunctionCallInfo fcinfo, const ArgumentPlaces& places, bool is_text) {
    ImportRequest request;
    request.mode = read_mode(fcinfo);
    request.file_name = text_at(fcinfo, places.file_name);
    if (places.reject_limit > 0 && !PG_ARGISNULL(places.reject_limit)) {
        request.reject_limit = PG_GETARG_INT64(places.reject_limit);
        if (*request.reject_limit < 0) {
            refuse_argument("the reject limit is negative", "Give 0 to fail at the first rejected record.");
        }
    }
    if (!PG_ARGISNULL(places.reject_percent)) {
        request.reject_percent = read_percent(call(
            [&] { return DatumGetCString(DirectFunctionCall1(numeric_out, PG_GETARG_DATUM(places.reject_percent))); }));
    }
    if (std::optional<std::string> delimiter = text_at(fcinfo, places.delimiter)) {
        const bool is_tab = *delimiter == "\\t" || equal_ignoring_ascii_case(*delimiter, "tab");
        if (!is_tab && (delimiter->size() != 1 || std::strchr(",;\t|", delimiter->front()) == nullptr)) {
            refuse_argument(format("invalid delimiter {}", quoted(*delimiter)),
                            "Use a comma, a semicolon, a tab or \"|\".");
        }
        request.delimiter = is_tab ? '\t' : delimiter->front();
    }
    if (std::optional<std::string> encoding = text_at(fcinfo, places.encoding)) {
        if (is_text) {
            refuse_argument("an encoding cannot be given for a file passed as text",
                            "Text has the encoding of the database already. Pass the file as bytea or large object.");
        }
        request.encoding = FileEncoding(*encoding);
    }
    const std::string unknown_roles = text_at(fcinfo, places.unknown_roles).value_or("reject");
    if (unknown_roles != "reject" && unknown_roles != "create") {
        refuse_argument(format("invalid value {} of unknown_roles", quoted(unknown_roles)),
                        "Use 'reject' or 'create'.");
    }
    request.create_unknown_roles = unknown_roles == "create";
    request.strict = PG_GETARG_BOOL(places.strict);
    const std::string damaged = given_text(fcinfo, places.damaged);
    if (damaged != "reject" && damaged != "keep") {
        refuse_argument(format("invalid value {} of damaged", quoted(damaged)), "Use 'reject' or 'keep'.");
    }
    request.keep_damaged = damaged == "keep";
    request.columns = json_at(fcinfo, places.columns);
    request.role_columns = text_at(fcinfo, places.role_columns);
    if (request.role_columns) {
        request.role_columns = trim(*request.role_columns);
        if (request.role_columns->empty()) {
            refuse_argument(
                "role_columns is empty",
                "Give what the headers begin with that name a role, or '*' where they are codes of the catalog.");
        }
    }
    request.is_dry_run = places.dry_run > 0 && PG_GETARG_BOOL(places.dry_run);
    request.send_report = places.send_report == 0 || PG_GETARG_BOOL(places.send_report);
    if (!request.is_dry_run) {  // it leaves nothing that could be found again
        request.request_id = text_at(fcinfo, places.request_id);
        if (request.request_id && request.request_id->empty()) {
            refuse_argument("the request id is empty", "Give one for each request, or leave it out.");
        }
    }
    return request;
}

}  // namespace customer_import::pg
