// What imports did to the customers of a batch of an undo, as far as the undo needs it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/batch.h"
#include "core/change_history.h"
#include "core/change_page.h"
#include "core/text.h"
#include "pg/apply/customer_rows.h"
#include "pg/server/read_snapshot.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// A change in the history of its customer.
struct PlaceInHistory {
    const ChangeHistory* history;
    std::size_t entry;

    // Whether the change has changed the key and no undo that still counts has taken that back.
    bool counts(const ChangeHistory::Key& key) const { return history->counts(entry, key); }
    // Whether a later change of the key counts.
    bool is_superseded(const ChangeHistory::Key& key) const { return history->is_superseded_after(key, entry); }
};

class UndoHistories {
public:
    UndoHistories(std::int64_t source_import_id, std::int64_t undo_import_id);

    // Reads what the source import and those after it did to the customers of the batch.
    void read(const Batch& batch, MemoryContext context);

    // Whether another import has changed one of the locked rows between the reading and the lock.
    bool has_missed(std::span<const CustomerRow> locked) const;

    // Whether nothing can have come since the reading.
    bool are_latest() const { return snapshot_.is_latest(); }

    // Adds what the undo has changed in this batch and is not in the log yet: those of `changes` that came since the
    // last call. It matters where a customer has several records.
    void add(std::span<const Change> changes);
    // The changes after the first `kept` ones are taken back.
    void forget(std::span<const Change> changes, std::size_t kept);

    // Finds the source's change by its customer and line. Throws ImportError (XX001) when it is not in the log.
    PlaceInHistory find(std::string_view user_name, std::int64_t line) const;

private:
    const std::int64_t source_import_id_, undo_import_id_;
    const std::int64_t source_began_;  // what was logged earlier does not concern it
    TextMap<ChangeHistory> histories_;
    std::size_t added_ = 0;  // how many of the batch's changes are in there
    ReadSnapshot snapshot_;
};

}  // namespace customer_import::pg
