// import_customers() in SQL: reads the arguments, runs the import, returns its one row.
#include "pg/calls/import_run.h"
#include "pg/calls/import_submit.h"
#include "pg/history/import_row.h"
#include "pg/input/import_arguments.h"
#include "pg/input/upload.h"
#include "pg/server/arguments.h"
#include "pg/server/guard.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"

namespace customer_import::pg {

namespace {

// Where the SQL function has its arguments.
constexpr ArgumentPlaces kImportPlaces = {.file_name = 2,
                                          .dry_run = 3,
                                          .background = 4,
                                          .reject_limit = 5,
                                          .delimiter = 6,
                                          .encoding = 7,
                                          .unknown_roles = 8,
                                          .send_report = 9,
                                          .request_id = 10,
                                          .strict = 11,
                                          .damaged = 12,
                                          .columns = 13,
                                          .role_columns = 14,
                                          .reject_percent = 15};
constexpr int kUnlink = 16;

ImportResult import(FunctionCallInfo fcinfo, ImportRequest& request, InputSource& source) {
    const bool background = PG_GETARG_BOOL(kImportPlaces.background);
    if (background && request.is_dry_run) {
        throw ImportError(ERRCODE_INVALID_PARAMETER_VALUE, "a dry run cannot be made in the background");
    }
    return background ? submit_import(request, &source) : run_import(request, &source);
}

ImportResult import_uploaded(FunctionCallInfo fcinfo, ImportRequest& request, std::int64_t upload) {
    if (!request.file_name) {
        SpiConnection spi;
        request.file_name = upload_file_name(upload);
    }
    ImportResult result = import(fcinfo, request, *upload_source(upload));
    if (!request.is_dry_run) {
        SpiConnection spi;
        remove_upload(upload);
    }
    return result;
}

}  // namespace

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// import_customers(csv text, …). Errors: 22023, 22P04, 42501, 55000.
CI_WRITING_FUNCTION(ci_import_customers_text) {
    return pg::entry([&] {
        pg::ImportRequest request = pg::read_request(fcinfo, pg::kImportPlaces, true);
        std::string_view csv = pg::varlena_view(pg::call([&] { return PG_GETARG_TEXT_PP(0); }));
        return pg::make_import_row(fcinfo, pg::import(fcinfo, request, *pg::memory_source(csv)));
    });
}

// import_customers(csv bytea, …).
CI_WRITING_FUNCTION(ci_import_customers_bytea) {
    return pg::entry([&] {
        pg::ImportRequest request = pg::read_request(fcinfo, pg::kImportPlaces, false);
        std::string_view csv = pg::varlena_view(pg::call([&] { return PG_GETARG_BYTEA_PP(0); }));
        return pg::make_import_row(fcinfo, pg::import(fcinfo, request, *pg::memory_source(csv)));
    });
}

// import_customers(csv oid, …, unlink): a large object, read as a stream.
CI_WRITING_FUNCTION(ci_import_customers_large_object) {
    return pg::entry([&] {
        pg::ImportRequest request = pg::read_request(fcinfo, pg::kImportPlaces, false);
        const Oid large_object = PG_GETARG_OID(0);
        pg::ImportResult result = pg::import(fcinfo, request, *pg::large_object_source(large_object));
        if (!result.is_earlier && !request.is_dry_run && PG_GETARG_BOOL(pg::kUnlink)) {
            pg::call([&] { OidFunctionCall1(F_LO_UNLINK, ObjectIdGetDatum(large_object)); });
        }
        return pg::make_import_row(fcinfo, result);
    });
}

// import_upload(upload bigint, …): what append_upload() has stored. Errors: as import_customers(), and 42704.
CI_WRITING_FUNCTION(ci_import_upload) {
    return pg::entry([&] {
        pg::ImportRequest request = pg::read_request(fcinfo, pg::kImportPlaces, false);
        return pg::make_import_row(fcinfo, pg::import_uploaded(fcinfo, request, PG_GETARG_INT64(0)));
    });
}
