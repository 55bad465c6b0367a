// Role sets in SQL: functions and the operators' functions over text[].
#include "core/role_set.h"

#include "core/user_name.h"
#include "pg/server/arguments.h"
#include "pg/server/guard.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"

namespace customer_import::pg {

namespace {

RoleSet role_set_argument(FunctionCallInfo fcinfo, int index) {
    return RoleSet(codes_argument(fcinfo, index), check_interrupts);
}

// The result is an argument of the next call, in an aggregate too.
Datum make_role_set(const RoleSet& set) {
    require_role_set_size(text_array_size(set.codes()));
    return make_text_array(set.codes());
}

// Whether `is` holds for a text; it does not for one above the size of a cell.
Datum is_text(FunctionCallInfo fcinfo, bool (*is)(std::string_view)) {
    const bool is_small = argument_size(PG_GETARG_DATUM(0)) <= kMaxRoleSetBytes;
    return BoolGetDatum(is_small && is(text_argument(fcinfo, 0)));
}

// Applies `merge` to the arguments of a SQL function of two arrays.
template <typename Merge>
Datum merge_arguments(FunctionCallInfo fcinfo, Merge merge) {
    return entry([&] { return make_role_set(merge(role_set_argument(fcinfo, 0), role_set_argument(fcinfo, 1))); });
}

}  // namespace

}  // namespace customer_import::pg

namespace pg = customer_import::pg;
using customer_import::RoleSet;

// role_set(text[]) returns text[]: the canonical form. Errors: 54000 above 1 MiB.
CI_FUNCTION(ci_role_set) {
    return pg::entry([&] { return pg::make_role_set(pg::role_set_argument(fcinfo, 0)); });
}

// is_role_set(text[]) returns boolean: true for the canonical form: one dimension from 1, sorted, unique, no NULL, 1
// MiB at most.
CI_FUNCTION(ci_is_role_set) {
    return pg::entry([&] {
        if (pg::argument_size(PG_GETARG_DATUM(0)) > customer_import::kMaxRoleSetBytes) {
            return BoolGetDatum(false);
        }
        const ArrayType* array = pg::detoast_array(PG_GETARG_DATUM(0));
        if (ARR_NDIM(array) > 1 || (ARR_NDIM(array) == 1 && ARR_LBOUND(array)[0] != 1) ||
            pg::call([&] { return array_contains_nulls(const_cast<ArrayType*>(array)); })) {
            return BoolGetDatum(false);
        }
        std::vector<std::string_view> codes;
        pg::read_text_array(array, codes);
        return BoolGetDatum(RoleSet::is_canonical(codes.data(), codes.size(), pg::check_interrupts));
    });
}

// parse_role_set(text) returns text[]: splits a role cell. Errors: 54000 above 1 MiB.
CI_FUNCTION(ci_parse_role_set) {
    return pg::entry([&] {
        const std::string_view cell = pg::text_argument(fcinfo, 0, "the role cell");
        return pg::make_role_set(
            RoleSet(customer_import::split_role_cell(cell, pg::check_interrupts), pg::check_interrupts));
    });
}

// is_role_code(text) returns boolean: 1 to 63 of ASCII letters, digits, _ . : -
CI_FUNCTION(ci_is_role_code) {
    return pg::entry([&] { return pg::is_text(fcinfo, customer_import::is_role_code); });
}

CI_FUNCTION(ci_role_set_union) {
    return pg::merge_arguments(fcinfo, [](const RoleSet& a, const RoleSet& b) { return a | b; });
}

CI_FUNCTION(ci_role_set_difference) {
    return pg::merge_arguments(fcinfo, [](const RoleSet& a, const RoleSet& b) { return a - b; });
}

CI_FUNCTION(ci_role_set_intersection) {
    return pg::merge_arguments(fcinfo, [](const RoleSet& a, const RoleSet& b) { return a & b; });
}

// fold_user_name(text) returns text: trimmed, case folded, NFC. Errors: 54000 above 1 MiB.
CI_FUNCTION(ci_fold_user_name) {
    return pg::entry([&] {
        std::string folded;
        customer_import::fold_user_name(pg::text_argument(fcinfo, 0, "the user name"), folded);
        return pg::text_datum(folded);
    });
}

// is_user_name(text) returns boolean: folded, 1 to 320 bytes, no control character.
CI_FUNCTION(ci_is_user_name) {
    return pg::entry([&] { return pg::is_text(fcinfo, customer_import::is_user_name); });
}
