// What an undo means for the states of imports: which are undone, and by which.
#pragma once

#include <cstdint>

#include "pg/server/guard.h"

namespace customer_import::pg {

// An import has ended, and its row says how: if it is an undo, writes what follows from that for the state of the
// import that it undoes, and of those above (core/undo_states). Needs an SPI connection. Errors: 40001 when another
// undo of the same family ends meanwhile, in REPEATABLE READ.
void settle_undo(std::int64_t undo_import_id);

// Whether anything that the import did is in force by the change log: no undo has taken it back. What others have
// removed or changed by hand counts as in force. Reads the log of the import up to the first such change. Needs an SPI
// connection.
bool is_in_force(std::int64_t import_id);

}  // namespace customer_import::pg
