// What becomes of the slice of a worker that is ended by its server, an administrator or an error: it waits for another
// worker, and does not count as one that has killed its worker.
#pragma once

#include <cstdint>

#include "pg/background/import_queue.h"

namespace customer_import::pg {

// Notes that this worker has a slice, until forget_claim().
void note_claim(std::int64_t import_id, const Slice& slice);
void forget_claim();
// It has got on since.
void note_progress();

// Registers what is done when the worker exits. Called once, when it is connected.
void watch_exit();

}  // namespace customer_import::pg
