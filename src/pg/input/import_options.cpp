#include "pg/input/import_options.h"

#include "pg/server/statement.h"

namespace customer_import::pg {

std::string options_json(const ImportRequest& request) {
    const Parameter limit = request.reject_limit ? parameter(*request.reject_limit) : Parameter{INT8OID, 0, true};
    CatalogPath path;
    // What is not given is left out; a NULL within columns has a meaning.
    return *query(
                "SELECT jsonb_strip_nulls(jsonb_build_object('reject_limit', $1, 'unknown_roles', $2, 'send_report', $3,"
                "       'strict', NULLIF($4, false), 'damaged', CASE WHEN $5 THEN 'keep' END, 'role_columns', $6))"
                "       || CASE WHEN $7 IS NULL THEN '{}' ELSE jsonb_build_object('columns', $7::jsonb) END",
                {limit, parameter(std::string_view(request.create_unknown_roles ? "create" : "reject")),
                 parameter(request.send_report), parameter(request.strict), parameter(request.keep_damaged),
                 optional_parameter(request.role_columns), optional_parameter(request.columns)})
                .front()[0];
}

void read_options(const std::string& json, ImportRequest& request) {
    read_reading_options(json, request);
    CatalogPath path;
    const Row row = query("SELECT o ->> 'reject_limit', o ->> 'unknown_roles' FROM (SELECT $1::jsonb) AS s (o)",
                          {parameter(std::string_view(json))})
                        .front();
    if (row[0]) {
        request.reject_limit = std::stoll(*row[0]);
    }
    request.create_unknown_roles = row[1] == "create";
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

}  // namespace customer_import::pg
