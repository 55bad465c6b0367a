// Arguments of SQL functions. One rule for NULL, for all functions that do more than compute: where the default of an
// argument is NULL, NULL means that it was not given; everywhere else it is an error.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/csv_reader.h"
#include "core/format.h"
#include "core/role_set.h"
#include "pg/server/guard.h"
#include "pg/server/library_version.h"
#include "pg/server/server.h"
#include "pg/server/text_array.h"

namespace customer_import::pg {

// Errors: 22004 for NULL in an argument without a default, or with another one.
void refuse_nulls(FunctionCallInfo fcinfo);

// Refuses to write on a standby, and in a transaction that is READ ONLY, before anything else fails there for the same
// reason in words of the server's. Errors: 25006.
void require_writable();

// The bytes of any value that is stored like a bytea, found without reading it.
inline std::size_t argument_size(Datum argument) {
    return static_cast<std::size_t>(call([&] { return DatumGetInt32(DirectFunctionCall1(byteaoctetlen, argument)); }));
}

// Refuses an argument that is larger than `most` bytes, before memory is taken for it. Errors: 54000 "`what` is larger
// …".
inline void require_size(Datum argument, std::size_t most, const char* what) {
    const std::size_t size = argument_size(argument);
    if (size > most) {
        throw ImportError(ERRCODE_PROGRAM_LIMIT_EXCEEDED, format("{} is larger than {} bytes", what, most),
                          format("It has {} bytes.", size));
    }
}

// Reads a text argument, which need not be larger than a record may be. The view lives as long as the call. Errors:
// 54000.
inline std::string_view text_argument(FunctionCallInfo fcinfo, int index, const char* what = "the argument") {
    require_size(PG_GETARG_DATUM(index), kMaxRecordBytes, what);
    return varlena_view(call([&] { return PG_GETARG_TEXT_PP(index); }));
}

// Returns a text argument; nothing for NULL. Errors: 54000.
inline std::optional<std::string> optional_text(FunctionCallInfo fcinfo, int index) {
    if (PG_ARGISNULL(index)) {
        return std::nullopt;
    }
    return std::string(text_argument(fcinfo, index));
}

// Returns a text argument that refuse_nulls() has seen. Errors: 54000.
inline std::string given_text(FunctionCallInfo fcinfo, int index) { return *optional_text(fcinfo, index); }

// Reads an argument that is an array of codes. The views live as long as the call. Errors: 54000 above the size of a
// cell.
inline std::vector<std::string_view> codes_argument(FunctionCallInfo fcinfo, int index) {
    require_size(PG_GETARG_DATUM(index), kMaxRoleSetBytes, "the array of role codes");
    std::vector<std::string_view> codes;
    read_text_array(detoast_array(PG_GETARG_DATUM(index)), codes);
    return codes;
}

// The same of an array in which NULL has no meaning. Errors: 22004 for a NULL among the codes, 54000.
std::vector<std::string_view> given_codes(FunctionCallInfo fcinfo, int index);

// Makes the row that the function which is running returns.
Datum result_row(FunctionCallInfo fcinfo, Datum* values, bool* nulls);

}  // namespace customer_import::pg

// As CI_CATALOG_FUNCTION, for a function that people call: not STRICT, and held to the rule for NULL.
#define CI_PUBLIC_FUNCTION(name)                                                        \
    static Datum name##_of_values(FunctionCallInfo fcinfo);                             \
    CI_CATALOG_FUNCTION(name) {                                                         \
        customer_import::pg::entry([&] { customer_import::pg::refuse_nulls(fcinfo); }); \
        return name##_of_values(fcinfo);                                                \
    }                                                                                   \
    static Datum name##_of_values(FunctionCallInfo fcinfo)

// As CI_PUBLIC_FUNCTION, for a function that writes.
#define CI_WRITING_FUNCTION(name)                                                     \
    static Datum name##_of_writer(FunctionCallInfo fcinfo);                           \
    CI_PUBLIC_FUNCTION(name) {                                                        \
        customer_import::pg::entry([&] { customer_import::pg::require_writable(); }); \
        return name##_of_writer(fcinfo);                                              \
    }                                                                                 \
    static Datum name##_of_writer(FunctionCallInfo fcinfo)
