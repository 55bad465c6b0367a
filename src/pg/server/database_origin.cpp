#include "pg/server/database_origin.h"

#include "core/format.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

std::string database_origin() { return format("{}/{}", GetSystemIdentifier(), MyDatabaseId); }

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// _database_origin() returns text: where this database is, to tell what was restored into it.
CI_FUNCTION(ci_database_origin) {
    return pg::entry([&] { return pg::text_datum(pg::database_origin()); });
}
