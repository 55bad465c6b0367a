// What an import does with a batch: one statement finds the customers and updates those that change, one creates the
// others. What becomes of a single record is decided in batch_decide.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/import_mode.h"
#include "pg/apply/batch_apply.h"

namespace customer_import::pg {

class ImportApplier : public BatchApplier {
public:
    // As BatchApplier; `header` says which columns the records write.
    ImportApplier(const Target& target, const HeaderMap& header, ImportMode mode, const RoleCatalog& catalog,
                  std::int64_t records, ApplyState& state, MemoryContext context)
        : BatchApplier(target, header, catalog, records, state, context), mode_(mode) {}

    void apply(const Batch& batch, const GrantCeiling* ceiling) override;

    bool decide(std::uint32_t index, const CustomerRow& customer) override;
    const ArrayType* merged_roles(std::uint32_t index) const override;

protected:
    // Whether what others did to the customer is known. Where it is not, the customer's records are left alone and
    // met_unknown() is true after apply(), which has to be rolled back then.
    virtual bool knows(const CustomerRow&) const { return true; }
    bool creates_missing() const override { return creates(mode_); }
    bool met_unknown() const { return met_unknown_; }
    void meet_unknown() { met_unknown_ = true; }

private:
    // A record to be applied; and what went wrong at the previous attempt, with which version of its customer.
    struct Attempt {
        enum class Miss : std::uint8_t {
            none,
            unwritten,  // the statement was to write it, and did not
            unfound,    // the statement did not find it, but it can be seen
        };
        std::uint32_t record = 0;
        Miss miss = Miss::none;
        RowVersion version{};
    };

    // The result of decide().
    struct Decision {
        enum class State : std::uint8_t { not_found, settled, changed };
        State state = State::not_found;  // settled: its result is set
        std::uint32_t entry = 0;         // in entries_, of a customer that changes or is created
        RowVersion version{};
        const ArrayType* roles = nullptr;
    };

    // What is to be logged once it is written.
    struct Entry {
        Change change;
        RowBefore before;  // of a row that may be rewritten
    };

    // What several records of a customer leave of it, which is written at once.
    struct Sum {
        std::size_t first_row = 0, size = 0;  // of its records in attempts_
        std::size_t taken = 0;                // how many of them are settled with the sum
        bool changes = false;
        std::uint32_t written_as = 0;      // its row when it is written
        RowVersion version{};              // of the row, as it was looked at
        const ArrayType* roles = nullptr;  // nullptr: they stay
        std::vector<Cell> cells;
    };

    // The purpose for which decide() is called.
    enum class Stage : std::uint8_t { record_by_record, looking, writing };

    void write_once(std::span<const Indexes> customers, std::vector<Indexes>& left) override;
    void look_at(std::span<const Indexes> customers);
    bool sum_up(std::uint32_t row, const CustomerRow& customer);
    bool brings_back(std::uint32_t index, const CustomerRow& customer) const;
    template <typename Take>
    void for_changed_cells(std::uint32_t index, Take&& take) const;
    Value value_of(std::size_t column, const Cell& cell, const Value& converted) const;
    void write_sums(const std::vector<std::uint32_t>& to_write);
    bool decide_record(std::uint32_t index, const CustomerRow& customer);

    bool judges_as_guard(const GrantCeiling* ceiling) const;
    void apply_records(Indexes records) override;
    bool wants_another_try(const PgError& error) override;
    std::optional<std::uint32_t> suspect() const override;
    void start_attempt(std::vector<Attempt> attempts);
    void look_in_order();
    std::vector<Attempt> finish_updates();
    std::vector<Attempt> take_changed();
    void learn_from(std::size_t records, std::size_t changed);
    void create_missing(std::vector<Attempt>& again);
    void create();
    void create_unless_exists(std::vector<Attempt>& again);
    void settle_missing(std::vector<Attempt>& again);
    std::vector<Attempt> look_again(std::vector<Attempt> missing, std::vector<Attempt>& again);

    std::vector<Issue> take_lost_roles(const Record& record);
    void take_respelled(std::span<const std::string_view> codes);
    std::vector<Issue> faults_of_missing(const Record& record);
    static void add_doubtful_changes(const Change& change, std::vector<Issue>& faults);
    bool refuse_missing(const Attempt& attempt);
    bool refuse_new_customer(const Attempt& attempt);
    static void add_violations(const GrantCeiling::Violations& violations, const Record& record,
                               std::vector<Issue>& faults);
    bool decide_roles(const Record& record, Decision& decision);
    void decide_added_roles(const Record& record, Decision& decision);
    void clear_decisions();
    const Change& change_of(std::uint32_t index) const { return entries_[decisions_[index].entry].change; }
    std::string_view written_cell(std::uint32_t index, std::size_t cell);
    bool decide_values(std::uint32_t index, const CustomerRow& customer, Change& change);
    void merge_new_roles(const Record& record);
    void log_update(std::uint32_t index, const CustomerRow* after);
    void log_create(std::uint32_t index, const CustomerRow* after);
    using BatchApplier::record;
    const Record& record(const Attempt& attempt) const { return record(attempt.record); }
    using BatchApplier::set_result;
    void set_result(const Attempt& attempt, Outcome outcome, std::vector<Issue> issues = {});

    const ImportMode mode_;
    bool met_unknown_ = false;
    bool has_searched_ = false;   // for the customers that are being created
    bool may_expect_new_ = true;  // no create of this batch has failed

    // Of the statements that are running.
    std::vector<Attempt> attempts_;
    std::vector<Decision> decisions_;  // parallel to attempts_
    std::vector<Entry> entries_;
    Change change_;  // of the record that is being decided
    std::vector<std::string_view> held_, lost_, kept_, merged_;

    Stage stage_ = Stage::record_by_record;
    std::vector<Sum> sums_;
    std::vector<std::uint32_t> sum_of_row_;    // parallel to attempts_ while customers are looked at
    std::vector<std::uint32_t> written_sums_;  // by the rows of the statement that writes them
    std::vector<Record> sum_records_;
};

}  // namespace customer_import::pg
