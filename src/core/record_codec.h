// Step 4, in between: validated records as bytes, in a form whose byte order is the order in which they are applied. So
// the whole file is read once, sorted, and applied along the index of the customers table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/batch.h"

namespace customer_import {

enum class RecordOrder {
    by_user_name,            // then by line: for tables where each customer's records are independent of others
    by_line,                 // file order
    by_user_name_backwards,  // within a user name the last line first: an undo
    by_line_backwards,
};

// Writes a record to `out` from the byte `begin` on; what it held there and behind is lost. A user name holds no NUL byte.
void encode_record(const Record& record, RecordOrder order, std::string& out, std::size_t begin = 0);

// Reads what encode_record wrote and adds it to `batch`, whose memory it then uses. Returns false when `bytes` are
// anything else.
bool decode_record(std::string_view bytes, RecordOrder order, Batch& batch);

// What encode_record wrote of a record in front of the rest. The view is one of `bytes`.
struct RecordKey {
    std::string_view user_name;
    std::int64_t line = 0;
};
RecordKey record_key(std::string_view bytes, RecordOrder order);

}  // namespace customer_import
