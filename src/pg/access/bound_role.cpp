#include "pg/access/bound_role.h"

#include <charconv>

#include "core/format.h"
#include "pg/server/lookup.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"

namespace customer_import::pg {

std::string key_origin() {
    struct Ids {
        std::uint64_t system;
        Oid extension;
    };
    const Ids ids = call([] { return Ids{GetSystemIdentifier(), get_extension_oid("customer_import", false)}; });
    return format("{}/{}/", ids.system, ids.extension);
}

Oid find_role(std::string_view name) {
    if (name.size() >= NAMEDATALEN || name.find('\0') != std::string_view::npos) {
        return InvalidOid;
    }
    return call([&] { return get_role_oid(pnstrdup(name.data(), name.size()), true); });
}

std::string role_name(Oid role) {
    return call([&]() -> const char* { return GetUserNameFromId(role, false); });
}

std::string role_sql(Oid role) {
    return call([&] { return quoted_role(role); });
}

void update_bound_rows() {
    const std::string origin = key_origin();
    OwnerScope owner;
    struct Table {
        const char *name, *column;
    };
    for (const Table& table :
         {Table{"operators", "name"}, {"gateways", "name"}, {"mailers", "name"}, {"granted_privileges", "role"}}) {
        const bool is_operator = std::string_view(table.name) == "operators";
        if (!query(format("SELECT FROM customer_import.{} WHERE NOT starts_with(role_key, $1) LIMIT 1", table.name),
                   {parameter(std::string_view(origin))})
                 .empty()) {
            execute(format("UPDATE customer_import.{} AS b SET role_key = $1 || r.oid::text FROM pg_authid AS r"
                           " WHERE r.rolname = b.{} AND NOT starts_with(b.role_key, $1){}",
                           table.name, table.column, is_operator ? " AND b.database_role" : ""),
                    {parameter(std::string_view(origin))});
        }
        if (!is_operator) {
            execute(format("UPDATE customer_import.{0} AS b SET {1} = r.rolname FROM pg_authid AS r"
                           " WHERE b.role_key = $1 || r.oid::text AND b.{1} <> r.rolname",
                           table.name, table.column),
                    {parameter(std::string_view(origin))});
        }
    }
}

namespace {

// The role that a row means; InvalidOid if there is none.
Oid role_of(std::string_view name, std::string_view key, std::string_view origin) {
    if (!key.starts_with(origin)) {
        return find_role(name);
    }
    Oid role = InvalidOid;
    std::from_chars(key.data() + origin.size(), key.data() + key.size(), role);
    return call([&] { return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)); }) ? role : InvalidOid;
}

std::string_view text_view(NullableDatum argument) {
    return varlena_view(call([&] { return DatumGetTextPP(argument.value); }));
}

// The row of a BEFORE trigger, with the key of the role whose name is in the column that the trigger's argument names.
HeapTuple bind_row(TriggerData* trigger) {
    struct Bound {
        HeapTuple row;
        TupleDesc columns;
        int key_attribute;
        const char* name;
        const char* key;
    };
    const Bound bound = call([&] {
        Bound found{TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple,
                    RelationGetDescr(trigger->tg_relation), 0, nullptr, nullptr};
        found.key_attribute = SPI_fnumber(found.columns, "role_key");
        found.name = SPI_getvalue(found.row, found.columns, SPI_fnumber(found.columns, trigger->tg_trigger->tgargs[0]));
        found.key = SPI_getvalue(found.row, found.columns, found.key_attribute);
        return found;
    });
    if (bound.name == nullptr || bound.key == nullptr || std::string_view(bound.key).starts_with(key_origin())) {
        return bound.row;
    }
    const Oid role = find_role(bound.name);
    if (!OidIsValid(role)) {
        return bound.row;
    }
    const std::string key = bound_key(role);
    return call([&] {
        int attribute = bound.key_attribute;
        Datum value = CStringGetTextDatum(key.c_str());
        bool is_null = false;
        return heap_modify_tuple_by_cols(bound.row, bound.columns, 1, &attribute, &value, &is_null);
    });
}

}  // namespace

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// _role_of(name text, role_key text) returns oid: the database role that a row means; NULL if there is none.
CI_FUNCTION(ci_role_of) {
    return pg::entry([&] {
        if (fcinfo->flinfo->fn_extra == nullptr) {  // once a statement, not once a row
            const std::string origin = pg::key_origin();
            pg::call([&] { fcinfo->flinfo->fn_extra = MemoryContextStrdup(fcinfo->flinfo->fn_mcxt, origin.c_str()); });
        }
        const Oid role = pg::role_of(pg::text_view(fcinfo->args[0]), pg::text_view(fcinfo->args[1]),
                                     static_cast<const char*>(fcinfo->flinfo->fn_extra));
        fcinfo->isnull = !OidIsValid(role);
        return ObjectIdGetDatum(role);
    });
}

// _bind_role() returns trigger, BEFORE INSERT, of each row; its argument names the column with the name of the role.
// Binds restored rows to the roles that exist. Errors: 39P01.
CI_FUNCTION(ci_bind_role) {
    return pg::entry([&] {
        pg::call([&] {
            if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(((TriggerData*)fcinfo->context)->tg_event) ||
                !TRIGGER_FIRED_FOR_ROW(((TriggerData*)fcinfo->context)->tg_event) ||
                ((TriggerData*)fcinfo->context)->tg_trigger->tgnargs != 1) {
                ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                                errmsg("must be called as a BEFORE row trigger with the name of a column")));
            }
        });
        return PointerGetDatum(pg::bind_row((TriggerData*)fcinfo->context));
    });
}
