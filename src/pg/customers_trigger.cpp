// The guard on the customers table: every row that is written holds a canonical role set of codes that exist. It fires
// last among the row triggers (its name begins with "~"), so nothing changes the roles after it.
#include <algorithm>

#include "core/role_set.h"
#include "core/text.h"
#include "pg/catalogue.h"
#include "pg/guard.h"
#include "pg/text_array.h"

namespace customer_import::pg {

namespace {

// What the trigger needs of its call, as plain data.
struct GuardedRow {
    HeapTuple tuple = nullptr;  // the row to be written
    int attribute = 0;          // its roles
    ArrayType* roles = nullptr; // nullptr: NULL, or not changed
    ArrayType* held = nullptr;  // the roles before; nullptr: none
    TupleDesc columns = nullptr;
};

GuardedRow read_call(FunctionCallInfo fcinfo) {
    if (!CALLED_AS_TRIGGER(fcinfo)) {
        ereport(ERROR,
                (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED), errmsg("must be called as a trigger")));
    }
    auto trigger = (TriggerData*)fcinfo->context;
    if (!TRIGGER_FIRED_BEFORE(trigger->tg_event) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
        trigger->tg_trigger->tgnargs != 1) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("must be called as a BEFORE row trigger with the roles column as its argument")));
    }
    GuardedRow row;
    bool update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
    row.tuple = update ? trigger->tg_newtuple : trigger->tg_trigtuple;
    row.columns = RelationGetDescr(trigger->tg_relation);
    row.attribute = SPI_fnumber(row.columns, trigger->tg_trigger->tgargs[0]);
    if (row.attribute <= 0) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("column \"%s\" of the customers table does not exist",
                               trigger->tg_trigger->tgargs[0]),
                        errhint("Give the column its name back.")));
    }
    bool is_null;
    Datum roles = heap_getattr(row.tuple, row.attribute, row.columns, &is_null);
    if (is_null) {
        return row;
    }
    if (update) {
        bool held_is_null;
        Datum held = heap_getattr(trigger->tg_trigtuple, row.attribute, row.columns, &held_is_null);
        if (!held_is_null) {
            if (datum_image_eq(roles, held, false, -1)) {
                return row;
            }
            row.held = DatumGetArrayTypeP(held);
        }
    }
    row.roles = DatumGetArrayTypeP(roles);
    return row;
}

// Replaces each code that the customer does not hold yet by the catalogue's spelling. Returns true when any changed.
bool spell_codes(std::vector<std::string_view>& codes, const ArrayType* held_roles) {
    std::vector<std::string_view> held;
    if (held_roles != nullptr) {
        read_text_array(held_roles, held);
    }
    bool changed = false;
    const RoleCatalogue& catalogue = cached_catalogue();
    for (std::string_view& code : codes) {
        if (std::find(held.begin(), held.end(), code) != held.end()) {
            continue;
        }
        std::string_view spelling = catalogue.find(code);
        if (spelling.empty()) {
            std::string_view nearest = catalogue.nearest(code);
            throw ImportError(ERRCODE_CHECK_VIOLATION,
                              "role code \"" + shorten(code, 100) + "\" is not in the catalogue", {},
                              nearest.empty() ? "Add it with customer_import.add_role_codes()."
                                              : "Did you mean \"" + std::string(nearest) + "\"?");
        }
        changed = changed || spelling != code;
        code = spelling;
    }
    return changed;
}

HeapTuple guard_row(const GuardedRow& row) {
    if (row.roles == nullptr) {
        return row.tuple;
    }
    std::vector<std::string_view> codes;
    read_text_array(row.roles, codes);
    bool canonical = !ARR_HASNULL(row.roles) && ARR_NDIM(row.roles) <= 1 &&
                     (ARR_NDIM(row.roles) == 0 || ARR_LBOUND(row.roles)[0] == 1) &&
                     RoleSet::is_canonical(codes.data(), codes.size());
    if (!canonical) {
        codes = RoleSet(std::move(codes)).codes();
    }
    if (!spell_codes(codes, row.held) && canonical) {
        return row.tuple;
    }
    Datum roles = make_text_array(RoleSet(std::move(codes)).codes());
    return call([&] {
        int attribute = row.attribute;
        Datum value = roles;
        bool is_null = false;
        return heap_modify_tuple_by_cols(row.tuple, row.columns, 1, &attribute, &value, &is_null);
    });
}

}  // namespace

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// _guard_customers() returns trigger; its argument names the roles column. Errors: 23514 for a code that does not
// exist.
CI_FUNCTION(ci_guard_customers) {
    return pg::entry([&] {
        pg::GuardedRow row = pg::call([&] { return pg::read_call(fcinfo); });
        return PointerGetDatum(pg::guard_row(row));
    });
}
