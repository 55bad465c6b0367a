// The SQL functions that take a file in chunks. What is done with it then is import_upload() and preview_upload().
#include "core/rights.h"
#include "pg/access/access.h"
#include "pg/input/upload.h"
#include "pg/server/arguments.h"
#include "pg/server/guard.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

namespace {

void require_upload_right() { require_right(Right::import_customers, "upload files"); }

std::int64_t begin(FunctionCallInfo fcinfo) {
    require_upload_right();
    SpiConnection spi;
    return begin_upload(optional_text(fcinfo, 0), PG_GETARG_BOOL(1));
}

std::int64_t append(FunctionCallInfo fcinfo) {
    require_upload_right();
    SpiConnection spi;
    const std::string_view chunk = varlena_view(call([&] { return PG_GETARG_BYTEA_PP(1); }));
    const std::optional<std::int64_t> at = PG_ARGISNULL(2) ? std::nullopt
                                                           : std::optional<std::int64_t>(PG_GETARG_INT64(2));
    return append_upload(PG_GETARG_INT64(0), chunk, at);
}

void discard(std::int64_t upload) {
    require_upload_right();
    SpiConnection spi;
    if (!remove_upload(upload)) {
        refuse_unknown_upload(upload);
    }
}

}  // namespace

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// begin_upload(file_name text, background boolean) returns bigint. Errors: 42501, 53400.
CI_WRITING_FUNCTION(ci_begin_upload) {
    return pg::entry([&] { return Int64GetDatum(pg::begin(fcinfo)); });
}

// append_upload(upload bigint, chunk bytea, at bigint) returns bigint: the bytes so far. Errors: 22023, 42501, 42704,
// 53400.
CI_WRITING_FUNCTION(ci_append_upload) {
    return pg::entry([&] { return Int64GetDatum(pg::append(fcinfo)); });
}

// discard_upload(upload bigint) returns void. Errors: 42501, 42704.
CI_WRITING_FUNCTION(ci_discard_upload) {
    return pg::entry([&] {
        pg::discard(PG_GETARG_INT64(0));
        return Datum{0};
    });
}
