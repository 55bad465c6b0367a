// Figures for monitoring: read as the extension's owner, for callers who may see no import. Who looks has a missing
// supervisor started.
#include "pg/access/access.h"
#include "pg/background/import_worker.h"
#include "pg/server/guard.h"
#include "pg/server/library_version.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

namespace {

constexpr long kCollectedRows = 64;

// Returns the rows of a statement of ours, which have the columns of the function that is running.
void return_collected(FunctionCallInfo fcinfo, const char* statement) {
    require_monitor("see the activity of imports");
    auto result = (ReturnSetInfo*)fcinfo->resultinfo;
    call([&] { InitMaterializedSRF(fcinfo, 0); });
    SpiConnection spi;
    start_waiting();
    OwnerScope owner;
    // With some thousands of imports the server would compile the statement at each call, which takes longer than to run
    // it, and the sessions that monitor stay open: they would grow each time.
    SettingsScope settings;
    settings.set("jit", "off");
    Cursor rows(statement, {}, Cursor::Snapshot::calling);
    for (rows.fetch(kCollectedRows); rows.count() > 0; rows.fetch(kCollectedRows)) {
        for (std::uint64_t index = 0; index < rows.count(); ++index) {
            call([&] { tuplestore_puttuple(result->setResult, rows.row(index)); });
        }
    }
}

}  // namespace

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// _import_activity(): a row for each import that has not ended, or ended in the last day. Errors: 42501 unless the
// caller is a member of pg_monitor or an administrator.
CI_CATALOG_FUNCTION(ci_import_activity) {
    return pg::entry([&] {
        pg::return_collected(fcinfo, "SELECT * FROM customer_import._collected_activity");
        return Datum{0};
    });
}

// _import_health(): one row of figures. Errors: 42501 unless the caller is a member of pg_monitor or an administrator.
CI_CATALOG_FUNCTION(ci_import_health) {
    return pg::entry([&] {
        pg::return_collected(fcinfo, "SELECT * FROM customer_import._collected_health");
        return Datum{0};
    });
}
