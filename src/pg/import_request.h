// What a caller asks for, and what he gets back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/import_mode.h"
#include "core/report.h"
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

    bool passes_reject_limit(std::int64_t rejected) const { return reject_limit && rejected > *reject_limit; }
    // Says so for people. Only where there is a limit.
    std::string reject_limit_reason() const {
        return "the reject limit of " + format_count(*reject_limit) + " was passed";
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
