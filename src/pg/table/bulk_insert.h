// Writes the rows of an INSERT as COPY does: whole pages of them at once, which takes less time and WAL than one row
// after the other.
#pragma once

#include "pg/server/server.h"

namespace customer_import::pg {

// Whether a table, or a partition, is a heap table without generated columns. Server code.
bool is_plain_heap(Relation table);

// What is to be done with a partition that the statement has opened, before a row goes there.
using OpenPartition = void (*)(ResultRelInfo* partition, MemoryContext context);

// Runs an INSERT that has been started, in place of ExecutorRun, where the order of writing rows can be seen by nobody:
// in a heap table without generated columns, without triggers but those of foreign keys, and without functions in its
// policies and defaults that may look at the rows written so far. The caller has found that the table has no CHECK of the
// user's, which may look at them, too (leave_out_own_checks()). With `open_partition` also in a table in partitions; the
// caller has found that all are is_plain_heap(), and after it have no such triggers and CHECKs. Privileges, policies and
// constraints are those of the statement. So is RETURNING, but for its first column, an int4: that becomes the place of
// the row, from 0, among those of the plan. Returns false, and does nothing, for any other statement. Source: CopyFrom()
// of the server. `reached` is told the place of the row that it has come to. Server code.
bool insert_in_bulk(QueryDesc* query, OpenPartition open_partition = nullptr, std::uint64_t* reached = nullptr);

}  // namespace customer_import::pg
