// The one row that functions which import return.
#pragma once

#include "pg/input/import_request.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// Makes a row of the columns that the function which is running returns.
Datum make_row(FunctionCallInfo fcinfo, const Datum* values, const bool* nulls);

// Makes that of an import. Its id is NULL where there is no import, and its counts until it has ended.
Datum make_import_row(FunctionCallInfo fcinfo, const ImportResult& result);

}  // namespace customer_import::pg
