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

struct ImportRequest {
    ImportKind kind = ImportKind::file;
    std::int64_t source_import_id = 0;  // of an undo and a retry
    ImportMode mode = ImportMode::create_and_update;
    bool is_dry_run = false;  // all is rolled back; only the counts stay
    std::optional<std::string> file_name;
    std::optional<std::int64_t> reject_limit;
    std::optional<char> delimiter;
    FileEncoding encoding;
    bool create_unknown_roles = false;
    bool strict = false;                      // every record has as many cells as the header
    bool keep_damaged = false;                // texts that look damaged are taken as they are
    std::optional<std::string> columns;       // JSON: what headers mean
    std::optional<std::string> role_columns;  // which headers are role codes
    bool send_report = true;
    std::optional<std::string> request_id;

    // As `imports` has it.
    std::string_view mode_name() const {
        return kind == ImportKind::undo ? "undo" : kind == ImportKind::retry ? "retry" : import_mode_name(mode);
    }

    bool passes_reject_limit(std::int64_t rejected) const { return reject_limit && rejected > *reject_limit; }
    // Says so for people. Only where there is a limit.
    std::string reject_limit_reason() const {
        return format("the reject limit of {} was passed", format_count(*reject_limit));
    }
};

struct ImportResult {
    std::int64_t import_id = 0;
    std::string state;
    std::string message;
    Counts counts;
    std::vector<std::string> warnings;
    bool is_earlier = false;  // made before with the same request id; nothing was done now
};

}  // namespace customer_import::pg
