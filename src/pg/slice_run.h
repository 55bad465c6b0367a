// An import in the background: checks the file, applies its slices batch by batch, each batch in a transaction of its
// own that also records what it did. So it can die at any moment and be taken up by another worker.
#pragma once

#include <cstdint>

#include "pg/guard.h"
#include "pg/server.h"
#include "pg/transactions.h"

namespace customer_import::pg {

// Works on an import until none of its slices is free; it has ended then, or other workers have the rest. Does nothing
// for an import of another role. Splits one that nobody has begun yet into at most `slices` slices. Server errors that
// are not the import's own end it as failed.
void run_job(Transactions& transactions, std::int64_t import_id, int slices);

}  // namespace customer_import::pg
