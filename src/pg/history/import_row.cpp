#include "pg/history/import_row.h"

#include <algorithm>

#include "pg/server/arguments.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"

namespace customer_import::pg {

Datum make_import_row(FunctionCallInfo fcinfo, const ImportResult& result) {
    constexpr int kColumns = 12;
    const Counts& counts = result.counts;
    std::vector<std::string_view> warnings(result.warnings.begin(), result.warnings.end());
    Datum values[kColumns] = {
        Int64GetDatum(result.import_id), text_datum(result.state),          text_datum(result.message),
        Int64GetDatum(counts.records),   Int64GetDatum(counts.created),     Int64GetDatum(counts.updated),
        Int64GetDatum(counts.unchanged), Int64GetDatum(counts.skipped),     Int64GetDatum(counts.rejected),
        Int64GetDatum(counts.deleted),   Int64GetDatum(counts.unprocessed), make_text_array(warnings)};
    bool nulls[kColumns] = {result.import_id == 0};
    std::fill(nulls + 3, nulls + 11, !result.has_counts);
    return result_row(fcinfo, values, nulls);
}

}  // namespace customer_import::pg
