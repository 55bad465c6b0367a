#include "pg/history/import_lookup.h"

#include <vector>

#include "core/format.h"
#include "core/report.h"
#include "pg/server/guard.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

std::string ignored_remark_of(std::int64_t import_id) {
    OwnerScope owner;
    std::vector<std::string> columns;
    for (const Row& row :
         query("SELECT unnest(ignored_columns) FROM customer_import.imports WHERE id = $1", {parameter(import_id)})) {
        columns.push_back(*row[0]);
    }
    return ignored_remark(columns);
}

void refuse_missing_import(std::int64_t import_id) {
    throw ImportError(ERRCODE_UNDEFINED_OBJECT, format("import {} does not exist", import_id));
}

bool sees_import(std::int64_t import_id) {
    return !query("SELECT FROM customer_import.imports WHERE id OPERATOR(pg_catalog.=) $1", {parameter(import_id)})
                .empty();
}

}  // namespace customer_import::pg
