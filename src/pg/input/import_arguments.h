// The arguments that functions which import share: csv and mode come first, the options where each has them.
#pragma once

#include "pg/input/import_request.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// By number, from 0; 0 for an option that the function does not have.
struct ArgumentPlaces {
    int file_name = 0;
    int dry_run = 0;
    int background = 0;
    int reject_limit = 0;
    int delimiter = 0;
    int encoding = 0;
    int unknown_roles = 0;
    int send_report = 0;
    int request_id = 0;
    int strict = 0;
    int damaged = 0;
    int columns = 0;
    int role_columns = 0;
    int reject_percent = 0;
};

// Reads the mode, the second argument. Errors: 22004, 22023.
ImportMode read_mode(FunctionCallInfo fcinfo);

// Reads the mode and the options; `is_text` says that csv is text already. Errors: 22004, 22023.
ImportRequest read_request(FunctionCallInfo fcinfo, const ArgumentPlaces& places, bool is_text);

}  // namespace customer_import::pg
