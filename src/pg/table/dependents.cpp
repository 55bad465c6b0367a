#include "pg/table/dependents.h"

namespace customer_import::pg {

void drop_with(Oid table, Oid made) {
    call([&] {
        ObjectAddress dependent;
        ObjectAddressSet(dependent, RelationRelationId, made);
        ObjectAddress owner;
        ObjectAddressSet(owner, RelationRelationId, table);
        recordDependencyOn(&dependent, &owner, DEPENDENCY_AUTO);
    });
}

}  // namespace customer_import::pg
