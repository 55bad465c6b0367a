// Arrays of text of the server as views, and back.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// Detoasts an array argument.
ArrayType* detoast_array(Datum array);

// Appends the elements of an array of text of any shape to `out`, NULLs left out. The views live as long as the array.
// Raises nothing but out-of-memory and what answers an interrupt.
void read_text_array(const ArrayType* array, std::vector<std::string_view>& out);

// Refuses an array that is larger than a role set may be, as an error of the server: an import rejects the record.
// Errors: 54000.
void require_role_set_size(Size array);

// Bytes that write_text_array needs.
Size text_array_size(std::span<const std::string_view> elements);

// Builds a one-dimensional array in `to`, which is aligned for any type and large enough. Raises nothing but what
// answers an interrupt.
ArrayType* write_text_array(char* to, std::span<const std::string_view> elements);

// Builds an array in the current memory context.
Datum make_text_array(std::span<const std::string_view> elements);

// The bytes of a text or varlena value that is not toasted.
inline std::string_view varlena_view(const void* value) {
    return {VARDATA_ANY(value), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(value))};
}

}  // namespace customer_import::pg
