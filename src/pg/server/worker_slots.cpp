#include "pg/server/worker_slots.h"

#include <algorithm>

#include "pg/server/guard.h"

namespace customer_import::pg {

int free_worker_slots() {
    return call([] {
        int used = 0;
        const int count = pgstat_fetch_stat_numbackends();
        for (int index = 1; index <= count; ++index) {
            const PgBackendStatus& backend = pgstat_get_local_beentry_by_index(index)->backendStatus;
            used += backend.st_procpid != 0 && backend.st_backendType == B_BG_WORKER ? 1 : 0;
        }
        return std::max(0, max_worker_processes - used);
    });
}

}  // namespace customer_import::pg
