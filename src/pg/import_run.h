// One import from its first byte to its report: reads and checks the whole file, sorts its records, applies them batch
// by batch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/import_mode.h"
#include "core/report.h"
#include "pg/guard.h"
#include "pg/input_source.h"

namespace customer_import::pg {

struct ImportRequest {
    ImportMode mode = ImportMode::create_and_update;
    std::optional<std::string> file_name;
    std::optional<std::int64_t> reject_limit;
    std::optional<char> delimiter;
    FileEncoding encoding;
    bool create_unknown_roles = false;
    bool send_report = true;
    std::optional<std::string> request_id;
};

struct ImportResult {
    std::int64_t import_id = 0;
    std::string state;
    std::string message;
    Counts counts;
    std::vector<std::string> warnings;
    bool is_earlier = false;  // made before with the same request id; nothing was done now
};

// Imports in the caller's transaction: all or nothing. Errors: 22P04 for a file that is refused, 42501, 55000 when
// there is no customers table; whatever the table raises that is not one record's fault. Connects to SPI itself.
ImportResult run_import(ImportRequest& request, InputSource& source);

}  // namespace customer_import::pg
