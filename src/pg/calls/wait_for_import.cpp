// A procedure for scripts and drivers that cannot listen: waits until an import has ended, without a transaction.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "core/format.h"
#include "pg/background/background_process.h"
#include "pg/history/import_lookup.h"
#include "pg/server/arguments.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"
#include "pg/server/transactions.h"

namespace customer_import::pg {

namespace {

constexpr long kFirstDelay = 20;  // milliseconds; it doubles
constexpr long kLongestDelay = 1000;
constexpr std::int64_t kLongestWait = std::int64_t{10} * 365 * 24 * 60 * 60 * 1000;

// Returns milliseconds; nothing for NULL. A month has 30 days. Errors: 22023 for a negative interval.
std::optional<std::int64_t> timeout_argument(FunctionCallInfo fcinfo, int index) {
    if (PG_ARGISNULL(index)) {
        return std::nullopt;
    }
    const Interval* interval = PG_GETARG_INTERVAL_P(index);
    const std::int64_t days = std::int64_t{interval->month} * 30 + interval->day;
    const std::int64_t milliseconds = days * 24 * 60 * 60 * 1000 + interval->time / 1000;
    if (milliseconds < 0) {
        throw ImportError(ERRCODE_INVALID_PARAMETER_VALUE, "the timeout is negative");
    }
    return std::min(milliseconds, kLongestWait);
}

struct Seen {
    std::string state;
    std::string message;
    bool is_over = false;
};

// As the caller, which sees what its rights allow. The view starts a supervisor where one is missing. Errors: 42704.
Seen look_at_import(std::int64_t import_id) {
    CatalogPath path;
    const std::vector<Row> rows = query(
        "SELECT state, message, finished_at IS NOT NULL OR state OPERATOR(pg_catalog.=) 'held'"
        "  FROM customer_import.import_status WHERE id OPERATOR(pg_catalog.=) $1",
        {parameter(import_id)});
    if (rows.empty()) {
        refuse_missing_import(import_id);
    }
    const Row& row = rows.front();
    return {*row[0], row[1].value_or(""), row[2] == "t"};
}

Seen wait_for_import(std::int64_t import_id, std::optional<std::int64_t> timeout) {
    ProcedureTransactions transactions;
    const TimestampTz begin = GetCurrentTimestamp();
    Seen seen;
    for (long delay = kFirstDelay;; delay = std::min(2 * delay, kLongestDelay)) {
        if (std::optional<PgError> error = transactions.run([&] { seen = look_at_import(import_id); })) {
            throw PgError(*error);
        }
        const std::int64_t waited = TimestampDifferenceMilliseconds(begin, GetCurrentTimestamp());
        const std::int64_t rest = timeout.value_or(kLongestWait) - waited;
        if (seen.is_over || (timeout && rest <= 0)) {
            return seen;
        }
        wait_all_of(std::min<long>(delay, rest));
    }
}

}  // namespace

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// wait_for_import(id bigint, timeout interval, state text, message text): a procedure that returns the last two. Errors:
// 22004, 22023, 25001 inside a transaction block, 42704.
CI_PUBLIC_FUNCTION(ci_wait_for_import) {
    return pg::entry([&] {
        pg::require_no_transaction_block(fcinfo, "customer_import.wait_for_import()");
        const pg::Seen seen = pg::wait_for_import(PG_GETARG_INT64(0), pg::timeout_argument(fcinfo, 1));
        Datum values[] = {pg::text_datum(seen.state), pg::text_datum(seen.message)};
        bool nulls[] = {false, false};
        return pg::result_row(fcinfo, values, nulls);
    });
}
