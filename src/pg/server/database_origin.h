// Where this database is, to tell what was restored into it from what is its own.
#pragma once

#include <string>

#include "pg/server/guard.h"

namespace customer_import::pg {

// The cluster and the database: an import that was restored elsewhere does not run, a message does not go out.
std::string database_origin();

}  // namespace customer_import::pg
