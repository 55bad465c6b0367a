// How slices wait, as the queue has it: until when, why, and since when they have not got on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pg/background/import_queue.h"
#include "pg/background/passing_trouble.h"

namespace customer_import::pg {

// Sets a slice aside: no worker claims it for a while, the longer the more often it has waited since it made progress.
// The claim that was in vain does not count. Does nothing for a slice that another worker has claimed since.
void set_aside(std::int64_t import_id, const Slice& slice, const Wait& wait);

// The same for all slices of an import that nobody has claimed.
void set_aside_all(std::int64_t import_id, const Wait& wait);

// Notes why slices that are due are not claimed. They stay due.
void note_wait(std::int64_t import_id, const Wait& wait);

// For a supervisor that starts: what waits has waited since now. Needs a transaction.
void begin_waits_anew();

// How an import ends that has waited for this longer than customer_import.longest_wait allows.
Stop waited_too_long(const Wait& wait);
// How one ends that has taken longer than customer_import.import_timeout allows.
Stop too_late();

}  // namespace customer_import::pg
