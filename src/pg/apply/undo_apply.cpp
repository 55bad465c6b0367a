#include "pg/apply/undo_apply.h"

#include <algorithm>

#include "pg/apply/references.h"
#include "pg/history/change_reader.h"
#include "pg/input/undo_supply.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

using Key = ChangeHistory::Key;

UndoApplier::UndoApplier(std::int64_t source_import_id, std::int64_t undo_import_id, const Target& target,
                         const HeaderMap& header, const RoleCatalogue& catalogue, std::int64_t records, ApplyState& state,
                         MemoryContext context)
    : BatchApplier(target, header, catalogue, records, state, context),
      source_import_id_(source_import_id),
      undo_import_id_(undo_import_id),
      field_names_(todays_fields(source_import_id)),
      source_began_(import_began(source_import_id).value_or(0)),
      no_cells_(statements_.cell_columns().size()) {
    statements_.take_written_cells();
}

void UndoApplier::apply(const Batch& batch, const GrantCeiling* ceiling) {
    sources_.clear();
    for (const Record& record : batch.records()) {
        sources_.push_back(undo_change(record));
    }
    batch_ = &batch;
    read_histories();
    BatchApplier::apply(batch, ceiling);
}

// Reads what the source and those after it did to the customers of the batch.
void UndoApplier::read_histories() {
    histories_.clear();
    in_histories_ = 0;
    moment_.take();
    ContextScope scope(batch_context_);
    read_changes(*batch_, source_began_, [&](const LoggedChange& logged) {
        auto place = histories_.find(logged.change.user_name);
        if (place == histories_.end()) {
            place = histories_.emplace(logged.change.user_name, ChangeHistory()).first;
        }
        place->second.add(logged.import_id, logged.source, logged.change.line, logged.change, logged.applied_at);
    });
}

// Another import may have changed a customer between the reading and the lock, and what it did counts.
void UndoApplier::read_newer_histories(const CustomerRow* locked, std::size_t count) {
    if (std::any_of(locked, locked + count,
                    [&](const CustomerRow& row) { return row.found && !moment_.has_seen(row.version.xmin); })) {
        read_histories();
    }
}

// What this batch has taken back is not in the log yet. It matters where a customer has several records.
void UndoApplier::add_to_histories() {
    for (; in_histories_ < changes_.size(); ++in_histories_) {
        const Change& change = changes_[in_histories_];
        const auto found = histories_.find(change.user_name);
        if (found != histories_.end()) {
            found->second.add(undo_import_id_, source_import_id_, change.line, change, 0);
        }
    }
}

void UndoApplier::forget_changes(std::size_t kept) {
    while (in_histories_ > kept) {
        const auto found = histories_.find(changes_[--in_histories_].user_name);
        if (found != histories_.end()) {
            found->second.remove_last();
        }
    }
    BatchApplier::forget_changes(kept);
}

// Finds the source's change in the history of its customer.
UndoApplier::Place UndoApplier::find_place(std::uint32_t number) {
    add_to_histories();
    const Record& record = this->record(number);
    const auto history = histories_.find(record.user_name);
    const std::optional<std::size_t> entry =
        history == histories_.end() ? std::nullopt : history->second.find(source_import_id_, record.line);
    if (!entry) {
        throw ImportError(ERRCODE_DATA_CORRUPTED, "a change is missing in the change log");
    }
    return {&history->second, *entry};
}

bool UndoApplier::counts(const Place& place, const Key& key) const { return place.history->counts(place.entry, key); }

bool UndoApplier::is_superseded(const Place& place, const Key& key) const {
    return place.history->is_superseded_after(key, place.entry);
}

bool UndoApplier::decide(std::uint32_t index, const CustomerRow& customer) {
    return plans_.at(index).version == customer.version;
}

void UndoApplier::apply_records(Indexes records) {
    check_interrupts();
    std::vector<std::uint32_t> updates, creations, deletions;
    for (const std::uint32_t record : records) {
        const Change& change = change_of(record);
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

UndoApplier::Plan UndoApplier::new_plan(std::uint32_t record) const {
    Plan plan;
    plan.record = record;
    plan.cells = no_cells_;
    plan.change.line = this->record(record).line;
    plan.change.user_name = this->record(record).user_name;
    return plan;
}

// Has `plan_one(plan, n)` say what to do with the customer of the n-th record, false when its result is known already.
// Leaves the plans in plans_, and returns the records whose customers could not be locked.
template <typename PlanOne>
std::vector<std::uint32_t> UndoApplier::plan_locked(const std::vector<std::uint32_t>& records, const CustomerRow* rows,
                                                    PlanOne&& plan_one) {
    read_newer_histories(rows, records.size());
    std::vector<std::uint32_t> unlocked;
    plans_.clear();
    for (std::size_t index = 0; index < records.size(); ++index) {
        if (!rows[index].found) {
            unlocked.push_back(records[index]);
            continue;
        }
        Plan plan = new_plan(records[index]);
        plan.version = rows[index].version;
        if (plan_one(plan, index)) {
            plans_.push_back(std::move(plan));
        }
    }
    return unlocked;
}

// Those who could not be locked: they are gone, hidden, or may only be looked at.
void UndoApplier::settle_unlocked(const std::vector<std::uint32_t>& records) {
    if (records.empty()) {
        return;
    }
    fill_with_customers(records);
    const CustomerRow* seen = statements_.read_back();
    for (std::size_t index = 0; index < records.size(); ++index) {
        if (seen[index].found) {
            refuse(records[index]);
        } else if (change_of(records[index]).created &&
                   !counts(find_place(records[index]), Key::existence())) {
            set_result(records[index], Outcome::unchanged);  // an undo before has deleted him
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
        rows_[index].cells = no_cells_;
        statements_.add(rows_[index], nullptr);
    }
    statements_.fill();
}

void UndoApplier::fill_statement(const std::vector<Plan>& plans) {
    rows_.assign(plans.size(), {});
    statements_.clear();
    for (std::size_t index = 0; index < plans.size(); ++index) {
        rows_[index].user_name = record(plans[index].record).user_name;
        rows_[index].cells = plans[index].cells;
        statements_.add(rows_[index], plans[index].roles);
    }
    statements_.fill();
}

// ---- customers whom the source has updated ----

void UndoApplier::take_back(const std::vector<std::uint32_t>& records) {
    const CustomerRow* rows = lock(records, false);
    const auto unlocked = plan_locked(
        records, rows, [&](Plan& plan, std::size_t index) { return plan_update(plan, rows[index]); });
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
            Plan& plan = plans_[index];
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
    read_newer_histories(rows, firsts.size());
    std::vector<Plan> plans;
    for (std::size_t index = 0; index < customers.size(); ++index) {
        Indexes records = customers[index];
        if (rows[index].found) {
            if (std::optional<Plan> plan = plan_all(records, rows[index])) {
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

// Plans a customer's records one after another, each by what the ones before leave of the row, and returns what they come to;
// nothing where they change nothing. Leaves in `records` those that are to be applied by themselves.
std::optional<UndoApplier::Plan> UndoApplier::plan_all(Indexes& records, const CustomerRow& locked) {
    ContextScope scope(batch_context_);
    std::optional<Plan> sum;
    std::vector<Value> values(locked.values, locked.values + columns_.size());
    CustomerRow now = locked;
    now.values = values.data();
    for (; !records.empty(); records = records.subspan(1)) {
        check_interrupts();
        const Change& change = change_of(records.front());
        if (change.created || change.deleted) {
            break;
        }
        Plan plan = new_plan(records.front());
        if (!plan_update(plan, now)) {
            continue;
        }
        if (sum && brings_back(plan, locked)) {
            break;
        }
        if (!sum) {
            sum = new_plan(plan.record);
            sum->version = locked.version;
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

// Whether a change writes a value that the row has, as it is stored: a statement for both would leave it as it is, where two
// would write it anew, perhaps in another form that the type calls equal.
bool UndoApplier::brings_back(const Plan& plan, const CustomerRow& locked) {
    for (std::size_t cell = 0; cell < plan.cells.size(); ++cell) {
        const Cell& source = plan.cells[cell];
        const std::size_t column = statements_.cell_columns()[cell];
        if (source.action == Cell::Action::set && !columns_[column].equality_sql().empty() &&
            holds_written(column, columns_[column].flat(locked.values[column]), source.text)) {
            return true;
        }
    }
    return false;
}

// ---- customers whom the source has created ----

void UndoApplier::remove_created(const std::vector<std::uint32_t>& records) {
    const CustomerRow* rows = lock(records, true);
    const std::vector<std::string> references = find_references(target_, statements_, records.size(), batch_context_);
    const auto unlocked = plan_locked(records, rows, [&](Plan& plan, std::size_t index) {
        if (!plan_removal(plan, rows[index])) {
            return false;
        }
        if (!references[index].empty()) {
            set_result(plan.record, Outcome::skipped,
                       {still_referenced_issue(plan.change.user_name, references[index])});
        }
        return references[index].empty();
    });
    if (!plans_.empty()) {
        fill_statement(plans_);
        statements_.remove();
        for (std::size_t index = 0; index < plans_.size(); ++index) {
            Plan& plan = plans_[index];
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

// ---- customers whom the source, itself an undo, has deleted ----

void UndoApplier::create_again(const std::vector<std::uint32_t>& records) {
    fill_with_customers(records);
    const CustomerRow* seen = statements_.read_back();
    plans_.clear();
    for (std::size_t index = 0; index < records.size(); ++index) {
        const std::string_view user_name = record(records[index]).user_name;
        if (!counts(find_place(records[index]), Key::existence())) {
            set_result(records[index], Outcome::unchanged);  // an undo before has brought him back
        } else if (seen[index].found) {
            set_result(records[index], Outcome::skipped,
                       {changed_since_issue("userName", user_name, "the customer was created anew since")});
        } else {
            Plan plan = new_plan(records[index]);
            if (plan_creation(plan)) {
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
        Plan& plan = plans_[index];
        if (!after[index].found || !TransactionIdIsCurrentTransactionId(after[index].version.xmin)) {
            refuse(plan.record);
            continue;
        }
        read_role_set(after[index].roles, plan.change.added);
        plan.change.fields.clear();
        for (std::size_t column = 0; column < columns_.size(); ++column) {
            if (const auto text = kept_text(column, after[index])) {
                plan.change.fields.push_back({target_.values[column].field, std::nullopt, text});
            }
        }
        changes_.push_back(std::move(plan.change));
        set_result(plan.record, Outcome::created);
    }
}

}  // namespace customer_import::pg
