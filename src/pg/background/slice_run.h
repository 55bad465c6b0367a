// A slice of an import in the background: checks the file, applies the slice batch by batch, each batch in a
// transaction of its own that also records what it did. So it can die at any moment and be resumed by another worker.
#pragma once

#include <optional>
#include <string>

#include "pg/background/import_queue.h"
#include "pg/background/shared_slices.h"
#include "pg/background/worker_locks.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"
#include "pg/server/transactions.h"

namespace customer_import::pg {

// Applies what is left of a claimed slice, and ends it: with the last one the import. An import that has not begun yet
// is split into at most `slices` slices; the first worker writes the records of all of them to `shared`, the others read
// theirs from there. Returns false when the slice was set aside. `suspect` is released when the
// slice makes progress.
bool run_slice(Transactions& transactions, BackgroundImport import, const Slice& slice, WorkerLock& lock,
               std::optional<WorkerLock>& suspect, int slices, SharedSlices& shared, MemoryContext context);

}  // namespace customer_import::pg
