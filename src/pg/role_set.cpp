// Role sets in SQL: functions and the operators' functions over text[].
#include "core/role_set.h"

#include "core/user_name.h"
#include "pg/arguments.h"
#include "pg/guard.h"
#include "pg/statement.h"
#include "pg/text_array.h"

namespace customer_import::pg {

namespace {

RoleSet role_set_argument(FunctionCallInfo fcinfo, int index) { return RoleSet(codes_argument(fcinfo, index)); }

// What came of it is an argument of the next call, in an aggregate too.
Datum make_role_set(const RoleSet& set) {
    if (text_array_size(set.codes()) - VARHDRSZ > kMaxRoleSetBytes) {
        throw ImportError(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                          "the role set is larger than " + std::to_string(kMaxRoleSetBytes) + " bytes");
    }
    return make_text_array(set.codes());
}

// Applies `merge` to the arguments of a SQL function of two arrays.
template <typename Merge>
Datum merge_arguments(FunctionCallInfo fcinfo, Merge merge) {
    return entry([&] {
        return make_role_set(merge(role_set_argument(fcinfo, 0), role_set_argument(fcinfo, 1)));
    });
}

std::string_view text_argument(FunctionCallInfo fcinfo, int index) {
    return varlena_view(call([&] { return PG_GETARG_TEXT_PP(index); }));
}

}  // namespace

}  // namespace customer_import::pg

namespace pg = customer_import::pg;
using customer_import::RoleSet;

// role_set(text[]) returns text[]: the canonical form. Errors: 54000 above 1 MiB.
CI_FUNCTION(ci_role_set) {
    return pg::entry([&] {
        return pg::make_role_set(pg::role_set_argument(fcinfo, 0));
    });
}

// is_role_set(text[]) returns boolean: true for the canonical form: one dimension from 1, sorted, unique, no NULL.
CI_FUNCTION(ci_is_role_set) {
    return pg::entry([&] {
        const ArrayType* array = pg::detoast_array(PG_GETARG_DATUM(0));
        if (ARR_NDIM(array) > 1 || (ARR_NDIM(array) == 1 && ARR_LBOUND(array)[0] != 1) ||
            pg::call([&] { return array_contains_nulls(const_cast<ArrayType*>(array)); })) {
            return BoolGetDatum(false);
        }
        std::vector<std::string_view> codes;
        pg::read_text_array(array, codes);
        return BoolGetDatum(RoleSet::is_canonical(codes.data(), codes.size()));
    });
}

// parse_role_set(text) returns text[]: splits a role cell. Errors: 54000 above 1 MiB.
CI_FUNCTION(ci_parse_role_set) {
    return pg::entry([&] {
        pg::require_size(PG_GETARG_DATUM(0), customer_import::kMaxRoleSetBytes, "the role cell");
        const RoleSet set(customer_import::split_role_cell(pg::text_argument(fcinfo, 0)));
        return pg::make_text_array(set.codes());
    });
}

// is_role_code(text) returns boolean: 1 to 63 of ASCII letters, digits, _ . : -
CI_FUNCTION(ci_is_role_code) {
    return pg::entry([&] { return BoolGetDatum(customer_import::is_role_code(pg::text_argument(fcinfo, 0))); });
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
        pg::require_size(PG_GETARG_DATUM(0), customer_import::kMaxRoleSetBytes, "the user name");
        std::string folded;
        customer_import::fold_user_name(pg::text_argument(fcinfo, 0), folded);
        return pg::text_datum(folded);
    });
}

// is_user_name(text) returns boolean: folded, 1 to 320 bytes, no control character.
CI_FUNCTION(ci_is_user_name) {
    return pg::entry([&] { return BoolGetDatum(customer_import::is_user_name(pg::text_argument(fcinfo, 0))); });
}
