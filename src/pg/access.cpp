#include "pg/access.h"

namespace customer_import::pg {

Oid extension_owner() {
    return call([] {
        Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
        ScanKeyData key;
        ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
                    CStringGetDatum("customer_import"));
        SysScanDesc scan = systable_beginscan(extensions, ExtensionNameIndexId, true, nullptr, 1, &key);
        HeapTuple tuple = systable_getnext(scan);
        if (!HeapTupleIsValid(tuple)) {
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("extension \"customer_import\" does not exist"),
                            errhint("Use CREATE EXTENSION customer_import.")));
        }
        Oid owner = reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple))->extowner;
        systable_endscan(scan);
        table_close(extensions, AccessShareLock);
        return owner;
    });
}

void require_admin(const char* what) {
    if (!call([] { return superuser(); })) {
        throw ImportError(ERRCODE_INSUFFICIENT_PRIVILEGE, std::string("permission denied to ") + what,
                          "Only database superusers may do this.");
    }
}

std::string current_operator_name() {
    return call([] { return static_cast<const char*>(GetUserNameFromId(GetUserId(), false)); });
}

}  // namespace customer_import::pg
