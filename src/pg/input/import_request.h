// What a caller asks for, and what it gets back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/format.h"
#include "core/import_mode.h"
#include "core/report.h"
#include "pg/input/file_encoding.h"

namespace customer_import::pg {

// What an import does: applies a file; takes back what another import has changed; applies what another one rejected.
enum class ImportKind { file, undo, retry };

// A share of records, exact to a millionth of a percent.
struct Percent {
    std::string text;  // for people
    std::int64_t millionths = 0;

    bool is_passed(std::int64_t part, std::int64_t whole) const {
        return static_cast<__int128>(part) * 100'000'000 > static_cast<__int128>(whole) * millionths;
    }
};

struct ImportRequest {
    ImportKind kind = ImportKind::file;
    std::int64_t source_import_id = 0;  // of an undo and a retry
    bool retries_skipped = false;       // a retry, in another mode, of what the source skipped, not of what it rejected
    ImportMode mode = ImportMode::create_and_update;
    bool is_dry_run = false;  // all is rolled back; only the counts stay
    std::optional<std::string> file_name;
    std::optional<std::int64_t> reject_limit;
    std::optional<Percent> reject_percent;
    std::optional<char> delimiter;
    FileEncoding encoding;
    bool create_unknown_roles = false;
    bool strict = false;                      // every record has as many cells as the header
    bool keep_damaged = false;                // texts that look damaged are taken as they are
    std::optional<std::string> columns;       // JSON: what headers mean
    std::optional<std::string> role_columns;  // which headers are role codes
    bool send_report = true;
    std::optional<std::string> request_id;
    std::string digest;  // of a request with an id: see request_digest()

    // As `imports` has it.
    std::string_view mode_name() const {
        return kind == ImportKind::undo ? "undo" : kind == ImportKind::retry ? "retry" : import_mode_name(mode);
    }

    // The outcome of the records that a retry tries again.
    std::string_view retried_outcome() const { return retries_skipped ? "skipped" : "rejected"; }

    bool has_reject_limit() const { return reject_limit || reject_percent; }
    // Whether too many were rejected of all the records of the file, which are known after its check: why, for people.
    std::optional<std::string> reject_limit_passed(std::int64_t rejected, std::int64_t records) const {
        if (reject_limit && rejected > *reject_limit) {
            return format("the reject limit of {} was passed", format_count(*reject_limit));
        }
        if (reject_percent && reject_percent->is_passed(rejected, records)) {
            return format("more than {} percent of the records were rejected", reject_percent->text);
        }
        return std::nullopt;
    }
};

struct ImportResult {
    std::int64_t import_id = 0;
    std::string state;
    std::string message;
    Counts counts;
    bool has_counts = true;  // false: it has not ended
    std::vector<std::string> warnings;
    bool is_earlier = false;  // made before with the same request id; nothing was done now
};

}  // namespace customer_import::pg
