// What becomes of a slice whose workers die. What a batch is that kills its worker is not known: the batch is applied again
// in parts, each committed, then record by record, so that the third death tells which record it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "pg/background/import_queue.h"

namespace customer_import::pg {

// How many records of the slice, at most, are applied together at its position: `batch` where no worker has died there;
// the square root of customer_import.batch_rows where one has died in a batch, and 1 where one has died in such a part.
std::size_t most_together(const Slice& slice, std::size_t batch);

// Notes the part that is applied next, for the case that its worker dies as well. Needs a transaction.
void note_part(std::int64_t import_id, const Slice& slice, const SlicePart& part);

// How the import ends when too many workers of a claimed slice have died; nothing as long as it is tried again.
std::optional<Stop> given_up(const Slice& slice);

// Has the log say, when the transaction is committed, that workers of a claimed slice have died, and where: numbers alone.
void log_deaths(std::int64_t import_id, const Slice& slice);

}  // namespace customer_import::pg
