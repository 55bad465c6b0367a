// Before anything is applied: whether the customers table takes records of this file at all. Else a file in which a
// rule of the table is broken throughout would fail record by record, to its end. Decided by the file alone: neither
// the order in which records are applied, nor batches and workers, make a difference.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/batch.h"
#include "core/grant_ceiling.h"
#include "core/header_map.h"
#include "core/role_catalog.h"
#include "pg/input/import_request.h"
#include "pg/input/record_spool.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"
#include "pg/table/target.h"

namespace customer_import::pg {

class Trial {
public:
    // Belongs to the current (sub)transaction. `request` must outlive the object.
    explicit Trial(const ImportRequest& request) : request_(request), spool_(RecordOrder::by_line, {}) {}

    // Takes the valid records, in the order of the file.
    void add(const Record& record);

    // Tries the first kRecords records, in a subtransaction that is rolled back; ends at the first that does not fail
    // in the table, or not like the one before. Returns why the import fails: all have failed with one SQLSTATE.
    // Arguments as of make_applier() and BatchApplier::apply(). Errors that reject no record propagate as PgError.
    std::optional<std::string> run(std::int64_t import_id, const Target& target, const HeaderMap& header,
                                   const RoleCatalog& catalog, const GrantCeiling* ceiling, MemoryContext context);

    static constexpr int kRecords = 1000;

private:
    // An undo takes back what the table has accepted; it says record by record what cannot be.
    bool is_due() const { return records_ == kRecords && request_.kind != ImportKind::undo; }

    const ImportRequest& request_;
    RecordSpool spool_;
    int records_ = 0;
};

}  // namespace customer_import::pg
