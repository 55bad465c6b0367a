// Loading of the library: its magic block and what is to be known from then on.
#include "pg/access/identity.h"
#include "pg/background/import_worker.h"
#include "pg/history/progress.h"
#include "pg/server/server_log.h"
#include "pg/server/settings.h"
#include "pg/server/test_point.h"

extern "C" {
PG_MODULE_MAGIC_EXT(.name = "customer_import", .version = CUSTOMER_IMPORT_VERSION);
PGDLLEXPORT void _PG_init();
}

void _PG_init() {
    using namespace customer_import::pg;
    define_settings();
    if (process_shared_preload_libraries_in_progress) {
        register_launcher();
    }
    define_test_points();
    MarkGUCPrefixReserved("customer_import");
    watch_transactions();
    watch_submissions();
    watch_log();
    watch_progress();
}
