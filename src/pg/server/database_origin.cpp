#include "pg/server/database_origin.h"

#include "core/format.h"

namespace customer_import::pg {

std::string database_origin() { return format("{}/{}", GetSystemIdentifier(), MyDatabaseId); }

}  // namespace customer_import::pg
