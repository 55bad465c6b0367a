// The settings of the extension.
#pragma once

#include "pg/server.h"

namespace customer_import::pg {

inline constexpr int kDefaultBatchRows = 10000;

// customer_import.batch_rows: number of records in a batch.
extern int batch_rows;

}  // namespace customer_import::pg
