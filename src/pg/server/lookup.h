// What the catalogs say of an object by its OID. Whatever it is, it may have been dropped since its OID was read: then
// these raise an error with a SQLSTATE, or return nothing, and never hand on a null pointer. Plain server code: to be
// called through call().
#pragma once

#include <initializer_list>

#include "pg/server/server.h"

namespace customer_import::pg {

// A relation as GRANT and a statement need it.
struct RelationFacts {
    Oid owner;
    Oid schema;
    const char* name;         // quoted for SQL, with its schema
    const char* schema_name;  // quoted for SQL
};

// Errors: 42P01 when the relation has been dropped, 3F000 when its schema has.
RelationFacts relation_facts(Oid relation);

// The owner of a relation. Errors: 42P01 when it has been dropped.
Oid relation_owner(Oid relation);

// A table of the extension, by its name there. InvalidOid when it is gone.
Oid own_table(const char* name);

// A function of the extension, by its name there and the types of its arguments. InvalidOid when it is gone.
Oid own_function(const char* name, std::initializer_list<Oid> types);

// Whether the relation is still there.
bool relation_exists(Oid relation);

// The name of a schema, quoted for SQL. Errors: 3F000 when it has been dropped.
const char* quoted_schema(Oid schema);

// Whether texts in this collation, which is not InvalidOid, have the order of their bytes: C, the builtin collations, and
// C.UTF-8 of the C library, which compares code points.
bool orders_by_bytes(Oid collation);

// The name of a role, quoted for SQL. Errors: 42704 when it has been dropped.
const char* quoted_role(Oid role);

}  // namespace customer_import::pg
