// Which customers the rows of other tables refer to by foreign keys.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "pg/apply/batch_statements.h"
#include "pg/server/guard.h"
#include "pg/table/target.h"

namespace customer_import::pg {

// Returns for each of the `count` customers of the batch table the table that refers to it; an empty name: none does.
// Lock the customers first: then no reference can be added. Each referencing table is searched as its owner, without
// row security, as the server does for foreign keys. Needs an SPI connection.
std::vector<std::string> find_references(const Target& target, BatchStatements& statements, std::size_t count,
                                         MemoryContext context);

}  // namespace customer_import::pg
