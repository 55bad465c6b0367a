// What supervisors do when those of several databases have all background worker slots, so that none can start a worker:
// the youngest leaves, and those that stay start it anew when they have no workers.
#pragma once

#include <set>

#include "pg/server/guard.h"
#include "pg/server/server.h"
#include "pg/server/transactions.h"

namespace customer_import::pg {

class SlotSharing {
public:
    // Of a look at the queue that found no slot while no worker runs. Returns whether this supervisor is to leave: after
    // three seconds of that, if it is the youngest of several. pg_stat_activity shows which supervisors lack a slot.
    bool must_leave(WorkerTransactions& transactions);

    // Whether another supervisor may leave at any moment: its slot is to be taken before somebody starts it again.
    bool expects_room() const { return since_ != 0 && !others_.empty(); }

    // Of each other look. Without workers it calls `start`, which returns whether there was a slot, for the databases
    // whose supervisors lacked one, and have left.
    void get_on(WorkerTransactions& transactions, bool has_workers, bool (*start)(Oid database));

private:
    TimestampTz since_ = 0;  // it lacks a slot; 0: it does not
    std::set<Oid> others_;   // databases whose supervisors were seen without a slot
};

}  // namespace customer_import::pg
