#include "pg/background/slice_waits.h"

#include <vector>

#include "core/format.h"
#include "pg/server/server_log.h"
#include "pg/server/settings.h"
#include "pg/server/statement.h"
#include "pg/server/transactions.h"

namespace customer_import::pg {

namespace {

// A slice is set aside, but not for longer than it may wait in all, customer_import.longest_wait.
constexpr const char* kSetAside =
    "UPDATE customer_import._import_slices SET waits = waits + 1, wait_reason = $2, wait_sqlstate = $3,"
    "       waiting_since = COALESCE(waiting_since, clock_timestamp()),"
    "       next_attempt_at = LEAST(clock_timestamp() + LEAST(interval '1 second' * 2 ^ LEAST(waits, 10), interval '5 minutes'),"
    "              CASE WHEN $4 > 0 THEN GREATEST(clock_timestamp(), COALESCE(waiting_since, clock_timestamp())"
    "                                                                + make_interval(secs => $4::double precision)) END)";
constexpr const char* kWaitSeconds =
    " RETURNING slice, ceil(extract(epoch FROM next_attempt_at - clock_timestamp()))::bigint";

void log_waits(std::int64_t import_id, const std::vector<Row>& slices, const Wait& wait) {
    for (const Row& slice : slices) {
        write_log_at_commit(WARNING, format("import {} slice {} waits for {} s (SQLSTATE {})", import_id, *slice[0],
                                            *slice[1], wait.sqlstate));
    }
}

}  // namespace

void set_aside(std::int64_t import_id, const Slice& slice, const Wait& wait) {
    limit_waits_of_transaction(0);  // the supervisor holds the row, for a moment
    OwnerScope owner;
    log_waits(import_id,
              query(format("{}, claims = LEAST(claims, $7), part_records = NULL, part_lines = NULL"
                           " WHERE import_id = $1 AND slice = $5 AND fence = $6 AND NOT ended{}",
                           kSetAside, kWaitSeconds),
                    {parameter(import_id), parameter(std::string_view(wait.reason)),
                     parameter(std::string_view(wait.sqlstate)), parameter(std::int64_t{longest_wait}),
                     parameter(std::int64_t{slice.number}), parameter(std::int64_t{slice.fence}),
                     parameter(std::int64_t{slice.claims - 1})}),
              wait);
}

void set_aside_all(std::int64_t import_id, const Wait& wait) {
    OwnerScope owner;
    log_waits(import_id,
              query(format("{} WHERE import_id = $1 AND NOT ended"
                           " AND (next_attempt_at IS NULL OR next_attempt_at <= clock_timestamp()){}",
                           kSetAside, kWaitSeconds),
                    {parameter(import_id), parameter(std::string_view(wait.reason)),
                     parameter(std::string_view(wait.sqlstate)), parameter(std::int64_t{longest_wait})}),
              wait);
}

void note_wait(std::int64_t import_id, const Wait& wait) {
    OwnerScope owner;
    execute(
        "UPDATE customer_import._import_slices SET wait_reason = $2, wait_sqlstate = $3, next_attempt_at = NULL,"
        "       waiting_since = COALESCE(waiting_since, clock_timestamp())"
        " WHERE import_id = $1 AND NOT ended AND wait_reason IS DISTINCT FROM $2"
        "   AND (next_attempt_at IS NULL OR next_attempt_at <= clock_timestamp())",
        {parameter(import_id), parameter(std::string_view(wait.reason)), parameter(std::string_view(wait.sqlstate))});
}

void begin_waits_anew() {
    OwnerScope owner;
    execute(
        "UPDATE customer_import._import_slices SET waiting_since = clock_timestamp() WHERE waiting_since IS NOT NULL");
}

Stop waited_too_long(const Wait& wait) {
    return {"failed", format("it has waited longer than customer_import.longest_wait allows: {}", wait.reason),
            wait.sqlstate};
}

Stop too_late() {
    return {"failed", "it took longer than customer_import.import_timeout allows",
            unpack_sql_state(ERRCODE_QUERY_CANCELED)};
}

}  // namespace customer_import::pg
