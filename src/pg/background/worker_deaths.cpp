#include "pg/background/worker_deaths.h"

#include <cmath>
#include <string>

#include "core/format.h"
#include "pg/server/server_log.h"
#include "pg/server/settings.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

namespace {

constexpr int kMaxDeathsInARow = 3;  // before the slice gets on with the batch
constexpr int kMaxDeaths = 6;        // with no whole batch in between that went well

// What the last worker was at when it died, as far as it is known, after a comma.
std::string place_of_death(const Slice& slice) {
    if (!slice.records) {
        return ", while the file was checked";
    }
    if (!slice.part) {
        return "";
    }
    const SlicePart& part = *slice.part;
    return part.records == 1
               ? format(", the last one at the record in line {}, which was applied alone", part.first_line)
               : format(", the last one at one of {} records in lines {} to {}", part.records, part.first_line,
                        part.last_line);
}

}  // namespace

std::size_t most_together(const Slice& slice, std::size_t batch) {
    if (!slice.is_in_parts()) {
        return batch;
    }
    const auto part = static_cast<std::int64_t>(std::ceil(std::sqrt(batch_rows)));
    return slice.in_parts_until - slice.position > part ? static_cast<std::size_t>(part) : 1;
}

void note_part(std::int64_t import_id, const Slice& slice, const SlicePart& part) {
    OwnerScope owner;
    execute(
        "UPDATE customer_import._import_slices SET part_records = $4, part_lines = int8range($5, $6, '[]')"
        " WHERE import_id = $1 AND slice = $2 AND fence = $3",
        {parameter(import_id), parameter(std::int64_t{slice.number}), parameter(std::int64_t{slice.fence}),
         parameter(part.records), parameter(part.first_line), parameter(part.last_line)});
}

std::optional<Stop> given_up(const Slice& slice) {
    const std::string sqlstate = unpack_sql_state(ERRCODE_CRASH_SHUTDOWN);
    if (slice.deaths_in_a_row() >= kMaxDeathsInARow) {
        return Stop{
            "failed",
            format("{} workers in a row died without getting on with it{}", kMaxDeathsInARow, place_of_death(slice)),
            sqlstate};
    }
    if (slice.deaths() >= kMaxDeaths) {
        return Stop{"failed",
                    format("{} of its workers died, though what the others died at went well in smaller parts{};"
                           " customer_import.batch_rows may be too large, or the server is stopped for another reason",
                           kMaxDeaths, place_of_death(slice)),
                    sqlstate};
    }
    return std::nullopt;
}

void log_deaths(std::int64_t import_id, const Slice& slice) {
    const int died = slice.deaths_in_a_row();
    if (died > 0) {
        // The first one may have got on before.
        const std::string who = died == 1 ? "a worker died"
                                          : format("{} workers in a row died without getting on with it", died);
        write_log_at_commit(WARNING,
                            format("import {} slice {}: {}{}", import_id, slice.number, who, place_of_death(slice)));
    }
}

}  // namespace customer_import::pg
