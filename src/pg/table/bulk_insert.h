// Writes the rows of an INSERT as COPY does: whole pages of them at once, which takes less time and WAL than one row
// after the other.
#pragma once

#include "pg/server/server.h"

namespace customer_import::pg {

// Runs an INSERT that has been started, in place of ExecutorRun, where the order of writing rows can be seen by nobody:
// in a heap table without partitions and generated columns, without triggers but those of foreign keys, and without
// functions in its policies and defaults that may look at the rows written so far. The caller has found that the table has
// no CHECK of the user's, which may look at them, too (leave_out_own_checks()). Privileges, policies, constraints and
// RETURNING are those of the statement. Returns false, and does nothing, for any other statement. Source: CopyFrom() of
// the server. Server code.
bool insert_in_bulk(QueryDesc* query);

}  // namespace customer_import::pg
