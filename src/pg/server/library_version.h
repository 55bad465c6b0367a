// The version of this library, and that of the extension's catalog in this database. A package brings a new library to
// all databases at once; each catalog follows by ALTER EXTENSION UPDATE. And a session keeps the library that it has
// loaded, whatever becomes of the catalog.
#pragma once

#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// Whether the catalog is of the version of this library; also where there is no extension.
bool is_own_version();

// Raises 55000 unless the catalog is of the version of this library. Looks once a statement.
void require_own_version();

}  // namespace customer_import::pg

// As CI_FUNCTION, for a function that needs the catalog as this version makes it. CI_FUNCTION is for what has to work
// between the installation of a newer library and ALTER EXTENSION UPDATE: the guard and the CHECKs of the customers table,
// what its policies call, and what only computes. Errors: 55000 for a catalog of another version.
#define CI_CATALOG_FUNCTION(name)                                                        \
    static Datum name##_of_version(FunctionCallInfo fcinfo);                             \
    CI_FUNCTION(name) {                                                                  \
        customer_import::pg::entry([&] { customer_import::pg::require_own_version(); }); \
        return name##_of_version(fcinfo);                                                \
    }                                                                                    \
    static Datum name##_of_version(FunctionCallInfo fcinfo)
