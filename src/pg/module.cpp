// Loading of the library: its magic block and its settings.
#include "pg/module.h"

#include "pg/identity.h"

extern "C" {
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init();
}

namespace customer_import::pg {

int batch_rows = kDefaultBatchRows;

}  // namespace customer_import::pg

void _PG_init() {
    namespace pg = customer_import::pg;
    DefineCustomIntVariable("customer_import.batch_rows", "Number of records that one statement of an import applies.",
                            nullptr, &pg::batch_rows, pg::kDefaultBatchRows, 1, 1000000, PGC_SUSET, 0, nullptr, nullptr,
                            nullptr);
    MarkGUCPrefixReserved("customer_import");
    pg::watch_transactions();
}
