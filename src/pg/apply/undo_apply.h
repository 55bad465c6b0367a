// What an undo does with a batch. A record is a change that the source import made to a customer; what of it is still
// as that import left it is taken back, the rest is listed. Customers are locked before anything is decided.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/change_page.h"
#include "pg/apply/batch_apply.h"
#include "pg/apply/undo_histories.h"
#include "pg/apply/undo_planner.h"

namespace customer_import::pg {

class UndoApplier final : public BatchApplier {
public:
    // As BatchApplier; `header` names all columns that the source import has changed.
    UndoApplier(std::int64_t source_import_id, std::int64_t undo_import_id, const Target& target,
                const HeaderMap& header, const RoleCatalog& catalog, std::int64_t records, ApplyState& state,
                MemoryContext context);

    void apply(const Batch& batch, const GrantCeiling* ceiling) override;

    bool decide(std::uint32_t index, const CustomerRow& customer) override;
    const ArrayType* merged_roles(std::uint32_t index) const override { return plans_.at(index).roles; }

private:
    void apply_records(Indexes records) override;
    void write_once(std::span<const Indexes> customers, std::vector<Indexes>& left) override;
    void fetched() override;
    void forget_changes(std::size_t kept) override;
    void forget_customers(std::size_t known, const std::set<std::string_view>& customers) override;
    std::optional<UndoPlan> plan_all(Indexes& records, const CustomerRow& locked);

    void take_back(const std::vector<std::uint32_t>& records);
    void remove_created(const std::vector<std::uint32_t>& records);
    void create_again(const std::vector<std::uint32_t>& records);

    UndoRecord undo_record(std::uint32_t number);
    bool settle(UndoPlan& plan);
    template <typename PlanOne>
    std::vector<std::uint32_t> plan_locked(const std::vector<std::uint32_t>& records, const CustomerRow* rows,
                                           PlanOne&& plan_one);
    void read_newer_histories(std::span<const CustomerRow> locked);
    const CustomerRow* lock(const std::vector<std::uint32_t>& records, bool to_delete);
    void settle_unlocked(const std::vector<std::uint32_t>& records);
    void fill_with_customers(const std::vector<std::uint32_t>& records);
    void fill_statement(const std::vector<UndoPlan>& plans);

    UndoHistories histories_;
    UndoPlanner planner_;

    // Of the batch.
    std::vector<Change> sources_;  // the change of each record

    // Of the statements that are running.
    std::vector<UndoPlan> plans_;
    std::vector<Record> rows_;
};

}  // namespace customer_import::pg
