#include "pg/background/slice_waits.h"

#include <vector>

#include "core/format.h"
#include "pg/server/server_log.h"
#include "pg/server/settings.h"
#include "pg/server/statement.h"
#include "pg/server/transactions.h"

namespace customer_import::pg {

namespace {

// A slice is set aside, but not for longer than it may wait in all, customer_import.longest_wait. $5: since
// when it waits, in microseconds as the server counts time.
constexpr const char* kSetAside =
    "UPDATE customer_import._import_slices SET waits = waits + 1, wait_reason = $2, wait_sqlstate = $3,"
    "       waiting_since = COALESCE(waiting_since, '2000-01-01 UTC'::timestamptz + interval '1 microsecond' * $5),"
    "       next_attempt_at = LEAST(clock_timestamp() + LEAST(interval '1 second' * 2 ^ LEAST(waits, 10), interval '5 minutes'),"
    "              CASE WHEN $4 > 0 THEN GREATEST(clock_timestamp(), COALESCE(waiting_since, clock_timestamp())"
    "                                                                + make_interval(secs => $4::double precision)) END)";
constexpr const char* kWaitSeconds =
    " RETURNING slice, ceil(extract(epoch FROM next_attempt_at - clock_timestamp()))::bigint";

// Since when a slice has waited that is set aside now: since its worker began to wait for the lock that it did not get, as
// pg_locks showed it until then. So nobody who looks again sees a shorter wait than before.
TimestampTz begin_of_wait(const Slice& slice, const Wait& wait) {
    const bool may_end_wait_for_lock = wait.sqlstate == "55P03" || wait.sqlstate.starts_with("57");
    const TimestampTz begin = get_timeout_start_time(DEADLOCK_TIMEOUT);  // the server starts it with each such wait
    return may_end_wait_for_lock && begin > slice.got_on_at ? begin : GetCurrentTimestamp();
}

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
              query(format("{}, claims = LEAST(claims, $8), part_records = NULL, part_lines = NULL"
                           " WHERE import_id = $1 AND slice = $6 AND fence = $7 AND NOT ended{}",
                           kSetAside, kWaitSeconds),
                    {parameter(import_id), parameter(std::string_view(wait.reason)),
                     parameter(std::string_view(wait.sqlstate)), parameter(std::int64_t{longest_wait}),
                     parameter(std::int64_t{begin_of_wait(slice, wait)}), parameter(std::int64_t{slice.number}),
                     parameter(std::int64_t{slice.fence}), parameter(std::int64_t{slice.claims - 1})}),
              wait);
}

void set_aside_all(std::int64_t import_id, const Wait& wait) {
    OwnerScope owner;
    log_waits(import_id,
              query(format("{} WHERE import_id = $1 AND NOT ended"
                           " AND (next_attempt_at IS NULL OR next_attempt_at <= clock_timestamp()){}",
                           kSetAside, kWaitSeconds),
                    {parameter(import_id), parameter(std::string_view(wait.reason)),
                     parameter(std::string_view(wait.sqlstate)), parameter(std::int64_t{longest_wait}),
                     parameter(std::int64_t{GetCurrentTimestamp()})}),
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
