// What the view import_status asks for beyond the tables that its callers may read: of an open import, and of the server.
#include <optional>
#include <string>
#include <vector>

#include "pg/background/import_worker.h"
#include "pg/history/import_lookup.h"
#include "pg/history/progress.h"
#include "pg/server/arguments.h"
#include "pg/server/database_origin.h"
#include "pg/server/guard.h"
#include "pg/server/statement.h"
#include "pg/server/worker_slots.h"

namespace customer_import::pg {

namespace {

// What is known of an import that has not ended.
struct StatusFacts {
    bool is_restored = false;  // it is of another database
    std::optional<std::string> stop_state;
    std::optional<std::int64_t> bytes_read;  // while its file is checked
};

// Reads an import in the background that the caller sees; nothing for any other. Has a missing supervisor started: the
// session that submitted may be gone before a worker slot was free.
std::optional<StatusFacts> read_status_facts(std::int64_t import_id) {
    SpiConnection spi;
    {
        CatalogPath path;
        if (!sees_import(import_id)) {
            return std::nullopt;
        }
    }
    OwnerScope owner;
    const std::vector<Row> rows = query(
        "SELECT j.origin <> $2, j.stop_state, i.state = 'checking'"
        "  FROM customer_import.imports AS i JOIN customer_import._background_imports AS j ON j.import_id = i.id"
        " WHERE i.id = $1 AND i.finished_at IS NULL",
        {parameter(import_id), parameter(database_origin())});
    if (rows.empty()) {
        return std::nullopt;
    }
    const Row& row = rows.front();
    const bool is_restored = row[0] == "t";
    if (!is_restored) {
        start_waiting();
    }
    return StatusFacts{is_restored, row[1], row[2] == "t" ? bytes_checked(import_id) : std::nullopt};
}

}  // namespace

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// _open_import(import_id bigint): whether an unfinished import that the caller sees is of another database, how it is to
// end early, and how many bytes of its file have been checked; NULLs when there is none.
CI_CATALOG_FUNCTION(ci_open_import) {
    return pg::entry([&] {
        const std::optional<pg::StatusFacts> open = pg::read_status_facts(PG_GETARG_INT64(0));
        Datum values[3] = {};
        bool nulls[3] = {true, true, true};
        if (open) {
            values[0] = BoolGetDatum(open->is_restored);
            values[1] = open->stop_state ? pg::text_datum(*open->stop_state) : Datum{0};
            values[2] = Int64GetDatum(open->bytes_read.value_or(0));
            nulls[0] = false;
            nulls[1] = !open->stop_state;
            nulls[2] = !open->bytes_read;
        }
        return pg::result_row(fcinfo, values, nulls);
    });
}

// _free_worker_slots() returns integer: how many more background workers the server can start, as far as it is known:
// those that are connected to no database do not show.
CI_FUNCTION(ci_free_worker_slots) {
    return pg::entry([&] { return Int32GetDatum(pg::free_worker_slots()); });
}
