// The one row that functions which import return.
#pragma once

#include "pg/guard.h"
#include "pg/import_request.h"
#include "pg/server.h"

namespace customer_import::pg {

// Makes the row of the function that is running. The import id is NULL where there is no import.
Datum make_import_row(FunctionCallInfo fcinfo, const ImportResult& result);

}  // namespace customer_import::pg
