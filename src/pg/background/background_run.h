// An import in the background, slice by slice: claims what no worker has, and sets aside what has to wait.
#pragma once

#include <cstdint>

#include "pg/background/shared_slices.h"
#include "pg/server/guard.h"
#include "pg/server/transactions.h"

namespace customer_import::pg {

// Works on an import until none of its slices is free; it has ended then, or other workers have the rest, or it waits.
// Does nothing for an import of another role. Splits one that has not begun yet into at most `slices` slices,
// whose records go through `shared`, if that exists. Server
// errors that are not the import's own end it as failed; what is only in its way sets slices aside, and then it returns
// false.
bool run_background_import(Transactions& transactions, std::int64_t import_id, int slices, SharedSlices& shared);

}  // namespace customer_import::pg
