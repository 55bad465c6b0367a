// What many ask of one import by its number.
#pragma once

#include <cstdint>
#include <string>

namespace customer_import::pg {

// There is no such import, or the caller may not see it: nobody can tell which. Errors: 42704.
[[noreturn]] void refuse_missing_import(std::int64_t import_id);

// Whether the current role sees such an import. Needs an SPI connection and a safe search_path.
bool sees_import(std::int64_t import_id);

// The sentence about the columns of the file of an import that were ignored; nothing for none.
std::string ignored_remark_of(std::int64_t import_id);

}  // namespace customer_import::pg
