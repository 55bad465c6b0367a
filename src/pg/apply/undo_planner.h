// What an undo takes back of a single change, given its customer as it is, and what it leaves, with the reason. Writes
// nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/batch.h"
#include "core/change_page.h"
#include "core/grant_ceiling.h"
#include "core/issue.h"
#include "core/role_catalog.h"
#include "core/text.h"
#include "pg/apply/batch_memory.h"
#include "pg/apply/batch_statements.h"
#include "pg/apply/undo_histories.h"
#include "pg/table/column_io.h"
#include "pg/table/target.h"

namespace customer_import::pg {

// A record of an undo: a change that the source import made.
struct UndoRecord {
    std::uint32_t number;  // in its batch
    const Change& source;
    PlaceInHistory place;
};

// What becomes of such a record.
struct UndoPlan {
    std::uint32_t record = 0;
    std::optional<Outcome> outcome;    // of one for which nothing is written; else how the customer is to be written:
    const ArrayType* roles = nullptr;  // nullptr: they stay
    std::vector<Cell> cells;
    Change change;              // for the log
    std::vector<Issue> issues;  // about what stays
    RowVersion version{};       // of the row that was locked
    RowBefore before;           // of a row that may be rewritten
};

class UndoPlanner {
public:
    // All arguments must outlive the object. `field_names`: fields of the source import, and what they are called
    // today.
    UndoPlanner(const Target& target, const std::vector<ColumnIo>& columns, const RoleCatalog& catalog,
                BatchStatements& statements, BatchMemory& memory, TextMap<std::string> field_names);

    // The ceiling from now on; nullptr for administrators.
    void set_ceiling(const GrantCeiling* ceiling) { ceiling_ = ceiling; }

    // The cells of a row of which nothing is written.
    const std::vector<Cell>& no_cells() const { return no_cells_; }

    // A plan that writes nothing yet, of a customer whose row was locked in that version.
    UndoPlan start(std::uint32_t record, std::int64_t line, std::string_view user_name,
                   const RowVersion& version) const;

    // Each takes a record and the row of its customer. The source has updated, created or, itself an undo, deleted it.
    UndoPlan plan_update(const UndoRecord& record, const CustomerRow& row);
    UndoPlan plan_removal(const UndoRecord& record, const CustomerRow& row);
    UndoPlan plan_creation(const UndoRecord& record);

    // Whether a plan writes a value that the row has, as it is stored: a statement for this plan and for one before it
    // would leave the value as it is, where two statements would write it anew, perhaps in another form that the type
    // calls equal.
    bool brings_back(const UndoPlan& plan, const CustomerRow& row);

private:
    UndoPlan start(const UndoRecord& record, const RowVersion& version) const;
    bool plan_roles(UndoPlan& plan, const UndoRecord& record, const CustomerRow& row, std::vector<Issue>& faults);
    bool plan_fields(UndoPlan& plan, const UndoRecord& record, const CustomerRow& row);
    static bool reject(UndoPlan& plan, const GrantCeiling::Violations& violations, std::vector<Issue> faults = {});
    void find_differences(UndoPlan& plan, const UndoRecord& record, const CustomerRow& row);
    std::optional<std::size_t> find_column(std::string_view field) const;
    std::optional<std::size_t> find_cell(std::size_t column) const;
    bool holds_written(std::size_t column, const Value& held, const std::optional<std::string_view>& text);

    const Target& target_;
    const std::vector<ColumnIo>& columns_;
    const RoleCatalog& catalog_;
    BatchStatements& statements_;
    BatchMemory& memory_;
    const TextMap<std::string> field_names_;
    const std::vector<Cell> no_cells_;
    const GrantCeiling* ceiling_ = nullptr;
    std::vector<std::string_view> held_, merged_;
};

}  // namespace customer_import::pg
