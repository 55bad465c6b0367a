// The one row that functions which import return.
#pragma once

#include "pg/input/import_request.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// Makes the row of the function that is running. The import id is NULL where there is no import, the counts until it
// has ended.
Datum make_import_row(FunctionCallInfo fcinfo, const ImportResult& result);

}  // namespace customer_import::pg
