#include "pg/server/library_version.h"

#include <optional>
#include <string>
#include <string_view>

#include "core/format.h"
#include "pg/server/guard.h"

namespace customer_import::pg {

namespace {

// In the library there is no other text that begins like this one, and the compiler compares nothing with it: so tests can
// make a library of another version by changing this text alone.
constexpr std::string_view kBeforeVersion = "customer_import library ";
const char* const volatile kLibrary = "customer_import library " CUSTOMER_IMPORT_VERSION;

std::string_view library_version() { return std::string_view(kLibrary).substr(kBeforeVersion.size()); }

// nothing when there is no extension in this database.
std::optional<std::string> catalog_version() {
    const char* version = call([]() -> const char* {
        Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
        ScanKeyData key;
        ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
                    CStringGetDatum("customer_import"));
        SysScanDesc scan = systable_beginscan(extensions, ExtensionNameIndexId, true, nullptr, 1, &key);
        HeapTuple tuple = systable_getnext(scan);
        bool is_null = true;
        Datum value = 0;
        if (HeapTupleIsValid(tuple)) {
            value = heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(extensions), &is_null);
        }
        const char* found = is_null ? nullptr : TextDatumGetCString(value);
        systable_endscan(scan);
        table_close(extensions, AccessShareLock);
        return found;
    });
    return version != nullptr ? std::optional<std::string>(version) : std::nullopt;
}

}  // namespace

bool is_own_version() {
    const std::optional<std::string> version = catalog_version();
    return !version || *version == library_version();
}

void require_own_version() {
    static TimestampTz looked_at = 0;
    const TimestampTz statement = GetCurrentStatementStartTimestamp();
    if (statement == looked_at) {
        return;
    }
    const std::optional<std::string> version = catalog_version();
    if (version && *version != library_version()) {
        throw ImportError(
            ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "the library and the catalog of customer_import are of different versions",
            format("The library has version {}, the catalog of this database {}.", library_version(), *version),
            "Run ALTER EXTENSION customer_import UPDATE. If the catalog is the newer one, reconnect, or install the "
            "newer library.");
    }
    looked_at = statement;
}

}  // namespace customer_import::pg
