// What is thrown away when it is old.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "pg/server/guard.h"
#include "pg/server/transactions.h"

namespace customer_import::pg {

// How far a supervisor has come with what is old.
struct RetentionProgress {
    std::int64_t last = 0;          // the id behind which it goes on
    std::set<std::int64_t> failed;  // those that it could not empty
};

// Empties what setting customer_import.retention no longer keeps, each import in a transaction of its own, in the order
// of the ids, from the first one again when it has come to the end: an import that ended later than younger ones is old
// later, and those that other sessions hold are left for the next time. Those that fail are not tried again, and leave
// a line in the log. Stops after about a second. Returns true when there may be more behind.
bool apply_retention(Transactions& transactions, RetentionProgress& progress);

// Whether it would empty anything. Needs an SPI connection.
bool retention_is_due();

// Removes everything of imports that ended longer ago than an interval, as text. Returns how many. Needs an SPI
// connection.
std::int64_t purge_imports(const std::string& older_than);

// Errors: 55000 when retention has emptied the import. Needs an SPI connection.
void require_not_emptied(std::int64_t import_id);

}  // namespace customer_import::pg
