#include "pg/background/worker_locks.h"

#include "pg/background/import_queue.h"
#include "pg/server/lookup.h"

namespace customer_import::pg {

namespace {

// It is based on the object identifier of a table of ours: no SQL command forms such a tag.
LOCKTAG make_tag(const char* table, std::uint32_t number, std::uint16_t part) {
    LOCKTAG tag;
    const Oid object = call([&] { return own_table(table); });
    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, object, number, part);
    // The method of advisory locks: a session lock of the other one would end with each transaction that is rolled
    // back.
    tag.locktag_lockmethodid = USER_LOCKMETHOD;
    return tag;
}

LOCKTAG slice_tag(std::int64_t import_id, int slice) {
    return make_tag("_import_slices", static_cast<std::uint32_t>(import_id), static_cast<std::uint16_t>(slice));
}

// Of no database: any numbers that all versions agree on.
constexpr Oid kSuspectsClass = 0x43494d50;
constexpr Oid kWatcherClass = 0x43494d57;

enum : std::uint32_t { kSupervisor = 0, kSubmission = 1 };
LOCKTAG queue_tag(std::uint32_t which) { return make_tag("_background_imports", which, 0); }

LOCKTAG cluster_tag(Oid lock_class, Oid number) {
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, InvalidOid, lock_class, number, 0);
    tag.locktag_lockmethodid = USER_LOCKMETHOD;
    return tag;
}

// Takes a session lock at once or not at all.
bool try_session_lock(const LOCKTAG& tag, LOCKMODE mode) {
    return call([&] {
        const LockAcquireResult result = LockAcquire(&tag, mode, true, true);
        if (result == LOCKACQUIRE_ALREADY_HELD) {
            LockRelease(&tag, mode, true);
            return false;
        }
        return result == LOCKACQUIRE_OK;
    });
}

// The same until the end of the transaction; also when the session has it.
bool try_transaction_lock(const LOCKTAG& tag, LOCKMODE mode = ExclusiveLock) {
    return call([&] { return LockAcquire(&tag, mode, false, true) != LOCKACQUIRE_NOT_AVAIL; });
}

}  // namespace

WorkerLock::WorkerLock(const LOCKTAG& tag) : tag_(tag), is_held_(try_session_lock(tag, ExclusiveLock)) {}

WorkerLock::WorkerLock(std::int64_t import_id, int slice) : WorkerLock(slice_tag(import_id, slice)) {}

WorkerLock WorkerLock::of_suspects() { return WorkerLock(cluster_tag(kSuspectsClass, 0)); }

WorkerLock::~WorkerLock() {
    if (is_held_ && LockHeldByMe(&tag_, ExclusiveLock, false)) {
        release([&] { LockRelease(&tag_, ExclusiveLock, true); });
    }
}

bool WorkerLock::keep() {
    if (!LockHeldByMe(&tag_, ExclusiveLock, false)) {
        is_held_ = try_session_lock(tag_, ExclusiveLock);
    }
    return is_held_;
}

bool WorkerLock::keep_in_transaction() { return try_transaction_lock(tag_); }

bool lock_out_workers(std::int64_t import_id) {
    for (const int slice : open_slices(import_id)) {
        if (!try_transaction_lock(slice_tag(import_id, slice), ShareLock)) {
            return false;
        }
    }
    return true;
}

bool lock_supervisor() { return try_session_lock(queue_tag(kSupervisor), ExclusiveLock); }

void unlock_supervisor() {
    const LOCKTAG tag = queue_tag(kSupervisor);
    call([&] { LockRelease(&tag, ExclusiveLock, true); });
}

bool lock_watcher(Oid database) { return try_session_lock(cluster_tag(kWatcherClass, database), ExclusiveLock); }

void lock_submission() {
    const LOCKTAG tag = queue_tag(kSubmission);
    call([&] { LockAcquire(&tag, ShareLock, false, false); });
}

bool no_submission_under_way() { return try_transaction_lock(queue_tag(kSubmission)); }

}  // namespace customer_import::pg
