// All that imports did to one customer, oldest first, and what of it is still in force.
#include <string>
#include <vector>

#include "core/change_history.h"
#include "core/user_name.h"
#include "pg/access/access.h"
#include "pg/access/identity.h"
#include "pg/history/change_reader.h"
#include "pg/history/change_rows.h"
#include "pg/server/arguments.h"
#include "pg/server/statement.h"
#include "pg/table/target.h"

namespace customer_import::pg {

namespace {

constexpr int kHistoryColumns = 4 + kEffectColumns + 1;

// A row of the result, but for its last column, which later changes decide. Its values are in the memory of SPI.
struct HistoryRow {
    std::size_t entry = 0;  // of the history
    Datum values[kHistoryColumns] = {};
    bool nulls[kHistoryColumns] = {};
};

HistoryRow make_row(const LoggedChange& logged, std::size_t entry) {
    HistoryRow row;
    row.entry = entry;
    row.values[0] = Int64GetDatum(logged.import_id);
    row.values[1] = Int64GetDatum(logged.change.line);
    row.values[2] = TimestampTzGetDatum(logged.applied_at);
    row.values[3] = text_datum(logged.operator_name);
    put_effect(logged.change, row.values + 4, row.nulls + 4);
    return row;
}

// What others imported counts, but is shown to administrators alone, as in the table imports.
void customer_history(std::string_view user_name, ReturnSetInfo* result) {
    require_right(Right::view_imports, "see the history of customers");
    const std::string own_name = current_identity().name;
    const bool sees_all = current_identity().rights.has(Right::administer);
    SpiConnection spi;
    const RegisteredTable table = require_registered_table(AccessShareLock);
    const std::string key = user_name_key(user_name, table.fold_user_names);
    ChangeHistory history;
    std::vector<HistoryRow> rows;
    read_changes(key, key, [&](const LoggedChange& logged) {
        history.add(logged.import_id, logged.source, logged.change.line, logged.change, logged.applied_at);
        if (sees_all || logged.operator_name == own_name) {
            rows.push_back(make_row(logged, history.entries().size() - 1));
        }
    });
    for (HistoryRow& row : rows) {
        check_interrupts();
        row.values[kHistoryColumns - 1] = BoolGetDatum(!history.anything_counts(row.entry));
        call([&] { tuplestore_putvalues(result->setResult, result->setDesc, row.values, row.nulls); });
    }
}

}  // namespace

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// customer_history(user_name text): all that imports into today's customers table did to a customer, in the order in
// which it was done, with whether nothing of it is in force any more. Errors: 22004, 42501, 54000, 55000 when there is
// no customers table.
CI_PUBLIC_FUNCTION(ci_customer_history) {
    return pg::entry([&] {
        pg::call([&] { InitMaterializedSRF(fcinfo, 0); });
        const std::string_view user_name = pg::text_argument(fcinfo, 0, "the user name");
        pg::customer_history(user_name, (ReturnSetInfo*)fcinfo->resultinfo);
        return Datum{0};
    });
}
