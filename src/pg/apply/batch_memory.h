// What an applier keeps of customers until its next batch: texts, role sets and whole rows.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "pg/apply/customer_rows.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"
#include "pg/table/column_io.h"

namespace customer_import::pg {

// A customer before a statement whose result triggers may change.
struct RowBefore {
    std::vector<std::string_view> roles;
    std::vector<std::optional<std::string_view>> values;
};

class BatchMemory {
public:
    // `context` is emptied by its owner at the end of a batch; `columns` are those of the rows. Both must outlive the
    // object.
    BatchMemory(MemoryContext context, const std::vector<ColumnIo>& columns) : context_(context), columns_(columns) {}

    MemoryContext context() const { return context_; }

    std::string_view keep(std::string_view text);

    // Errors: 54000 above the size of a role set.
    const ArrayType* keep_roles(std::span<const std::string_view> codes);

    // Returns the column's value in the row as text, nothing for NULL.
    std::optional<std::string_view> kept_text(std::size_t column, const CustomerRow& row);

    RowBefore keep_before(const CustomerRow& row);

private:
    const MemoryContext context_;
    const std::vector<ColumnIo>& columns_;
};

// Reads a roles column as a role set; NULL is the empty one. Errors: 54000 above the size of a role set.
void read_role_set(const ArrayType* roles, std::vector<std::string_view>& codes);

// Appends what is in `a` and not in `b`, both role sets.
void add_difference(std::span<const std::string_view> a, std::span<const std::string_view> b,
                    std::vector<std::string_view>& to);

}  // namespace customer_import::pg
