// What is thrown away when it is old.
#pragma once

#include <cstdint>
#include <string>

#include "pg/server/guard.h"
#include "pg/server/transactions.h"

namespace customer_import::pg {

// Empties what setting customer_import.retention no longer keeps, each import in a transaction of its own, in the order
// of the ids after `last`. Imports that other sessions hold are left for another time, and so are, with a line in the
// log, those that fail. Stops after about a second and then returns true: there may be more.
bool apply_retention(Transactions& transactions, std::int64_t& last);

// Whether it would empty anything. Needs an SPI connection.
bool retention_is_due();

// Removes everything of imports that ended longer ago than an interval, as text. Returns how many. Needs an SPI
// connection.
std::int64_t purge_imports(const std::string& older_than);

// Errors: 55000 when retention has emptied the import. Needs an SPI connection.
void require_not_emptied(std::int64_t import_id);

}  // namespace customer_import::pg
