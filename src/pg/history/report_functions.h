// What others make of an import's rejected records.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/spreadsheet_csv.h"
#include "pg/server/guard.h"

namespace customer_import::pg {

struct RejectedRecords {
    std::string header;  // as it came, in UTF-8
    char delimiter = ',';
    std::vector<RejectedRecord> records;
    std::int64_t total = 0;
};

// Reads the first rejected records of an import as the extension's owner, as many as have at most `max_bytes` with what
// is wrong with them, in UTF-8; what is not text becomes U+FFFD. The others are not read. Needs an SPI connection.
RejectedRecords read_rejected(std::int64_t import_id, std::size_t max_bytes);

}  // namespace customer_import::pg
