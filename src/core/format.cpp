#include "core/format.h"

// Compiles the library here instead of linking it.
#define FMT_HEADER_ONLY
#include <fmt/format.h>

namespace customer_import {

std::string format_values(fmt::string_view sentence, fmt::format_args values) { return fmt::vformat(sentence, values); }

}  // namespace customer_import
