#include "pg/table/dependents.h"

#include "pg/server/lookup.h"

namespace customer_import::pg {

void drop_with(Oid customers_table, const char* name) {
    call([&] {
        ObjectAddress dependent;
        ObjectAddressSet(dependent, RelationRelationId, own_table(name));
        ObjectAddress owner;
        ObjectAddressSet(owner, RelationRelationId, customers_table);
        recordDependencyOn(&dependent, &owner, DEPENDENCY_AUTO);
    });
}

}  // namespace customer_import::pg
