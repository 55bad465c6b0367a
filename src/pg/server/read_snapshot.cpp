#include "pg/server/read_snapshot.h"

#include "pg/server/guard.h"

namespace customer_import::pg {

void ReadSnapshot::take() {
    const SnapshotData* latest = call([] { return GetLatestSnapshot(); });
    snapshot_ = *latest;
    running_.assign(latest->xip, latest->xip + latest->xcnt);
    running_parts_.assign(latest->subxip, latest->subxip + (latest->subxcnt > 0 ? latest->subxcnt : 0));
    snapshot_.xip = running_.data();
    snapshot_.subxip = running_parts_.data();
}

bool ReadSnapshot::has_seen(TransactionId writer) const {
    return call([&] {
        return TransactionIdIsCurrentTransactionId(writer) || !TransactionIdIsNormal(writer) ||
               !XidInMVCCSnapshot(writer, const_cast<Snapshot>(&snapshot_));
    });
}

bool ReadSnapshot::is_latest() const {
    return call([&] { return GetLatestSnapshot()->snapXactCompletionCount == snapshot_.snapXactCompletionCount; });
}

}  // namespace customer_import::pg
