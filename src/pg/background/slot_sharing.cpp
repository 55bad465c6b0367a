#include "pg/background/slot_sharing.h"

#include <string>
#include <utility>
#include <vector>

#include "pg/background/background_process.h"
#include "pg/server/server_log.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

namespace {

constexpr const char* kName = "customer_import supervisor";
constexpr const char* kNameWithoutSlot = "customer_import supervisor without a slot";
constexpr int kPatience = 3000;  // milliseconds: of a worker that has just ended the slot may not be free yet

}  // namespace

bool SlotSharing::must_leave(WorkerTransactions& transactions) {
    const TimestampTz now = GetCurrentTimestamp();
    if (since_ == 0) {
        since_ = now;
        name_process(kNameWithoutSlot);
    }
    bool leaves = false;
    (void)transactions.run_unless_locked([&] {
        // While a worker runs, in whatever database, a slot will be free when it ends.
        const std::vector<Row> others = query(
            "SELECT o.datid, (o.backend_start, o.pid) > (m.backend_start, m.pid)"
            "  FROM pg_stat_activity AS m, pg_stat_activity AS o"
            " WHERE m.pid = pg_backend_pid() AND o.datid <> m.datid AND o.application_name = $1"
            "   AND o.backend_type = 'customer_import supervisor'"
            "   AND NOT EXISTS (SELECT FROM pg_stat_activity AS w WHERE w.backend_type = 'customer_import worker')",
            {parameter(std::string_view(kNameWithoutSlot))});
        leaves = !others.empty() && TimestampDifferenceExceeds(since_, now, kPatience);
        for (const Row& row : others) {
            others_.insert(static_cast<Oid>(std::stoul(*row[0])));
            leaves = leaves && *row[1] != "t";
        }
    });
    if (leaves) {
        write_log(WARNING,
                  "imports wait: supervisors have all background worker slots (max_worker_processes), one leaves");
    }
    return leaves;
}

void SlotSharing::get_on(WorkerTransactions& transactions, bool has_workers, bool (*start)(Oid)) {
    if (std::exchange(since_, 0) != 0) {
        name_process(kName);
    }
    if (has_workers || others_.empty()) {
        return;
    }
    (void)transactions.run_unless_locked([&] {
        for (const Row& row : query(
                 "SELECT datid FROM pg_stat_activity WHERE backend_type = 'customer_import supervisor' AND datid <> 0",
                 {})) {
            others_.erase(static_cast<Oid>(std::stoul(*row[0])));
        }
    });
    std::erase_if(others_, start);
}

}  // namespace customer_import::pg
