#include "pg/apply/undo_apply.h"

#include <algorithm>
#include <utility>

#include "pg/apply/references.h"
#include "pg/input/undo_reader.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

using Key = ChangeHistory::Key;

UndoApplier::UndoApplier(std::int64_t source_import_id, std::int64_t undo_import_id, const Target& target,
                         const HeaderMap& header, const RoleCatalog& catalog, std::int64_t records, ApplyState& state,
                         MemoryContext context)
    : BatchApplier(target, header, catalog, records, state, context),
      histories_(source_import_id, undo_import_id),
      planner_(target, columns_, catalog, statements_, memory_, todays_fields(source_import_id)) {
    statements_.take_written_cells();
}

void UndoApplier::apply(const Batch& batch, const GrantCeiling* ceiling) {
    sources_.clear();
    for (const Record& record : batch.records()) {
        sources_.push_back(undo_change(record));
    }
    batch_ = &batch;
    histories_.read(batch, batch_context_);
    planner_.set_ceiling(ceiling);
    BatchApplier::apply(batch, ceiling);
}

void UndoApplier::read_newer_histories(std::span<const CustomerRow> locked) {
    if (histories_.has_missed(locked)) {
        histories_.read(*batch_, batch_context_);
    }
}

void UndoApplier::fetched() {
    if (!histories_.are_latest()) {
        histories_.read(*batch_, batch_context_);
    }
}

// All changes have to be in the histories before some of them are taken out.
void UndoApplier::forget_customers(std::size_t known, const std::set<std::string_view>& customers) {
    histories_.add(changes_);
    BatchApplier::forget_customers(known, customers);
}

void UndoApplier::forget_changes(std::size_t kept) {
    histories_.forget(changes_, kept);
    BatchApplier::forget_changes(kept);
}

// The record as the planner takes it, after all that the batch has changed so far.
UndoRecord UndoApplier::undo_record(std::uint32_t number) {
    histories_.add(changes_);
    return {number, sources_[number], histories_.find(record(number).user_name, record(number).line)};
}

// Gives a record whose plan writes nothing its result. Returns whether it did.
bool UndoApplier::settle(UndoPlan& plan) {
    if (plan.outcome) {
        set_result(plan.record, *plan.outcome, std::move(plan.issues));
    }
    return plan.outcome.has_value();
}

bool UndoApplier::decide(std::uint32_t index, const CustomerRow& customer) {
    return plans_.at(index).version == customer.version;
}

void UndoApplier::apply_records(Indexes records) {
    check_interrupts();
    std::vector<std::uint32_t> updates, creations, deletions;
    for (const std::uint32_t record : records) {
        const Change& change = sources_[record];
        (change.created ? creations : change.deleted ? deletions : updates).push_back(record);
    }
    if (!updates.empty()) {
        take_back(updates);
    }
    if (!creations.empty()) {
        remove_created(creations);
    }
    if (!deletions.empty()) {
        create_again(deletions);
    }
}

// Locks the customers of the records; row n is that of the n-th.
const CustomerRow* UndoApplier::lock(const std::vector<std::uint32_t>& records, bool to_delete) {
    fill_with_customers(records);
    return statements_.lock(to_delete);
}

// Has `plan_one(index)` plan each record whose customer is locked. Leaves the plans that write in plans_, and returns
// the records whose customers could not be locked.
template <typename PlanOne>
std::vector<std::uint32_t> UndoApplier::plan_locked(const std::vector<std::uint32_t>& records, const CustomerRow* rows,
                                                    PlanOne&& plan_one) {
    read_newer_histories({rows, records.size()});
    std::vector<std::uint32_t> unlocked;
    plans_.clear();
    for (std::size_t index = 0; index < records.size(); ++index) {
        if (!rows[index].found) {
            unlocked.push_back(records[index]);
            continue;
        }
        UndoPlan plan = plan_one(index);
        if (!settle(plan)) {
            plans_.push_back(std::move(plan));
        }
    }
    return unlocked;
}

// Customers that could not be locked: they are gone, hidden, or may only be looked at.
void UndoApplier::settle_unlocked(const std::vector<std::uint32_t>& records) {
    if (records.empty()) {
        return;
    }
    fill_with_customers(records);
    const CustomerRow* seen = statements_.read_back();
    for (std::size_t index = 0; index < records.size(); ++index) {
        if (seen[index].found) {
            refuse(records[index]);
        } else if (sources_[records[index]].created && !undo_record(records[index]).place.counts(Key::existence())) {
            set_result(records[index], Outcome::unchanged);  // an earlier undo has deleted it
        } else {
            set_result(records[index], Outcome::skipped, {not_found_issue(record(records[index]).user_name)});
        }
    }
}

// For statements that write nothing.
void UndoApplier::fill_with_customers(const std::vector<std::uint32_t>& records) {
    rows_.assign(records.size(), {});
    statements_.clear();
    for (std::size_t index = 0; index < records.size(); ++index) {
        rows_[index].user_name = record(records[index]).user_name;
        rows_[index].cells = planner_.no_cells();
        statements_.add(rows_[index], nullptr);
    }
    statements_.fill();
}

void UndoApplier::fill_statement(const std::vector<UndoPlan>& plans) {
    rows_.assign(plans.size(), {});
    statements_.clear();
    for (std::size_t index = 0; index < plans.size(); ++index) {
        rows_[index].user_name = record(plans[index].record).user_name;
        rows_[index].cells = plans[index].cells;
        statements_.add(rows_[index], plans[index].roles);
    }
    statements_.fill();
}

// ---- customers that the source has updated ----

void UndoApplier::take_back(const std::vector<std::uint32_t>& records) {
    const CustomerRow* rows = lock(records, false);
    const auto unlocked = plan_locked(records, rows, [&](std::size_t index) {
        return planner_.plan_update(undo_record(records[index]), rows[index]);
    });
    if (!plans_.empty()) {
        fill_statement(plans_);
        statements_.update();
        const std::vector<char> written = statements_.written();
        const CustomerRow* after = target_.rewritten ? statements_.read_back() : nullptr;
        if (after != nullptr) {
            std::vector<std::uint32_t> updated;
            for (std::uint32_t index = 0; index < plans_.size(); ++index) {
                if (written[index] != 0) {
                    updated.push_back(index);
                }
            }
            require_names_kept(updated, after);
        }
        for (std::size_t index = 0; index < plans_.size(); ++index) {
            UndoPlan& plan = plans_[index];
            if (written[index] == 0) {  // a policy or a trigger did not let it
                refuse(plan.record);
                continue;
            }
            if (after != nullptr && after[index].found) {
                log_rewritten(plan.change, plan.before, after[index]);
            }
            changes_.push_back(std::move(plan.change));
            set_result(plan.record, Outcome::updated, std::move(plan.issues));
        }
    }
    settle_unlocked(unlocked);
}

// Locks each customer once. What a record takes back is in the histories when the next one is planned.
void UndoApplier::write_once(std::span<const Indexes> customers, std::vector<Indexes>& left) {
    check_interrupts();
    std::vector<std::uint32_t> firsts;
    for (const Indexes records : customers) {
        firsts.push_back(records.front());
    }
    const CustomerRow* rows = lock(firsts, false);
    read_newer_histories({rows, firsts.size()});
    std::vector<UndoPlan> plans;
    for (std::size_t index = 0; index < customers.size(); ++index) {
        Indexes records = customers[index];
        if (rows[index].found) {
            if (std::optional<UndoPlan> plan = plan_all(records, rows[index])) {
                plans.push_back(std::move(*plan));
            }
        }
        if (!records.empty()) {
            left.push_back(records);
        }
    }
    if (plans.empty()) {
        return;
    }
    plans_ = std::move(plans);
    fill_statement(plans_);
    statements_.update();
    const std::vector<char>& written = statements_.written();
    if (std::any_of(written.begin(), written.begin() + static_cast<std::ptrdiff_t>(plans_.size()),
                    [](char is_written) { return is_written == 0; })) {
        refuse_unwritten();
    }
}

// Plans a customer's records one after another, each by what the ones before leave of the row, and returns what they
// come to; nothing where they change nothing. Leaves in `records` those that are to be applied by themselves.
std::optional<UndoPlan> UndoApplier::plan_all(Indexes& records, const CustomerRow& locked) {
    ContextScope scope(batch_context_);
    std::optional<UndoPlan> sum;
    std::vector<Value> values(locked.values, locked.values + columns_.size());
    CustomerRow now = locked;
    now.values = values.data();
    for (; !records.empty(); records = records.subspan(1)) {
        check_interrupts();
        const Change& change = sources_[records.front()];
        if (change.created || change.deleted) {
            break;
        }
        UndoPlan plan = planner_.plan_update(undo_record(records.front()), now);
        if (settle(plan)) {
            continue;
        }
        if (sum && planner_.brings_back(plan, locked)) {
            break;
        }
        if (!sum) {
            sum = planner_.start(plan.record, plan.change.line, plan.change.user_name, locked.version);
        }
        if (plan.roles != nullptr) {
            now.roles = sum->roles = plan.roles;
        }
        for (std::size_t cell = 0; cell < plan.cells.size(); ++cell) {
            const Cell& source = plan.cells[cell];
            if (source.action == Cell::Action::keep) {
                continue;
            }
            const std::size_t column = statements_.cell_columns()[cell];
            sum->cells[cell] = source;
            values[column] = source.action == Cell::Action::clear
                                 ? Value{}
                                 : statements_.read(target_.values[column], source.text,
                                                    [&] { return columns_[column].read_written(source.text); });
        }
        changes_.push_back(std::move(plan.change));
        set_result(plan.record, Outcome::updated, std::move(plan.issues));
    }
    return sum;
}

// ---- customers that the source has created ----

void UndoApplier::remove_created(const std::vector<std::uint32_t>& records) {
    const CustomerRow* rows = lock(records, true);
    const std::vector<std::string> references = find_references(target_, statements_, records.size(), batch_context_);
    const auto unlocked = plan_locked(records, rows, [&](std::size_t index) {
        UndoPlan plan = planner_.plan_removal(undo_record(records[index]), rows[index]);
        if (!plan.outcome && !references[index].empty()) {
            plan.outcome = Outcome::skipped;
            plan.issues = {still_referenced_issue(plan.change.user_name, references[index])};
        }
        return plan;
    });
    if (!plans_.empty()) {
        fill_statement(plans_);
        statements_.remove();
        for (std::size_t index = 0; index < plans_.size(); ++index) {
            UndoPlan& plan = plans_[index];
            if (statements_.written()[index] == 0) {
                refuse(plan.record);
                continue;
            }
            changes_.push_back(std::move(plan.change));
            set_result(plan.record, Outcome::deleted);
        }
    }
    settle_unlocked(unlocked);
}

// ---- customers that the source, itself an undo, has deleted ----

void UndoApplier::create_again(const std::vector<std::uint32_t>& records) {
    fill_with_customers(records);
    const CustomerRow* seen = statements_.read_back();
    plans_.clear();
    for (std::size_t index = 0; index < records.size(); ++index) {
        const std::string_view user_name = record(records[index]).user_name;
        if (!undo_record(records[index]).place.counts(Key::existence())) {
            set_result(records[index], Outcome::unchanged);  // an earlier undo has brought it back
        } else if (seen[index].found) {
            set_result(records[index], Outcome::skipped,
                       {changed_since_issue("userName", user_name, "the customer was created anew since")});
        } else {
            UndoPlan plan = planner_.plan_creation(undo_record(records[index]));
            if (!settle(plan)) {
                plans_.push_back(std::move(plan));
            }
        }
    }
    if (plans_.empty()) {
        return;
    }
    fill_statement(plans_);
    const std::uint64_t inserted = statements_.insert_unless_exists();
    const CustomerRow* after = statements_.read_back();
    if (inserted > static_cast<std::uint64_t>(std::count_if(after, after + plans_.size(), [](const CustomerRow& row) {
            return row.found && TransactionIdIsCurrentTransactionId(row.version.xmin);
        }))) {
        refuse_new_name();
    }
    for (std::size_t index = 0; index < plans_.size(); ++index) {
        UndoPlan& plan = plans_[index];
        if (!after[index].found || !TransactionIdIsCurrentTransactionId(after[index].version.xmin)) {
            refuse(plan.record);
            continue;
        }
        read_role_set(after[index].roles, plan.change.added);
        plan.change.fields.clear();
        for (std::size_t column = 0; column < columns_.size(); ++column) {
            if (const auto text = memory_.kept_text(column, after[index])) {
                plan.change.fields.push_back({target_.values[column].field, std::nullopt, text});
            }
        }
        changes_.push_back(std::move(plan.change));
        set_result(plan.record, Outcome::created);
    }
}

}  // namespace customer_import::pg
