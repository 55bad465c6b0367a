#include "pg/background/import_queue.h"

#include <utility>

#include "core/format.h"
#include "core/slices.h"
#include "core/text.h"
#include "pg/history/import_history.h"
#include "pg/history/notification.h"
#include "pg/history/report_store.h"
#include "pg/history/reversal.h"
#include "pg/input/import_options.h"
#include "pg/server/database_origin.h"
#include "pg/server/lookup.h"
#include "pg/server/server_log.h"
#include "pg/server/settings.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"
#include "pg/server/transactions.h"

namespace customer_import::pg {

namespace {

std::int64_t number(const std::optional<std::string>& text) { return std::stoll(text.value_or("0")); }

Counts read_counts(const Row& row, std::size_t first) {
    Counts counts;
    counts.created = number(row[first]);
    counts.updated = number(row[first + 1]);
    counts.unchanged = number(row[first + 2]);
    counts.skipped = number(row[first + 3]);
    counts.rejected = number(row[first + 4]);
    counts.deleted = number(row[first + 5]);
    return counts;
}

// One line of an import for the log.
std::string log_line(std::int64_t import_id, const std::string& operator_name, std::string_view what) {
    return format("import {} of operator {} {}", import_id, quoted(operator_name), what);
}

std::string format_seconds(std::int64_t milliseconds) {
    return format("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100);
}

void log_end(std::int64_t import_id, const std::string& operator_name, const std::string& state,
             const std::string& sqlstate, const Counts& counts, std::int64_t milliseconds) {
    const bool is_given_up = state == "failed" || state == "denied";
    write_log_at_commit(
        is_given_up ? WARNING : LOG,
        log_line(import_id, operator_name,
                 format("{}{}: {}; {}", state, sqlstate.empty() ? "" : format(" (SQLSTATE {})", sqlstate),
                        describe_counts(counts), format_seconds(milliseconds))));
}

// Whether the table that an import goes into exists. One that was detached can be attached again.
bool has_table(std::int64_t import_id) {
    OwnerScope owner;
    return !query_latest(
                "SELECT FROM customer_import.imports AS i JOIN pg_class AS c ON c.oid = i.customers_table WHERE i.id = $1",
                {parameter(import_id)})
                .empty();
}

// Adds up what the slices did and writes how the import has ended.
void remove_background_import(std::int64_t import_id) {
    Counts counts;
    Repeats repeats;
    std::string operator_name;
    std::int64_t milliseconds = 0;
    const std::optional<Stop> stop = requested_stop(import_id);
    {
        OwnerScope owner;
        const std::vector<Row> rows = query(
            "SELECT i.records, sum(s.created), sum(s.updated), sum(s.unchanged), sum(s.skipped),"
            "       sum(s.rejected), sum(s.deleted), i.operator,"
            "       (extract(epoch FROM clock_timestamp() - GREATEST(i.started_at, j.resumed_at)) * 1000)::bigint,"
            "       sum(s.repeats), min(s.first_repeat)"
            "  FROM customer_import.imports AS i JOIN customer_import._background_imports AS j ON j.import_id = i.id"
            "  LEFT JOIN customer_import._import_slices AS s ON s.import_id = i.id"
            " WHERE i.id = $1 GROUP BY i.id, j.import_id",
            {parameter(import_id)});
        if (rows.empty()) {
            return;  // it was deleted by hand
        }
        const Row& row = rows.front();
        counts = read_counts(row, 1);
        counts.records = number(row[0]);
        repeats = {number(row[9]), number(row[10])};
        counts.unprocessed = counts.records - counts.sum();
        operator_name = *row[7];
        milliseconds = number(row[8]);
    }
    const bool came_too_late = stop && stop->state == "canceled" && counts.records > 0 && counts.unprocessed == 0;
    const bool is_explained = has_issues(import_id);
    Remarks remarks = stored_remarks(import_id);
    const bool is_complete = !stop || came_too_late;
    if (is_complete) {  // else not all slices may have been read
        remarks.repeats = repeats;
    }
    log_end(import_id, operator_name, is_complete ? "completed" : stop->state, is_complete ? "" : stop->sqlstate,
            counts, milliseconds);
    if (is_complete) {
        finish_import(import_id, "completed", completed_message(import_id, counts, is_explained), counts, remarks);
    } else {
        const std::string message = stopped_message(import_id, *stop, counts, is_explained, has_table(import_id));
        finish_import(import_id, stop->state, message, counts, remarks);
    }
}

}  // namespace

void enqueue(const QueuedImport& import, Oid role, bool acts, const std::string& settings) {
    const std::int64_t import_id = import.id;
    write_log_at_commit(LOG, log_line(import_id, import.operator_name,
                                      format("queued: {}, {} bytes", import.mode, format_count(import.bytes))));
    OwnerScope owner;
    execute(
        "INSERT INTO customer_import._background_imports (import_id, role_oid, acts, origin, settings)"
        " VALUES ($1, $2, $3, $4, $5::jsonb)",
        {parameter(import_id), parameter_oid(role), parameter(acts), parameter(database_origin()),
         parameter(std::string_view(settings))});
    execute("INSERT INTO customer_import._import_slices (import_id, slice) VALUES ($1, 0)", {parameter(import_id)});
}

std::optional<BackgroundImport> load_background_import(std::int64_t import_id) {
    OwnerScope owner;
    const std::vector<Row> rows = query_latest(
        "SELECT i.state, i.operator, i.database_role, j.role_oid, j.acts, i.mode, i.options,"
        "       i.delimiter, i.encoding, j.settings, i.file_bytes, i.records, j.slices,"
        "       j.stop_state, j.stop_reason, j.stop_sqlstate,"
        "       COALESCE((extract(epoch FROM GREATEST(i.started_at, j.resumed_at) - '2000-01-01 UTC') * 1000000)::bigint, 0),"
        "       COALESCE(i.source_import_id, 0), i.customers_table::oid, j.by_line, COALESCE(j.record_shape, ''),"
        "       j.resumed_at IS NOT NULL, j.slice_hash IS NULL"
        "  FROM customer_import.imports AS i JOIN customer_import._background_imports AS j ON j.import_id = i.id"
        " WHERE i.id = $1 AND i.state IN ('queued', 'checking', 'running')",
        {parameter(import_id)});
    if (rows.empty()) {
        return std::nullopt;
    }
    const Row& row = rows.front();
    BackgroundImport import;
    import.id = import_id;
    import.state = *row[0];
    import.operator_name = *row[1];
    import.role_name = *row[2];
    import.role = static_cast<Oid>(number(row[3]));
    import.acts = row[4] == "t";
    import.request.kind = *row[5] == "undo"    ? ImportKind::undo
                          : *row[5] == "retry" ? ImportKind::retry
                                               : ImportKind::file;
    import.request.source_import_id = number(row[17]);
    import.request.mode = import.request.kind == ImportKind::file ? parse_import_mode(*row[5]).value()
                                                                  : original_mode(import.request.source_import_id);
    read_options(*row[6], import.request);
    import.request.delimiter = row[7].value_or(",").front();
    import.request.encoding = FileEncoding(*row[8]);
    import.settings = *row[9];
    import.file_bytes = number(row[10]);
    import.records = number(row[11]);
    import.slices = static_cast<int>(number(row[12]));
    if (row[13]) {
        import.stop = Stop{*row[13], row[14].value_or(""), row[15].value_or("")};
    }
    import.started_at = number(row[16]);
    import.customers_table = static_cast<Oid>(number(row[18]));
    import.by_line = row[19] == "t";
    import.shape = *row[20];
    import.is_resumed = row[21] == "t";
    import.is_cut = row[22] == "t";
    const auto read_texts = [&](const char* column) {
        std::vector<std::string> texts;
        for (const Row& text : query_latest(
                 format("SELECT unnest({}) FROM customer_import._background_imports WHERE import_id = $1", column),
                 {parameter(import_id)})) {
            texts.push_back(*text[0]);
        }
        return texts;
    };
    import.role_codes = read_texts("role_codes");
    import.slice_names = read_texts("slice_names");
    return import;
}

Stop fault_of_role(std::string reason) {
    return {"denied", std::move(reason), unpack_sql_state(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION)};
}

int BackgroundImport::slice_of(std::string_view user_name) const {
    return is_cut ? customer_import::slice_of(user_name, slice_names) : customer_import::slice_of(user_name, slices);
}

namespace {

std::vector<int> find_slices(std::int64_t import_id, const std::string& condition) {
    OwnerScope owner;
    std::vector<int> slices;
    for (const Row& row : query_latest(format("SELECT slice FROM customer_import._import_slices"
                                              " WHERE import_id = $1 AND NOT ended AND {} ORDER BY slice",
                                              condition),
                                       {parameter(import_id)})) {
        slices.push_back(static_cast<int>(number(row[0])));
    }
    return slices;
}

}  // namespace

std::vector<int> open_slices(std::int64_t import_id) { return find_slices(import_id, "true"); }

std::vector<int> due_slices(std::int64_t import_id) {
    return find_slices(import_id, "(next_attempt_at IS NULL OR next_attempt_at <= clock_timestamp())");
}

int count_claims(std::int64_t import_id, int slice) {
    OwnerScope owner;
    const std::vector<Row> rows = query_latest(
        "SELECT claims FROM customer_import._import_slices WHERE import_id = $1 AND slice = $2",
        {parameter(import_id), parameter(std::int64_t{slice})});
    return rows.empty() ? 0 : static_cast<int>(number(rows.front()[0]));
}

std::optional<Slice> claim_slice(std::int64_t import_id, int slice) {
    OwnerScope owner;
    // After a death the parts are of a whole batch; after a death in one of them, of that part.
    const std::vector<Row> rows = query(
        "UPDATE customer_import._import_slices AS s SET fence = fence + 1, claims = claims + 1,"
        "       in_parts_until = CASE WHEN claims = 0 OR s.records IS NULL THEN in_parts_until"
        "                             WHEN position >= in_parts_until THEN LEAST(position + $3, s.records)"
        "                             ELSE LEAST(in_parts_until, position + begun.records) END,"
        "       part_records = NULL, part_lines = NULL, next_attempt_at = NULL, wait_reason = NULL, wait_sqlstate = NULL,"
        "       waiting_since = CASE WHEN waits > 0 THEN waiting_since END"
        "  FROM (SELECT CASE WHEN p.position < p.in_parts_until THEN p.part_records END AS records, p.part_lines AS lines"
        "          FROM customer_import._import_slices AS p WHERE p.import_id = $1 AND p.slice = $2 FOR UPDATE) AS begun"
        " WHERE s.import_id = $1 AND s.slice = $2 AND NOT s.ended"
        " RETURNING s.fence, s.claims, s.records, s.position, s.pages,"
        "           (extract(epoch FROM s.waiting_since - '2000-01-01 UTC') * 1000000)::bigint,"
        "           s.deaths, s.in_parts_until, begun.records, lower(begun.lines), upper(begun.lines) - 1",
        {parameter(import_id), parameter(std::int64_t{slice}), parameter(std::int64_t{batch_rows})});
    if (rows.empty()) {
        return std::nullopt;
    }
    const Row& row = rows.front();
    Slice claimed;
    claimed.number = slice;
    claimed.fence = static_cast<int>(number(row[0]));
    claimed.claims = static_cast<int>(number(row[1]));
    if (row[2]) {
        claimed.records = number(row[2]);
    }
    claimed.position = number(row[3]);
    claimed.pages = number(row[4]);
    claimed.waiting_since = number(row[5]);
    claimed.got_on_at = GetCurrentTimestamp();
    claimed.earlier_deaths = static_cast<int>(number(row[6]));
    claimed.in_parts_until = number(row[7]);
    if (row[8]) {
        claimed.part = SlicePart{number(row[8]), number(row[9]), number(row[10])};
    }
    return claimed;
}

void log_resumed(std::int64_t import_id, const std::string& operator_name) {
    write_log_at_commit(LOG, log_line(import_id, operator_name, "is resumed"));
}

void start_background_import(BackgroundImport& import) {
    {
        OwnerScope owner;
        execute("UPDATE customer_import.imports SET state = 'checking', started_at = clock_timestamp() WHERE id = $1",
                {parameter(import.id)});
    }
    import.started_at = GetCurrentTimestamp();
    write_log_at_commit(LOG, log_line(import.id, import.operator_name, "started"));
    announce_import(import.id, "checking");
}

void record_check(const BackgroundImport& import, const Counts& counts, const std::vector<std::int64_t>& valid,
                  const std::vector<std::string>& role_codes, const std::vector<std::string>& warnings) {
    OwnerScope owner;
    execute("UPDATE customer_import.imports SET state = 'running', records = $2, warnings = $3 WHERE id = $1",
            {parameter(import.id), parameter(counts.records), text_array_parameter(warnings)});
    execute(
        "UPDATE customer_import._background_imports SET role_codes = $2, slices = $3, by_line = $4, record_shape = $5,"
        "       slice_hash = $6, slice_names = $7"
        " WHERE import_id = $1",
        {parameter(import.id), text_array_parameter(role_codes), parameter(static_cast<std::int64_t>(valid.size())),
         parameter(import.by_line), parameter(std::string_view(import.shape)),
         optional_parameter(import.is_cut ? std::nullopt : std::optional<std::string>("FNV-1a, 64 bits")),
         text_array_parameter(import.slice_names)});
    for (std::size_t slice = 0; slice < valid.size(); ++slice) {
        execute(
            "INSERT INTO customer_import._import_slices (import_id, slice, records, rejected) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (import_id, slice) DO UPDATE SET records = EXCLUDED.records, rejected = EXCLUDED.rejected,"
            "       claims = 1, deaths = _import_slices.deaths + _import_slices.claims - 1, waits = 0, waiting_since = NULL",
            {parameter(import.id), parameter(static_cast<std::int64_t>(slice)), parameter(valid[slice]),
             parameter(slice == 0 ? counts.rejected : std::int64_t{0})});
    }
}

void record_repeats(std::int64_t import_id, const Slice& slice, const Repeats& repeats) {
    if (repeats.records == 0) {
        return;
    }
    OwnerScope owner;
    execute(
        "UPDATE customer_import._import_slices SET repeats = $3, first_repeat = $4 WHERE import_id = $1 AND slice = $2",
        {parameter(import_id), parameter(std::int64_t{slice.number}), parameter(repeats.records),
         parameter(repeats.first_line)});
}

bool advance_slice(std::int64_t import_id, const Slice& slice, std::int64_t records, std::int64_t pages,
                   const Counts& counts) {
    OwnerScope owner;
    return execute(
               "UPDATE customer_import._import_slices SET position = position + $4, pages = $5, waits = 0,"
               "       claims = CASE WHEN position + $4 < in_parts_until THEN claims ELSE 1 END,"
               "       deaths = CASE WHEN position >= in_parts_until THEN 0"  // as a whole batch
               "                     WHEN position + $4 < in_parts_until THEN deaths ELSE deaths + claims - 1 END,"
               "       waiting_since = NULL, wait_reason = NULL, wait_sqlstate = NULL, next_attempt_at = NULL,"
               "       blocked_by = NULL, blocker_pids = NULL, awaited_lock = NULL,"
               "       created = created + $6, updated = updated + $7, unchanged = unchanged + $8,"
               "       skipped = skipped + $9, rejected = rejected + $10, deleted = deleted + $11"
               " WHERE import_id = $1 AND slice = $2 AND fence = $3 AND NOT ended",
               {parameter(import_id), parameter(std::int64_t{slice.number}), parameter(std::int64_t{slice.fence}),
                parameter(records), parameter(pages), parameter(counts.created), parameter(counts.updated),
                parameter(counts.unchanged), parameter(counts.skipped), parameter(counts.rejected),
                parameter(counts.deleted)}) == 1;
}

std::int64_t rejected_so_far(std::int64_t import_id) {
    OwnerScope owner;
    return number(
        query("SELECT sum(rejected) FROM customer_import._import_slices WHERE import_id = $1", {parameter(import_id)})
            .front()[0]);
}

void request_stop(std::int64_t import_id, const Stop& stop) {
    OwnerScope owner;
    execute(
        "UPDATE customer_import._background_imports SET stop_state = $2, stop_reason = $3, stop_sqlstate = NULLIF($4, '')"
        " WHERE import_id = $1 AND stop_state IS NULL",
        {parameter(import_id), parameter(std::string_view(stop.state)), parameter(std::string_view(stop.reason)),
         parameter(std::string_view(stop.sqlstate))});
}

std::optional<Stop> requested_stop(std::int64_t import_id) {
    OwnerScope owner;
    const std::vector<Row> rows = query_latest(
        "SELECT stop_state, stop_reason, stop_sqlstate FROM customer_import._background_imports"
        " WHERE import_id = $1 AND stop_state IS NOT NULL",
        {parameter(import_id)});
    if (rows.empty()) {
        return std::nullopt;
    }
    const Row& row = rows.front();
    return Stop{*row[0], row[1].value_or(""), row[2].value_or("")};
}

namespace {

// What an error has said may quote a customer: it goes when there is nothing to wait for any more.
constexpr const char* kEndSlices =
    "UPDATE customer_import._import_slices SET ended = true, wait_reason = NULL, wait_sqlstate = NULL, waiting_since = NULL,"
    "       next_attempt_at = NULL, blocked_by = NULL, blocker_pids = NULL, awaited_lock = NULL";

}  // namespace

void end_slice(std::int64_t import_id, int slice) {
    {
        OwnerScope owner;
        if (execute(format("{} WHERE import_id = $1 AND slice = $2 AND NOT ended", kEndSlices),
                    {parameter(import_id), parameter(std::int64_t{slice})}) == 0) {
            return;
        }
        // A session that ends another slice at the same time waits here, and then sees that ours has ended.
        execute("SELECT FROM customer_import.imports WHERE id = $1 FOR UPDATE", {parameter(import_id)});
    }
    if (open_slices(import_id).empty()) {
        remove_background_import(import_id);
    }
}

void end_background_import(std::int64_t import_id) {
    {
        OwnerScope owner;
        execute(format("{} WHERE import_id = $1", kEndSlices), {parameter(import_id)});
    }
    remove_background_import(import_id);
}

}  // namespace customer_import::pg
