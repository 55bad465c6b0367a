// An import in the foreground, from its first byte to its report: reads and checks the whole file, sorts its records,
// applies them batch by batch, all or nothing.
#pragma once

#include "pg/guard.h"
#include "pg/import_request.h"
#include "pg/input_source.h"

namespace customer_import::pg {

inline constexpr std::size_t kMaxBatchBytes = 8 * 1024 * 1024;

// Asks for the rights that a request needs. Errors: 42501.
void require_import_rights(const ImportRequest& request);

// Imports in the caller's transaction. Errors: 22P04 for a file that is refused, 42501, 55000 when there is no customers
// table; whatever the table raises that is not one record's fault. Connects to SPI itself.
ImportResult run_import(ImportRequest& request, InputSource& source);

}  // namespace customer_import::pg
