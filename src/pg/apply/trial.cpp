#include "pg/apply/trial.h"

#include <memory>

#include "core/format.h"
#include "core/report.h"
#include "pg/apply/import_kinds.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

void Trial::add(const Record& record) {
    if (records_ < kRecords && request_.kind != ImportKind::undo) {
        spool_.add(record);
        ++records_;
    }
}

std::optional<std::string> Trial::run(std::int64_t import_id, const Target& target, const HeaderMap& header,
                                      const RoleCatalog& catalog, const GrantCeiling* ceiling, MemoryContext context) {
    if (!is_due()) {
        return std::nullopt;
    }
    spool_.sort();
    std::optional<Issue> first;
    bool all_fail_alike = true;
    roll_back([&] {
        const SpiConnection spi;  // in which no other applier has its batch table
        ContextScope scope(context);
        const ConstraintsChecked constraints(target);
        ApplyState state;
        const std::unique_ptr<BatchApplier> applier = make_applier(request_, import_id, target, header, catalog, 1,
                                                                   state, context);
        Batch batch;
        while (all_fail_alike && spool_.next(batch, 1)) {
            check_interrupts();
            applier->apply(batch, ceiling);
            const std::optional<Issue> failure = applier->table_failure(0);
            if (failure && !first) {
                first = failure;
            }
            all_fail_alike = failure && failure->sqlstate == first->sqlstate;
        }
    });
    if (!all_fail_alike) {
        return std::nullopt;
    }
    return format("the first {} valid records all failed with SQLSTATE {}: {}", format_count(kRecords), first->sqlstate,
                  first->message);
}

}  // namespace customer_import::pg
