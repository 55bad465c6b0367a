// The locks by which the processes of imports know of one another: who works on a slice, who looks after a database.
#pragma once

#include <cstdint>
#include <utility>

#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// A lock of the session that only workers take: no SQL command can form its tag. Held until the object is gone,
// whatever becomes of transactions; the server drops it with the process.
class WorkerLock {
public:
    // Takes the lock of a slice unless another process has it, or this one.
    WorkerLock(std::int64_t import_id, int slice);
    // Takes the lock of those whose slice has been claimed again and again: the one that crashes the server, if any, is
    // among them. There is one such lock in the whole cluster, so that no two of them run at once.
    static WorkerLock of_suspects();

    WorkerLock(WorkerLock&& other) noexcept : tag_(other.tag_), is_held_(std::exchange(other.is_held_, false)) {}
    ~WorkerLock();
    WorkerLock& operator=(WorkerLock&&) = delete;
    bool is_held() const { return is_held_; }

    // Takes the lock again if it has been lost: code of users can give back all session locks. Returns false when
    // another process has it by now.
    bool keep();

    // Holds the lock until the end of the transaction as well, which no code can release before. Returns false when
    // another process has it.
    bool keep_in_transaction();

private:
    explicit WorkerLock(const LOCKTAG& tag);

    LOCKTAG tag_;
    bool is_held_ = false;
};

// Keeps workers from all slices that have not ended, until the end of the transaction. Returns false when one has one
// of them. The mode of the lock distinguishes a session that locks workers out from a worker.
bool lock_out_workers(std::int64_t import_id);

// The lock of the one supervisor of a database, for the rest of the session. Returns false when another process has it.
bool lock_supervisor();
void unlock_supervisor();
// The lock of the one process that watches a closed database, for the rest of the session. Returns false when another
// one has it. Needs no connection to a database.
bool lock_watcher(Oid database);
// Sessions that submit share a lock until their transaction ends; a supervisor must get it alone before it ends.
void lock_submission();
bool no_submission_under_way();

}  // namespace customer_import::pg
