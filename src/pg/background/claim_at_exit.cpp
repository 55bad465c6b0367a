#include "pg/background/claim_at_exit.h"

#include "pg/background/passing_trouble.h"
#include "pg/background/slice_waits.h"
#include "pg/server/lookup.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

namespace {

// Of this process: numbers alone, since no destructor of a global object ever runs.
bool has_claim = false;
std::int64_t claimed_import = 0;
int claimed_slice = 0;
int claimed_fence = 0;
int claims = 0;
TimestampTz got_on_at = 0;

// Takes what the statements below need, at once or not at all: no signal ends a wait of a process that is exiting.
bool lock_at_once() {
    const Oid extension = get_extension_oid("customer_import", true);
    if (!OidIsValid(extension)) {
        return false;
    }
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, extension, 0);
    if (LockAcquire(&tag, AccessShareLock, false, true) == LOCKACQUIRE_NOT_AVAIL) {
        return false;
    }
    return get_extension_oid("customer_import", true) == extension &&
           ConditionalLockRelationOid(own_table("_import_slices"), RowExclusiveLock);
}

void leave_claim() {
    SpiConnection spi;
    {
        OwnerScope owner;
        if (query(
                "SELECT FROM customer_import._import_slices WHERE import_id = $1 AND slice = $2 FOR UPDATE SKIP LOCKED",
                {parameter(claimed_import), parameter(std::int64_t{claimed_slice})})
                .empty()) {
            return;
        }
    }
    Slice slice;
    slice.number = claimed_slice;
    slice.fence = claimed_fence;
    slice.claims = claims;
    slice.got_on_at = got_on_at;
    set_aside(claimed_import, slice,
              {"its worker was ended; see the log of the server", unpack_sql_state(ERRCODE_ADMIN_SHUTDOWN)});
}

// The server ends a process with 1 after SIGTERM, or an error that nothing has caught. It is not called when the server
// crashes. An error in here is one more line in the log: the claim then counts as that of a worker that has died.
void exit_worker(int code, Datum) {
    if (!has_claim || code != 1 || !PostmasterIsAlive()) {
        return;
    }
    has_claim = false;
    AbortOutOfAnyTransaction();
    // A synchronous standby that is down would hold the process for ever.
    SetConfigOption("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION);
    StartTransactionCommand();
    PushActiveSnapshot(GetTransactionSnapshot());
    if (lock_at_once()) {
        try {
            leave_claim();
        } catch (...) {
            return;  // there is no memory; the server ends the transaction
        }
    }
    PopActiveSnapshot();
    CommitTransactionCommand();
}

}  // namespace

void note_claim(std::int64_t import_id, const Slice& slice) {
    has_claim = true;
    claimed_import = import_id;
    claimed_slice = slice.number;
    claimed_fence = slice.fence;
    claims = slice.claims;
    got_on_at = slice.got_on_at;
}

void forget_claim() { has_claim = false; }

void note_progress() {
    claims = 1;
    got_on_at = GetCurrentTimestamp();
}

void watch_exit() { before_shmem_exit(exit_worker, 0); }

}  // namespace customer_import::pg
