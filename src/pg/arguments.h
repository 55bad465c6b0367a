// Arguments of SQL functions that take NULL.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/role_set.h"
#include "pg/guard.h"
#include "pg/server.h"
#include "pg/text_array.h"

namespace customer_import::pg {

// Errors: 22004 "`what` is NULL".
inline void require_argument(FunctionCallInfo fcinfo, int index, const char* what) {
    if (PG_ARGISNULL(index)) {
        throw ImportError(ERRCODE_NULL_VALUE_NOT_ALLOWED, std::string(what) + " is NULL");
    }
}

// Returns a text argument; nothing for NULL.
inline std::optional<std::string> optional_text(FunctionCallInfo fcinfo, int index) {
    if (PG_ARGISNULL(index)) {
        return std::nullopt;
    }
    return std::string(varlena_view(call([&] { return PG_GETARG_TEXT_PP(index); })));
}

// Returns a text argument. Errors: 22004 "`what` is NULL".
inline std::string required_text(FunctionCallInfo fcinfo, int index, const char* what) {
    require_argument(fcinfo, index, what);
    return *optional_text(fcinfo, index);
}

// Refuses an argument that is larger than `most` bytes, before memory is taken for it. Errors: 54000 "`what` is larger …".
inline void require_size(Datum argument, std::size_t most, const char* what) {
    // The length of any value that is stored like a bytea, found without reading it.
    const auto size = static_cast<std::size_t>(
        call([&] { return DatumGetInt32(DirectFunctionCall1(byteaoctetlen, argument)); }));
    if (size > most) {
        throw ImportError(ERRCODE_PROGRAM_LIMIT_EXCEEDED, std::string(what) + " is larger than " + std::to_string(most) + " bytes",
                          "It has " + std::to_string(size) + " bytes.");
    }
}

// Reads an argument that is an array of codes. The views live as long as the call. Errors: 54000 above the size of a cell.
inline std::vector<std::string_view> codes_argument(FunctionCallInfo fcinfo, int index) {
    require_size(PG_GETARG_DATUM(index), kMaxRoleSetBytes, "the array of role codes");
    std::vector<std::string_view> codes;
    read_text_array(detoast_array(PG_GETARG_DATUM(index)), codes);
    return codes;
}

}  // namespace customer_import::pg
