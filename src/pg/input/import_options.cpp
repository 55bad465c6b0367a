#include "pg/input/import_options.h"

#include "core/csv_reader.h"
#include "core/format.h"
#include "core/text.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

namespace {

constexpr int kPercentDigits = 6;  // Percent::millionths

[[noreturn]] void refuse_columns(std::string message) {
    throw ImportError(ERRCODE_INVALID_PARAMETER_VALUE, std::move(message), {},
                      "Give headers with what they mean, such as '{\"Login\": \"userName\", \"Note\": null}'.");
}

// Reads the option columns: a field, a list of fields or null for each header.
std::vector<ColumnMeaning> read_meanings(const std::string& json) {
    const Parameter columns = parameter(std::string_view(json));
    CatalogPath path;
    if (query("SELECT jsonb_typeof($1::jsonb)", {columns}).front()[0] != "object") {
        refuse_columns("the option \"columns\" is no JSON object");
    }
    std::vector<ColumnMeaning> meanings;
    for (const Row& row :
         query("SELECT c.key, jsonb_typeof(c.value), f.value #>> '{}', jsonb_typeof(f.value)"
               "  FROM jsonb_each($1::jsonb) WITH ORDINALITY AS c (key, value, place)"
               "  LEFT JOIN LATERAL jsonb_array_elements("
               "       CASE jsonb_typeof(c.value) WHEN 'array' THEN c.value WHEN 'null' THEN '[]'"
               "       ELSE jsonb_build_array(c.value) END) WITH ORDINALITY AS f (value, place) ON true"
               " ORDER BY c.place, f.place",
               {columns})) {
        check_interrupts();
        if (meanings.empty() || meanings.back().header != *row[0]) {
            meanings.push_back({*row[0], {}});
        }
        if (meanings.size() > kMaxColumns) {
            refuse_columns(format("the option \"columns\" names more than {} columns", kMaxColumns));
        }
        if (row[3] && row[3] != "string") {
            refuse_columns(format("the option \"columns\" gives no field for column {}", quoted(*row[0])));
        }
        if (row[3]) {
            meanings.back().fields.push_back(row[2].value_or(""));
        }
    }
    return meanings;
}

}  // namespace

Percent read_percent(const std::string& text) {
    Percent percent;
    percent.text = call([&]() -> const char* {
        const Datum given = DirectFunctionCall3(numeric_in, CStringGetDatum(text.c_str()), ObjectIdGetDatum(InvalidOid),
                                                Int32GetDatum(-1));
        if (numeric_is_nan(DatumGetNumeric(given)) || numeric_is_inf(DatumGetNumeric(given))) {
            return "";
        }
        const Datum rounded = DirectFunctionCall2(numeric_round, given, Int32GetDatum(kPercentDigits));
        const Datum zero = DirectFunctionCall1(int4_numeric, Int32GetDatum(0));
        const Datum hundred = DirectFunctionCall1(int4_numeric, Int32GetDatum(100));
        const Datum million = DirectFunctionCall1(int4_numeric, Int32GetDatum(1'000'000));
        if (DatumGetBool(DirectFunctionCall2(numeric_lt, given, zero)) ||
            DatumGetBool(DirectFunctionCall2(numeric_gt, given, hundred))) {
            return "";
        }
        percent.millionths = DatumGetInt64(
            DirectFunctionCall1(numeric_int8, DirectFunctionCall2(numeric_mul, rounded, million)));
        return DatumGetCString(DirectFunctionCall1(numeric_out, DirectFunctionCall1(numeric_trim_scale, rounded)));
    });
    if (percent.text.empty()) {
        throw ImportError(ERRCODE_INVALID_PARAMETER_VALUE, format("invalid reject_percent {}", quoted(text)), {},
                          "Give a number from 0 to 100.");
    }
    return percent;
}

std::string options_json(const ImportRequest& request) {
    const Parameter limit = request.reject_limit ? parameter(*request.reject_limit) : Parameter{INT8OID, 0, true};
    const std::optional<std::string> mode = request.retries_skipped
                                                ? std::optional(std::string(import_mode_name(request.mode)))
                                                : std::nullopt;
    CatalogPath path;
    // What is not given is left out; a NULL within columns has a meaning.
    return *query(
                "SELECT jsonb_strip_nulls(jsonb_build_object('reject_limit', $1, 'unknown_roles', $2, 'send_report', $3,"
                "       'strict', NULLIF($4, false), 'damaged', CASE WHEN $5 THEN 'keep' END, 'role_columns', $6,"
                "       'reject_percent', $8::numeric, 'mode', $9))"
                "       || CASE WHEN $7 IS NULL THEN '{}' ELSE jsonb_build_object('columns', $7::jsonb) END",
                {limit, parameter(std::string_view(request.create_unknown_roles ? "create" : "reject")),
                 parameter(request.send_report), parameter(request.strict), parameter(request.keep_damaged),
                 optional_parameter(request.role_columns), optional_parameter(request.columns),
                 optional_parameter(request.reject_percent ? std::optional(request.reject_percent->text)
                                                           : std::nullopt),
                 optional_parameter(mode)})
                .front()[0];
}

void read_options(const std::string& json, ImportRequest& request) {
    read_reading_options(json, request);
    CatalogPath path;
    const Row row = query(
                        "SELECT o ->> 'reject_limit', o ->> 'unknown_roles', o ->> 'reject_percent', o ->> 'mode'"
                        "  FROM (SELECT $1::jsonb) AS s (o)",
                        {parameter(std::string_view(json))})
                        .front();
    if (row[0]) {
        request.reject_limit = std::stoll(*row[0]);
    }
    request.create_unknown_roles = row[1] == "create";
    if (row[2]) {
        request.reject_percent = read_percent(*row[2]);
    }
    if (row[3]) {  // a retry in another mode than that of its source
        request.retries_skipped = true;
        request.mode = parse_import_mode(*row[3]).value();
    }
}

void read_reading_options(const std::string& json, ImportRequest& request) {
    CatalogPath path;
    const Row row = query(
                        "SELECT o ->> 'strict', o ->> 'damaged', o ->> 'columns', o ->> 'role_columns'"
                        "  FROM (SELECT $1::jsonb) AS s (o)",
                        {parameter(std::string_view(json))})
                        .front();
    request.strict = row[0] == "true";
    request.keep_damaged = row[1] == "keep";
    request.columns = row[2];
    request.role_columns = row[3];
}

HeaderOptions header_options(const ImportRequest& request, const RoleCatalog& catalog) {
    HeaderOptions options;
    if (request.columns) {
        options.columns = read_meanings(*request.columns);
    }
    options.role_columns = request.role_columns.value_or("");
    options.catalog = &catalog;
    options.may_create_codes = request.create_unknown_roles;
    options.check_interrupts = check_interrupts;
    return options;
}

}  // namespace customer_import::pg
