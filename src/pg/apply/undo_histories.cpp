#include "pg/apply/undo_histories.h"

#include <algorithm>
#include <optional>

#include "pg/history/change_reader.h"

namespace customer_import::pg {

UndoHistories::UndoHistories(std::int64_t source_import_id, std::int64_t undo_import_id)
    : source_import_id_(source_import_id),
      undo_import_id_(undo_import_id),
      source_began_(import_began(source_import_id).value_or(0)) {}

void UndoHistories::read(const Batch& batch, MemoryContext context) {
    histories_.clear();
    added_ = 0;
    snapshot_.take();
    ContextScope scope(context);
    read_changes(batch, source_began_, [&](const LoggedChange& logged) {
        auto place = histories_.find(logged.change.user_name);
        if (place == histories_.end()) {
            place = histories_.emplace(logged.change.user_name, ChangeHistory()).first;
        }
        place->second.add(logged.import_id, logged.source, logged.change.line, logged.change, logged.applied_at);
    });
}

bool UndoHistories::has_missed(std::span<const CustomerRow> locked) const {
    return std::any_of(locked.begin(), locked.end(),
                       [&](const CustomerRow& row) { return row.found && !snapshot_.has_seen(row.version.xmin); });
}

void UndoHistories::add(std::span<const Change> changes) {
    for (; added_ < changes.size(); ++added_) {
        const Change& change = changes[added_];
        const auto found = histories_.find(change.user_name);
        if (found != histories_.end()) {
            found->second.add(undo_import_id_, source_import_id_, change.line, change, 0);
        }
    }
}

void UndoHistories::forget(std::span<const Change> changes, std::size_t kept) {
    while (added_ > kept) {
        const auto found = histories_.find(changes[--added_].user_name);
        if (found != histories_.end()) {
            found->second.remove_last();
        }
    }
}

PlaceInHistory UndoHistories::find(std::string_view user_name, std::int64_t line) const {
    const auto history = histories_.find(user_name);
    const std::optional<std::size_t> entry = history == histories_.end()
                                                 ? std::nullopt
                                                 : history->second.find(source_import_id_, line);
    if (!entry) {
        throw ImportError(ERRCODE_DATA_CORRUPTED, "a change is missing in the change log");
    }
    return {&history->second, *entry};
}

}  // namespace customer_import::pg
