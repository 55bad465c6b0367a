// What an undo does with a batch. A record is a change that the source import made to a customer; what of it is still as
// that import left it is taken back, the rest is listed. Customers are locked before anything is decided.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/change_history.h"
#include "core/text.h"
#include "pg/apply/batch_apply.h"
#include "pg/server/read_moment.h"

namespace customer_import::pg {

class UndoApplier final : public BatchApplier {
public:
    // As BatchApplier; `header` names all columns that the source import has changed.
    UndoApplier(std::int64_t source_import_id, std::int64_t undo_import_id, const Target& target, const HeaderMap& header,
                const RoleCatalogue& catalogue, std::int64_t records, ApplyState& state, MemoryContext context);

    void apply(const Batch& batch, const GrantCeiling* ceiling) override;

    bool decide(std::uint32_t index, const CustomerRow& customer) override;
    const ArrayType* merged_roles(std::uint32_t index) const override { return plans_.at(index).roles; }

private:
    // How a customer is to be written.
    struct Plan {
        std::uint32_t record = 0;
        const ArrayType* roles = nullptr;  // nullptr: they stay
        std::vector<Cell> cells;
        Change change;                     // for the log
        std::vector<Issue> issues;         // about what stays
        RowVersion version{};              // of the row that was locked
        RowBefore before;                  // of a row that may be rewritten
    };

    // A change in the history of its customer.
    struct Place {
        const ChangeHistory* history;
        std::size_t entry;
    };

    void apply_records(Indexes records) override;
    void write_once(std::span<const Indexes> customers, std::vector<Indexes>& left) override;
    std::optional<Plan> plan_all(Indexes& records, const CustomerRow& locked);
    bool brings_back(const Plan& plan, const CustomerRow& locked);
    void read_histories();
    void read_newer_histories(const CustomerRow* locked, std::size_t count);
    void add_to_histories();
    void forget_changes(std::size_t kept) override;
    Place find_place(std::uint32_t record);
    bool counts(const Place& place, const ChangeHistory::Key& key) const;
    bool is_superseded(const Place& place, const ChangeHistory::Key& key) const;

    void take_back(const std::vector<std::uint32_t>& records);
    void remove_created(const std::vector<std::uint32_t>& records);
    void create_again(const std::vector<std::uint32_t>& records);

    Plan new_plan(std::uint32_t record) const;
    template <typename PlanOne>
    std::vector<std::uint32_t> plan_locked(const std::vector<std::uint32_t>& records, const CustomerRow* rows,
                                           PlanOne&& plan_one);
    const CustomerRow* lock(const std::vector<std::uint32_t>& records, bool to_delete);
    void settle_unlocked(const std::vector<std::uint32_t>& records);
    void fill_with_customers(const std::vector<std::uint32_t>& records);
    void fill_statement(const std::vector<Plan>& plans);
    bool plan_update(Plan& plan, const CustomerRow& row);
    bool plan_roles(Plan& plan, const CustomerRow& row, const Place& place, std::vector<Issue>& faults);
    bool plan_fields(Plan& plan, const CustomerRow& row, const Place& place);
    bool plan_removal(Plan& plan, const CustomerRow& row);
    bool plan_creation(Plan& plan);
    bool refuse(std::uint32_t record, const GrantCeiling::Breaches& breaches, std::vector<Issue> faults = {});
    using BatchApplier::refuse;

    const Change& change_of(std::uint32_t record) const { return sources_[record]; }
    std::optional<std::size_t> find_column(std::string_view field) const;
    std::optional<std::size_t> find_cell(std::size_t column) const;
    bool holds_written(std::size_t column, const Value& held, const std::optional<std::string_view>& text);

    const std::int64_t source_import_id_, undo_import_id_;
    const TextMap<std::string> field_names_;  // of the source, and what they are today
    std::int64_t source_began_ = 0;  // what was logged earlier, it has nothing to do with

    // Of the batch.
    std::vector<Change> sources_;  // the change of each record
    TextMap<ChangeHistory> histories_;
    std::size_t in_histories_ = 0; // how many of changes_ are in there
    ReadMoment moment_;            // of the histories

    // Of the statements that are running.
    std::vector<Plan> plans_;
    std::vector<Record> rows_;
    std::vector<Cell> no_cells_;
    std::vector<std::string_view> held_, merged_;
};

}  // namespace customer_import::pg
