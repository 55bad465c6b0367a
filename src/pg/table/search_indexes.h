// The optional indexes by which customers are found.
#pragma once

#include <string>

#include "pg/server/guard.h"
#include "pg/table/target.h"

namespace customer_import::pg {

// What search_customers() looks through of a customer, as SQL: the index is on it.
std::string search_text_sql(const Target& target);

// The column of a value field as text for SQL; "NULL::text" where the table has no such text.
std::string searched_column_sql(const Target& target, std::string_view field);

// Drops the indexes that create_search_indexes() has made on the table. Acts as the caller. Needs an SPI connection.
void drop_search_indexes(const RegisteredTable& table);

}  // namespace customer_import::pg
