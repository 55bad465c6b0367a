// The names of encodings as people, spreadsheets and other programs write them.
#pragma once

#include <string>
#include <string_view>

namespace customer_import {

// Returns the name by which this extension or the server knows an encoding; what it does not know is returned as it is.
// Case, blanks, hyphens, underscores and other signs do not matter.
std::string encoding_of_name(std::string_view written);

}  // namespace customer_import
