// The queue of imports in the background, as the tables hold it: what there is to do, which process does it, how far it
// is. All of it is read and written as the extension's owner, and changes in the same transaction as what it describes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/report.h"
#include "pg/input/import_request.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// The SQLSTATE for an import that ends because of its records: to resume it would be in vain.
inline constexpr const char* kFaultOfFile = "22000";

// An import in the background that has not ended.
struct BackgroundImport {
    std::int64_t id = 0;
    std::string state;
    std::string operator_name;
    std::string role_name;
    Oid role = InvalidOid;
    bool acts = false;
    ImportRequest request;
    std::string settings;  // JSON
    std::int64_t file_bytes = 0;
    std::int64_t records = 0;  // known after the check
    int slices = 0;            // 0: not claimed yet
    bool is_cut = false;       // the slices are ranges of user names; else a hash decides. Known after the check
    std::vector<std::string> slice_names;  // where the slices but the first begin, as far as there are records
    bool by_line = false;                  // the order of its records; known after the check
    std::vector<std::string> role_codes;   // those of the check; empty before
    std::optional<Stop> stop;
    std::string shape;                 // see record_shape(); of the check
    bool is_resumed = false;           // by resume_import()
    TimestampTz started_at = 0;        // or resumed; 0: not yet
    Oid customers_table = InvalidOid;  // when it was submitted

    // The slice of a customer, after the check.
    int slice_of(std::string_view user_name) const;

    // How long it has been running.
    std::int64_t milliseconds() const { return started_at == 0 ? 0 : (GetCurrentTimestamp() - started_at) / 1000; }
};

// Records that are applied together because a worker has died.
struct SlicePart {
    std::int64_t records = 0;
    std::int64_t first_line = 0;  // the smallest of their lines
    std::int64_t last_line = 0;
};

struct Slice {
    int number = 0;
    int fence = 0;
    int claims = 0;                   // with this one, since it has got on
    int earlier_deaths = 0;           // of its workers, since a whole batch went well
    std::int64_t in_parts_until = 0;  // the position up to which it is applied in parts, because a worker has died
    std::optional<SlicePart> part;    // what the worker has died at that had it last; as far as is known
    std::optional<std::int64_t> records;
    std::int64_t position = 0;
    std::int64_t pages = 0;
    TimestampTz waiting_since = 0;  // 0: it has got on lately
    TimestampTz got_on_at = 0;      // last, by this worker, or claimed

    bool is_in_parts() const { return position < in_parts_until; }
    int deaths_in_a_row() const { return claims - 1; }
    int deaths() const { return earlier_deaths + deaths_in_a_row(); }
};

// Puts an import into the queue.
struct QueuedImport {
    std::int64_t id = 0;
    const std::string& operator_name;
    std::string_view mode;
    std::int64_t bytes = 0;
};
void enqueue(const QueuedImport& import, Oid role, bool acts, const std::string& settings);

// Returns an unfinished import of the queue; nothing when it has ended or is held.
std::optional<BackgroundImport> load_background_import(std::int64_t import_id);

// How an import ends whose database role cannot log in any more.
Stop fault_of_role(std::string reason);

// The slices of an import that have not ended.
std::vector<int> open_slices(std::int64_t import_id);
// Those of them that were not set aside, or whose time has come.
std::vector<int> due_slices(std::int64_t import_id);

// After so many claims of a slice without progress its import is a suspect.
inline constexpr int kSuspectClaims = 2;
int count_claims(std::int64_t import_id, int slice);

// Counts one more claim of a slice and returns the slice; nothing when it has ended meanwhile.
std::optional<Slice> claim_slice(std::int64_t import_id, int slice);

// An import that had ended is to continue: for the log.
void log_resumed(std::int64_t import_id, const std::string& operator_name);

// The import is claimed for the first time.
void start_background_import(BackgroundImport& import);

// The file was checked: freezes what the slices start from. `valid` holds the number of valid records of each slice;
// what the check rejected is counted with the first one. `warnings` takes the place of what was known of the header alone.
void record_check(const BackgroundImport& import, const Counts& counts, const std::vector<std::int64_t>& valid,
                  const std::vector<std::string>& role_codes, const std::vector<std::string>& warnings);

// Records how many records of a slice, which has been read as a whole, repeat a user name.
void record_repeats(std::int64_t import_id, const Slice& slice, const Repeats& repeats);

// Records what one batch did. A slice has got on when it is past what its workers have died at, and begins to count anew
// when a whole batch goes well after that. Returns false when
// another worker has taken over the slice: then nothing of the batch must stay.
bool advance_slice(std::int64_t import_id, const Slice& slice, std::int64_t records, std::int64_t pages,
                   const Counts& counts);

// Records that were rejected so far, as far as that has been committed.
std::int64_t rejected_so_far(std::int64_t import_id);

// Asks all workers of an import to stop; the first reason stays.
void request_stop(std::int64_t import_id, const Stop& stop);
std::optional<Stop> requested_stop(std::int64_t import_id);

// Ends a slice; with the last one the import, with its counts and message. What has ended stays as it is.
void end_slice(std::int64_t import_id, int slice);

// Ends an import that no worker has, whatever is left of it.
void end_background_import(std::int64_t import_id);

}  // namespace customer_import::pg
