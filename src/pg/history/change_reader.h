// Reads the change log back: what imports did to some customers, in the order in which it was done.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/batch.h"
#include "core/change_page.h"
#include "pg/server/guard.h"

namespace customer_import::pg {

// A change with what is known of its import. Views live until the taker returns.
struct LoggedChange {
    std::int64_t import_id = 0;
    std::optional<std::int64_t> source;  // the import that an undo undoes; nothing for every other mode
    std::string_view operator_name;      // whose import it is
    std::int64_t applied_at = 0;         // microseconds since 2000, as a timestamptz holds them
    const Change& change;
};

// Gives all changes of the customers from `first` to `last` (in byte order, both included) to `take`, ordered by time,
// import and place in the log: each customer's in the order in which they were applied. Reads as the extension's owner;
// `take` is called afterwards, as the caller. Holds the changes of these customers in memory. Needs an SPI connection.
void read_changes(std::string_view first, std::string_view last, const std::function<void(const LoggedChange&)>& take);

// The same for some customers, and only what was done since `since` (as applied_at).
void read_changes(const std::vector<std::string>& user_names, std::int64_t since,
                  const std::function<void(const LoggedChange&)>& take);

// The same for the customers of a batch, and only what was done since `since` (as applied_at).
void read_changes(const Batch& batch, std::int64_t since, const std::function<void(const LoggedChange&)>& take);

// When an import began, in microseconds since 2000, as the change log has it; nothing when there is no such import.
std::optional<std::int64_t> import_began(std::int64_t import_id);

}  // namespace customer_import::pg
