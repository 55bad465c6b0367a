// Arguments of SQL functions that take NULL.
#pragma once

#include <optional>
#include <string>

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

}  // namespace customer_import::pg
