#include "pg/server/lookup.h"

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

}  // namespace

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
