#include "pg/table/customer_cursor.h"

#include "core/format.h"
#include "pg/server/lookup.h"
#include "pg/table/shadow.h"

namespace customer_import::pg {

namespace {

constexpr const char* kCandidates = "customer_import_candidates";
constexpr int kCandidateKilobytes = 1024;

}  // namespace

// The names in a policy are those of pg_catalog or have their schema. So they must be looked up, or the caller's search_path
// would say what the policy means.
CustomerCursor::CustomerCursor(const Target& target, const std::string& columns, const std::string& condition,
                               std::initializer_list<Parameter> parameters)
    : context_(CurrentMemoryContext) {
    std::optional<LookupScope> scope;
    if (has_shadow()) {
        owner_ = call([&] { return relation_owner(target.table()); });
        if (const std::string shown = shown_by_policies(); !shown.empty()) {
            shown_sql_ = format("SELECT {} FROM {} AS {} WHERE {}", columns, kCandidates, kShadowAlias, shown);
        }
        scope.emplace(owner_);
    }
    const std::string& name = target.home ? target.home->name : target.name;
    found_.emplace(format("SELECT {} FROM {} {}", !shown_sql_.empty() ? "*" : columns, name, condition), parameters,
                   Cursor::Snapshot::calling);
}

void CustomerCursor::read(long count) {
    std::optional<LookupScope> scope;
    if (OidIsValid(owner_)) {
        scope.emplace(owner_);
    }
    found_->fetch(count);
}

void CustomerCursor::keep_candidates() {
    if (!candidates_) {
        TupleDesc columns = call([&] {
            MemoryContext before = MemoryContextSwitchTo(context_);
            TupleDesc copy = CreateTupleDescCopy(found_->columns());
            MemoryContextSwitchTo(before);
            return copy;
        });
        candidates_.emplace(kCandidates, columns, kCandidateKilobytes);
    }
    candidates_->clear(context_);
    call([&] {
        for (std::uint64_t index = 0; index < found_->count(); ++index) {
            tuplestore_puttuple(candidates_->rows(), found_->row(index));
        }
    });
}

void CustomerCursor::fetch(long count) {
    if (shown_sql_.empty()) {
        read(count);
        return;
    }
    do {
        if (shown_ && shown_->count() > 0) {
            shown_->close();
        }
        shown_.reset();
        read(count);
        if (found_->count() == 0) {
            return;
        }
        keep_candidates();
        const CatalogPath path;
        shown_.emplace(shown_sql_, std::initializer_list<Parameter>{}, Cursor::Snapshot::calling);
        shown_->fetch(count);
    } while (shown_->count() == 0);
}

bool hides_customers() { return has_shadow() && !shown_by_policies().empty(); }

}  // namespace customer_import::pg
