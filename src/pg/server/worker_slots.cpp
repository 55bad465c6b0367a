#include "pg/server/worker_slots.h"

#include <algorithm>
#include <cstring>

#include "pg/server/guard.h"

namespace customer_import::pg {

namespace {

// How many background workers show for which `matches` holds. Called by what the server can end by an error.
template <typename Matches>
int count_workers_that(Matches&& matches) {
    int found = 0;
    const int count = pgstat_fetch_stat_numbackends();
    for (int index = 1; index <= count; ++index) {
        const PgBackendStatus& backend = pgstat_get_local_beentry_by_index(index)->backendStatus;
        found += backend.st_procpid != 0 && backend.st_backendType == B_BG_WORKER && matches(backend) ? 1 : 0;
    }
    return found;
}

}  // namespace

int free_worker_slots() {
    return call([] {
        return std::max(0, max_worker_processes - count_workers_that([](const PgBackendStatus&) { return true; }));
    });
}

bool worker_shows(Oid database, const char* type) {
    return call([&] {
        pgstat_clear_backend_activity_snapshot();
        return count_workers_that([&](const PgBackendStatus& backend) {
                   const char* own_type = backend.st_databaseid == database
                                              ? GetBackgroundWorkerTypeByPid(backend.st_procpid)
                                              : nullptr;
                   return own_type != nullptr && std::strcmp(own_type, type) == 0;
               }) > 0;
    });
}

}  // namespace customer_import::pg
