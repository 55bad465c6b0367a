#include "pg/server/lookup.h"

#include "pg/server/text_array.h"

namespace customer_import::pg {

const char* quoted_schema(Oid schema) {
    const char* name = get_namespace_name(schema);
    if (name == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_SCHEMA), errmsg("schema with OID %u does not exist", schema),
                        errdetail("It has just been dropped.")));
    }
    return quote_identifier(name);
}

const char* quoted_role(Oid role) {
    const char* name = GetUserNameFromId(role, true);
    if (name == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("role with OID %u does not exist", role),
                        errdetail("It has just been dropped.")));
    }
    return quote_identifier(name);
}

Oid own_table(const char* name) { return get_relname_relid(name, get_namespace_oid("customer_import", false)); }

Oid own_function(const char* name, std::initializer_list<Oid> types) {
    List* qualified = list_make2(makeString(pstrdup("customer_import")), makeString(pstrdup(name)));
    return LookupFuncName(qualified, static_cast<int>(types.size()), types.begin(), true);
}

bool relation_exists(Oid relation) { return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation)); }

namespace {

// The row of a relation in pg_class, to be released.
HeapTuple relation_row(Oid relation) {
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple)) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", relation),
                        errdetail("It has just been dropped.")));
    }
    return tuple;
}

// A text of a catalog's row that may be NULL.
std::string_view text_of_row(int cache, HeapTuple tuple, AttrNumber attribute) {
    bool is_null;
    const Datum value = SysCacheGetAttr(cache, tuple, attribute, &is_null);
    return is_null ? std::string_view() : varlena_view(DatumGetPointer(value));
}

}  // namespace

bool orders_by_bytes(Oid collation) {
    if (collation_is_c(collation)) {
        return true;
    }
    const bool is_default = collation == DEFAULT_COLLATION_OID;
    HeapTuple tuple = is_default ? SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId))
                                 : SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
    if (!HeapTupleIsValid(tuple)) {
        return false;
    }
    const char provider = is_default ? reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple))->datlocprovider
                                     : reinterpret_cast<Form_pg_collation>(GETSTRUCT(tuple))->collprovider;
    const std::string_view name = is_default ? text_of_row(DATABASEOID, tuple, Anum_pg_database_datcollate)
                                             : text_of_row(COLLOID, tuple, Anum_pg_collation_collcollate);
    const bool result = provider == COLLPROVIDER_LIBC && (name == "C.UTF-8" || name == "C.utf8");
    ReleaseSysCache(tuple);
    return result;
}

Oid relation_owner(Oid relation) {
    HeapTuple tuple = relation_row(relation);
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return owner;
}

RelationFacts relation_facts(Oid relation) {
    HeapTuple tuple = relation_row(relation);
    auto form = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
    RelationFacts facts{form->relowner, form->relnamespace, nullptr, quoted_schema(form->relnamespace)};
    facts.name = psprintf("%s.%s", facts.schema_name, quote_identifier(NameStr(form->relname)));
    ReleaseSysCache(tuple);
    return facts;
}

}  // namespace customer_import::pg
