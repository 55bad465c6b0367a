// Arguments of SQL functions that take NULL.
#pragma once

#include <optional>
#include <string>

#include "pg/guard.h"
#include "pg/server.h"
#include "pg/text_array.h"

namespace customer_import::pg {

// Returns a text argument; nothing for NULL.
inline std::optional<std::string> optional_text(FunctionCallInfo fcinfo, int index) {
    if (PG_ARGISNULL(index)) {
        return std::nullopt;
    }
    return std::string(varlena_view(call([&] { return PG_GETARG_TEXT_PP(index); })));
}

// Returns a text argument. Errors: 22004 "`what` is NULL".
inline std::string required_text(FunctionCallInfo fcinfo, int index, const char* what) {
    std::optional<std::string> text = optional_text(fcinfo, index);
    if (!text) {
        throw ImportError(ERRCODE_NULL_VALUE_NOT_ALLOWED, std::string(what) + " is NULL");
    }
    return *std::move(text);
}

}  // namespace customer_import::pg
