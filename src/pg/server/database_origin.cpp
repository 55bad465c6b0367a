#include "pg/server/database_origin.h"

namespace customer_import::pg {

std::string database_origin() { return std::to_string(GetSystemIdentifier()) + "/" + std::to_string(MyDatabaseId); }

}  // namespace customer_import::pg
