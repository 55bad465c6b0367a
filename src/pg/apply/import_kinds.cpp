#include "pg/apply/import_kinds.h"

#include <algorithm>

#include "pg/apply/import_apply.h"
#include "pg/apply/retry_apply.h"
#include "pg/apply/undo_apply.h"
#include "pg/history/reversal.h"
#include "pg/input/file_check.h"
#include "pg/input/undo_reader.h"
#include "pg/server/settings.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

namespace {

constexpr int kFirstRows = 1000;

// Whether an import applied the records of each customer with the last line first, as the undo of an import does; the
// undo of that one has to reverse the order again.
bool runs_backwards(std::int64_t import_id) {
    bool backwards = false;
    OwnerScope owner;
    for (std::optional<std::int64_t> next = import_id; next;) {
        const std::vector<Row> rows = query(
            "SELECT source_import_id FROM customer_import.imports WHERE id = $1 AND mode = 'undo'", {parameter(*next)});
        next = rows.empty() || !rows.front()[0] ? std::nullopt : std::optional(std::stoll(*rows.front()[0]));
        backwards = backwards != next.has_value();
    }
    return backwards;
}

}  // namespace

std::unique_ptr<InputSource> make_source(const ImportRequest& request, std::int64_t import_id) {
    return request.kind == ImportKind::retry
               ? retried_records_source(request.source_import_id, request.retried_outcome(), import_id,
                                        request.encoding.encode("\n"))
               : nullptr;
}

std::int64_t stored_bytes(const ImportRequest& request) {
    OwnerScope owner;
    if (request.kind == ImportKind::undo) {
        return std::stoll(*query("SELECT COALESCE(sum(length(payload)), 0)::bigint"
                                 "  FROM customer_import._import_change_pages WHERE import_id = $1",
                                 {parameter(request.source_import_id)})
                               .front()[0]);
    }
    return std::stoll(
        *query("SELECT COALESCE(sum(length(record)), 0)::bigint"
               "  FROM customer_import.import_issues WHERE import_id = $1 AND retried_by IS NULL AND outcome = $2",
               {parameter(request.source_import_id), parameter(request.retried_outcome())})
             .front()[0]);
}

std::unique_ptr<RecordReader> make_reader(ImportRequest& request, InputSource* source, const Target& target,
                                          RoleCatalog& catalog) {
    if (request.kind != ImportKind::file) {
        require_same_table(request.source_import_id, target.table());
    }
    if (request.kind == ImportKind::undo) {
        return std::make_unique<UndoReader>(request.source_import_id, target, catalog);
    }
    return std::make_unique<FileCheck>(request, *source, target, catalog);
}

RecordOrder record_order(const ImportRequest& request, bool by_line) {
    const bool backwards = request.kind == ImportKind::undo && !runs_backwards(request.source_import_id);
    if (by_line) {
        return backwards ? RecordOrder::by_line_backwards : RecordOrder::by_line;
    }
    return backwards ? RecordOrder::by_user_name_backwards : RecordOrder::by_user_name;
}

RecordSpool::Options spool_options(const ImportRequest& request) {
    return {.counts_repeats = request.kind == ImportKind::file, .keeps_raw_apart = request.kind != ImportKind::undo};
}

// If all customers of the first records are new, or few of them change, the others are applied in another way. An undo
// has one way alone, and so have records that are applied one by one.
int first_batch_rows(const ImportRequest& request, const Target& target) {
    const bool learns = request.kind != ImportKind::undo && !target.one_by_one;
    return learns ? std::min(batch_rows, kFirstRows) : batch_rows;
}

std::unique_ptr<BatchApplier> make_applier(const ImportRequest& request, std::int64_t import_id, const Target& target,
                                           const HeaderMap& header, const RoleCatalog& catalog, std::int64_t records,
                                           ApplyState& state, MemoryContext context, bool is_resumed) {
    switch (request.kind) {
        case ImportKind::undo:
            return std::make_unique<UndoApplier>(request.source_import_id, import_id, target, header, catalog, records,
                                                 state, context);
        case ImportKind::retry:
            return std::make_unique<RetryApplier>(request.source_import_id, import_id, target, header, request.mode,
                                                  catalog, records, state, context);
        case ImportKind::file: break;
    }
    if (is_resumed) {
        return std::make_unique<RetryApplier>(import_id, import_id, target, header, request.mode, catalog, records,
                                              state, context);
    }
    return std::make_unique<ImportApplier>(target, header, request.mode, catalog, records, state, context);
}

}  // namespace customer_import::pg
