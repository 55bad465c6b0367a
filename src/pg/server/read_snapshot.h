// The moment at which something was read, so that it can be told later whether the version of a row is newer than that.
#pragma once

#include <vector>

#include "pg/server/server.h"

namespace customer_import::pg {

class ReadSnapshot {
public:
    // To be called before the reading: what other sessions commit meanwhile counts as newer.
    void take();

    // Whether what a transaction did was there to be read. `writer` has committed, or it is the current transaction.
    bool has_seen(TransactionId writer) const;

    // Whether no transaction has ended since: what could be read then is all that can be read now.
    bool is_latest() const;

private:
    SnapshotData snapshot_{};
    std::vector<TransactionId> running_, running_parts_;  // what snapshot_ points to
};

}  // namespace customer_import::pg
