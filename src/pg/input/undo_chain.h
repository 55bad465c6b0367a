// An undo of an undo of an undo …: where such a chain begins.
#pragma once

#include <cstdint>

#include "pg/server/guard.h"

namespace customer_import::pg {

// The import at the end of a chain that is no undo, and whether an undo of the first link brings back what that
// import did.
struct UndoRoot {
    std::int64_t import_id = 0;
    bool brings_back = false;
};

// Needs an SPI connection.
UndoRoot find_undo_root(std::int64_t source_import_id);

}  // namespace customer_import::pg
