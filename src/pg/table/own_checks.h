// What the customers table checks of each row by means of the extension: the guard trigger and the CHECK on user names.
// Of rows that the engine writes they find what the engine has made sure of before, at a sixth of the cost of an
// import: the server locks and reads a row again before a trigger sees it.
#pragma once

#include "pg/server/server.h"

namespace customer_import::pg {

// The two columns that imports rely on, quoted for SQL.
struct CheckedColumns {
    const char* user_name;
    const char* roles;
};

struct LeftOut {
    bool checks = false;               // guard and CHECK
    bool in_plain_partitions = false;  // of an INSERT into partitions all of which are is_plain_heap()
};

// Takes the guard trigger and the CHECK on user names, for this run alone, out of a statement of the engine that has
// been started and whose rows hold canonical user names and role sets of codes that the catalog has, within the ceiling
// of the operator. Returns what it did. It does nothing, so that all is checked again, where the table is not as simple
// as the extension makes it: where it, or a partition, has another trigger or CHECK, or where guard and CHECK are not
// exactly ours. An INSERT opens each partition with its first row: then leave_out_own_checks_of() is to be called for it.
// What the table demands beyond them, policies included, stays in force. Server code.
LeftOut leave_out_own_checks(QueryDesc* query, const CheckedColumns& keys);

// The same for a partition that the statement has opened since; leave_out_own_checks() has left them out. Server code.
void leave_out_own_checks_of(ResultRelInfo* partition, MemoryContext context);

}  // namespace customer_import::pg
