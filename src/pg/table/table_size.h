// How large a table is, as the planner sees it.
#pragma once

#include "pg/server/server.h"

namespace customer_import::pg {

struct TableSize {
    double rows;
    double blocks;
};

// What a table and its partitions hold, by the statistics and the size of their files. Server code.
TableSize read_size(Oid table);

}  // namespace customer_import::pg
