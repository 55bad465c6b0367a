// What tells whether two calls with one request id ask for the same: a digest of mode and options, and one of the file.
#pragma once

#include <string>
#include <string_view>

#include "pg/input/import_request.h"
#include "pg/input/input_source.h"

namespace customer_import::pg {

// Reads the whole file once, and rewinds it. Without the digest of the file where that is there no more: a call that is
// repeated may have removed it. Needs an SPI connection.
std::string request_digest(const ImportRequest& request, InputSource& file);

// Which part of two digests differs. A file that one of them does not know is taken for the same.
enum class RequestDifference { none, options, file };
RequestDifference compare_requests(std::string_view first, std::string_view second);

}  // namespace customer_import::pg
