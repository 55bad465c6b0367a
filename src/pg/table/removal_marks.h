// Removals by hand: the guard marks them, so that customer_roles() does not name an import for a role that was given in
// another way since.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "pg/server/guard.h"

namespace customer_import::pg {

// While it lives, the customers that a statement writes are written by the extension: the guard marks nothing of that.
// What a trigger does in between by a statement of its own is by hand as ever.
class EngineStatement {
public:
    EngineStatement();
    ~EngineStatement();
    EngineStatement(const EngineStatement&) = delete;
    EngineStatement& operator=(const EngineStatement&) = delete;

private:
    int saved_depth_;
};

// For the guard: whether the row that it is asked about is written by the statement of the extension.
bool is_engine_statement();

// While it lives, a statement changes the shadow of this table by hand: what the guard marks is the table's.
class EditStatement {
public:
    explicit EditStatement(Oid table);
    ~EditStatement();
    EditStatement(const EditStatement&) = delete;
    EditStatement& operator=(const EditStatement&) = delete;

private:
    Oid saved_table_;
};

// For the guard: the table whose shadow is being changed by hand; InvalidOid where none is.
Oid edited_table();

// For the guard: adds a mark that a customer of this table has lost codes by hand; without codes, that there is no
// customer of this name any more.
void mark_removal(Oid customers_table, std::string_view user_name,
                  const std::optional<std::vector<std::string_view>>& codes);

// Gives all marks of a user name, in the order of time, to `take`: when (as applied_at of the change log), and the
// codes; nothing for all. Needs an SPI connection.
using MarkTaker =
    std::function<void(std::int64_t marked_at, const std::optional<std::vector<std::string_view>>& codes)>;
void read_marks(std::string_view user_name, const MarkTaker& take);

// Throws away the marks that end nothing any more: those older than all imports, and those of tables that were dropped.
void remove_old_marks();

// Removes from marks that are older than so many seconds the role that has set them: of at most 10,000, the oldest
// first. Waits for no lock. Returns true when there may be more.
bool empty_marks(double seconds);

// Whether it would find any. Needs an SPI connection, as the two above.
bool marks_are_due(double seconds);

}  // namespace customer_import::pg
