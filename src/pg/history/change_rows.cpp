// For the view import_changes a page is named, never passed: bytes of a caller are not read.
#include "pg/history/change_rows.h"

#include <optional>
#include <string>

#include "pg/access/identity.h"
#include "pg/input/stored_changes.h"
#include "pg/server/guard.h"
#include "pg/server/library_version.h"
#include "pg/server/lookup.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"

namespace customer_import::pg {

namespace {

// What is kept from one call to the next of the same statement, which mostly reads the pages of one import in a row.
struct LastImport {
    std::int64_t id;
    bool is_visible;
};

// A row of _import_change_pages, as plain data.
struct StoredPage {
    bool found;
    std::int64_t changes;
    const varlena* first_user_name;
    const varlena* last_user_name;
    const varlena* payload;
};

// Opens a table of the extension, which may be dropped while this waits for it.
Relation open_own_table(const char* name) {
    Relation table = try_relation_open(own_table(name), AccessShareLock);
    if (table == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table \"customer_import.%s\" does not exist", name)));
    }
    return table;
}

// Finds the row whose primary key has these values, as the statement that calls us sees it, past its policies: a
// statement looks up some hundred pages, and its caller needs no privilege. nullptr when there is none.
HeapTuple find_row(Relation table, const Datum* key, int columns) {
    ScanKeyData conditions[2];
    for (int column = 0; column < columns; ++column) {
        ScanKeyInit(&conditions[column], static_cast<AttrNumber>(column + 1), BTEqualStrategyNumber, F_INT8EQ,
                    key[column]);
    }
    RelationGetIndexList(table);  // finds out which one the primary key is
    SysScanDesc scan = systable_beginscan(table, table->rd_pkindex, true, GetActiveSnapshot(), columns, conditions);
    HeapTuple row = systable_getnext(scan);
    if (HeapTupleIsValid(row)) {
        row = heap_copytuple(row);
    }
    systable_endscan(scan);
    return HeapTupleIsValid(row) ? row : nullptr;
}

Datum column_of(HeapTuple row, Relation table, const char* name) {
    bool is_null;
    return SPI_getbinval(row, RelationGetDescr(table), SPI_fnumber(RelationGetDescr(table), name), &is_null);
}

// Whether the caller may see an import, by the rule of its policy: administrators see all, others their own.
bool may_see_import(std::int64_t import_id) {
    const Identity& identity = current_identity();
    if (identity.rights.has(Right::administer)) {
        return true;
    }
    if (!identity.rights.has(Right::view_imports)) {
        return false;
    }
    const std::string_view name = identity.name;
    return call([&] {
        Relation imports = open_own_table("imports");
        const Datum key[] = {Int64GetDatum(import_id)};
        HeapTuple row = find_row(imports, key, 1);
        const bool is_own = row != nullptr && varlena_view(DatumGetTextPP(column_of(row, imports, "operator"))) == name;
        table_close(imports, AccessShareLock);
        return is_own;
    });
}

StoredPage find_page(std::int64_t import_id, std::int64_t page) {
    return call([&] {
        StoredPage found{};
        Relation pages = open_own_table("_import_change_pages");
        const Datum key[] = {Int64GetDatum(import_id), Int64GetDatum(page)};
        if (HeapTuple row = find_row(pages, key, 2)) {
            found.found = true;
            found.changes = DatumGetInt32(column_of(row, pages, "changes"));
            found.first_user_name = DatumGetTextPP(column_of(row, pages, "first_user_name"));
            found.last_user_name = DatumGetTextPP(column_of(row, pages, "last_user_name"));
            found.payload = DatumGetByteaPP(column_of(row, pages, "payload"));
        }
        table_close(pages, AccessShareLock);
        return found;
    });
}

using Side = std::optional<std::string_view> FieldChange::*;

JsonbValue json_string(std::string_view text) {
    JsonbValue value;
    value.type = jbvString;
    value.val.string.val = const_cast<char*>(text.data());
    value.val.string.len = static_cast<int>(text.size());
    return value;
}

// One side of a change's fields as JSON: {"email": "a@b.c", "phone": null}.
Datum make_object(const std::vector<FieldChange>& fields, Side side) {
    return call([&] {
        JsonbParseState* state = nullptr;
        pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
        for (const FieldChange& field : fields) {
            JsonbValue key = json_string(field.field);
            pushJsonbValue(&state, WJB_KEY, &key);
            JsonbValue value = json_string((field.*side).value_or(std::string_view()));
            value.type = field.*side ? jbvString : jbvNull;
            pushJsonbValue(&state, WJB_VALUE, &value);
        }
        return PointerGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, nullptr)));
    });
}

void return_change(ReturnSetInfo* result, const Change& change) {
    Datum values[2 + kEffectColumns];
    bool nulls[2 + kEffectColumns] = {};
    values[0] = Int64GetDatum(change.line);
    values[1] = text_datum(change.user_name);
    put_effect(change, values + 2, nulls + 2);
    call([&] { tuplestore_putvalues(result->setResult, result->setDesc, values, nulls); });
}

// A page is found by its first and last user name: they are part of it.
void return_page(ReturnSetInfo* result, const StoredPage& page) {
    StoredChanges changes(varlena_view(page.payload), page.changes);
    Change change;
    std::string last;
    for (bool is_first = true; changes.next(change); is_first = false) {
        if (is_first && change.user_name != varlena_view(page.first_user_name)) {
            refuse_damaged_page();
        }
        last = change.user_name;
        return_change(result, change);
    }
    if (last != varlena_view(page.last_user_name)) {
        refuse_damaged_page();
    }
}

bool may_see_import(FunctionCallInfo fcinfo, std::int64_t import_id) {
    auto last = static_cast<LastImport*>(fcinfo->flinfo->fn_extra);
    if (last == nullptr || last->id != import_id) {
        const bool is_visible = may_see_import(import_id);
        if (last == nullptr) {
            last = call([&] {
                return static_cast<LastImport*>(MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(LastImport)));
            });
        }
        *last = {import_id, is_visible};
        fcinfo->flinfo->fn_extra = last;
    }
    return last->is_visible;
}

}  // namespace

void put_effect(const Change& change, Datum* values, bool* nulls) {
    values[0] = BoolGetDatum(change.created);
    values[1] = make_text_array(change.added);
    values[2] = make_text_array(change.removed);
    values[3] = make_object(change.fields, &FieldChange::before);
    nulls[3] = change.created;
    values[4] = make_object(change.fields, &FieldChange::after);
    nulls[4] = change.deleted;
}

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// _read_change_page(import_id bigint, page bigint): the changes of a page of _import_change_pages as rows; none when
// there is no such page, or the caller may not see the import. Errors: XX001 when the page is damaged.
CI_CATALOG_FUNCTION(ci_read_change_page) {
    return pg::entry([&] {
        auto result = (ReturnSetInfo*)fcinfo->resultinfo;
        pg::call([&] { InitMaterializedSRF(fcinfo, 0); });
        if (pg::may_see_import(fcinfo, PG_GETARG_INT64(0))) {
            const pg::StoredPage page = pg::find_page(PG_GETARG_INT64(0), PG_GETARG_INT64(1));
            if (page.found) {
                pg::return_page(result, page);
            }
        }
        return Datum{0};
    });
}
