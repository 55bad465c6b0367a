// A customer that appears in a batch several times, on a table where nothing can see the versions of its row in
// between: all its records are decided in memory, one after another, and what the last of them leaves is written at
// once. Outcomes, issues and changes are those of the records. Otherwise each version would be written, and searched by
// all that follow.
#include <algorithm>

#include "pg/apply/import_apply.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

// Applies the records of customers that appear in the batch once; of the others the first ones, then all the rest at
// once. What that could not settle is treated in the same way.
void BatchApplier::apply_customers() {
    if (target_.shows_versions) {
        apply_rounds();
        return;
    }
    const std::vector<std::vector<std::uint32_t>> customers = group_by_user(batch_->records());
    std::vector<Indexes> left(customers.begin(), customers.end());
    while (!left.empty()) {
        std::vector<std::uint32_t> first;
        std::vector<Indexes> next, several;
        for (const Indexes records : left) {
            first.push_back(records.front());
            if (records.size() > 2) {
                several.push_back(records.subspan(1));
            } else if (records.size() == 2) {
                next.push_back(records.subspan(1));
            }
        }
        apply_narrowed(first);
        if (!several.empty()) {
            apply_at_once(several, next);
        }
        std::sort(next.begin(), next.end(),
                  [&](Indexes a, Indexes b) { return record(a.front()).user_name < record(b.front()).user_name; });
        left = std::move(next);
    }
}

// Writes each customer once, and adds what is left of its records to `left`. When that fails, it is narrowed down to
// the customers that cause it, and theirs are applied record by record.
void BatchApplier::apply_at_once(std::span<const Indexes> customers, std::vector<Indexes>& left) {
    const std::size_t known = left.size();
    std::optional<PgError> error = try_apply([&] {
        left.resize(known);
        write_set(customers, left);
    });
    if (!error) {
        return;
    }
    left.resize(known);
    if (!rejects(*error)) {
        throw PgError(*error);
    }
    forget(*error);
    if (customers.size() > 1) {
        apply_at_once(customers.first(customers.size() / 2), left);
        apply_at_once(customers.subspan(customers.size() / 2), left);
        return;
    }
    std::vector<Indexes> one_by_one;
    for (std::size_t index = 0; index < customers.front().size(); ++index) {
        one_by_one.push_back(customers.front().subspan(index, 1));
    }
    apply_in_turn(one_by_one);
}

bool ImportApplier::decide(std::uint32_t index, const CustomerRow& customer) {
    switch (stage_) {
        case Stage::looking: return sum_up(index, customer);
        case Stage::writing: return sums_[written_sums_.at(index)].version == customer.version;
        case Stage::record_by_record: break;
    }
    statements_.reach(index);
    return decide_record(index, customer);
}

const ArrayType* ImportApplier::merged_roles(std::uint32_t index) const {
    return stage_ == Stage::writing ? sums_[written_sums_.at(index)].roles : decisions_.at(index).roles;
}

void ImportApplier::write_once(std::span<const Indexes> customers, std::vector<Indexes>& left) {
    check_interrupts();
    look_at(customers);
    std::vector<std::uint32_t> to_write;
    for (std::uint32_t index = 0; index < sums_.size(); ++index) {
        if (sums_[index].changes) {
            to_write.push_back(index);
        }
    }
    if (!to_write.empty()) {
        write_sums(to_write);
    }
    for (std::size_t index = 0; index < sums_.size(); ++index) {
        Sum& sum = sums_[index];
        // A customer that was not found, or whose row is another version by now, is left to the statements for single
        // records.
        if (sum.changes && statements_.written()[sum.written_as] == 0) {
            sum.taken = 0;
        }
        for (std::size_t number = 0; number < sum.taken; ++number) {
            const auto row = static_cast<std::uint32_t>(sum.first_row + number);
            if (decisions_[row].state == Decision::State::changed) {
                log_update(row, nullptr);
                set_result(attempts_[row], Outcome::updated);
            }
        }
        if (sum.taken < customers[index].size()) {
            left.push_back(customers[index].subspan(sum.taken));
        }
    }
}

// Decides all records of the customers, each by what the customer's records before it leave of the row.
void ImportApplier::look_at(std::span<const Indexes> customers) {
    sums_.clear();
    sum_of_row_.clear();
    std::vector<Attempt> attempts;
    for (const Indexes records : customers) {
        Sum& sum = sums_.emplace_back();
        sum.first_row = attempts.size();
        sum.size = records.size();
        for (const std::uint32_t record : records) {
            attempts.push_back({record});
            sum_of_row_.push_back(static_cast<std::uint32_t>(sums_.size() - 1));
        }
    }
    start_attempt(std::move(attempts));
    statements_.fill();
    stage_ = Stage::looking;
    statements_.look();
}

bool ImportApplier::sum_up(std::uint32_t row, const CustomerRow& customer) {
    Sum& sum = sums_[sum_of_row_.at(row)];
    if (row != sum.first_row) {
        return false;  // decided with the first one
    }
    sum.version = customer.version;
    sum.cells.assign(statements_.cell_columns().size(), {});
    std::vector<Value> values(customer.values, customer.values + columns_.size());
    CustomerRow now = customer;
    now.values = values.data();
    ContextScope scope(batch_context_);
    for (sum.taken = 0; sum.taken < sum.size; ++sum.taken) {
        const auto index = static_cast<std::uint32_t>(sum.first_row + sum.taken);
        if (!decide_record(index, now)) {
            continue;
        }
        if (brings_back(index, customer)) {
            break;
        }
        const Decision& decision = decisions_[index];
        if (decision.roles != nullptr) {
            now.roles = sum.roles = decision.roles;
        }
        for_changed_cells(index, [&](std::size_t cell, std::size_t column, const Cell& source) {
            sum.cells[cell] = source;
            values[column] = value_of(column, source, statements_.converted(index, cell));
        });
        sum.changes = true;
    }
    return false;
}

// A value that its type calls equal to the one that the row has would not be written: 1.0 that became 2, then 1.00.
bool ImportApplier::brings_back(std::uint32_t index, const CustomerRow& customer) const {
    bool found = false;
    for_changed_cells(index, [&](std::size_t cell, std::size_t column, const Cell& source) {
        const Value held = columns_[column].flat(customer.values[column]);
        found = found || (source.action == Cell::Action::set && !columns_[column].equality_sql().empty() &&
                          columns_[column].holds(held, source.text, statements_.converted(index, cell)));
    });
    return found;
}

template <typename Take>
void ImportApplier::for_changed_cells(std::uint32_t index, Take&& take) const {
    const std::vector<FieldChange>& fields = change_of(index).fields;
    auto field = fields.begin();  // they are in the order of the cells
    for (std::size_t cell = 0; field != fields.end(); ++cell) {
        const std::size_t column = statements_.cell_columns()[cell];
        if (field->field == target_.values[column].field) {
            take(cell, column, record(attempts_[index]).cells[cell]);
            ++field;
        }
    }
}

Value ImportApplier::value_of(std::size_t column, const Cell& cell, const Value& converted) const {
    if (cell.action == Cell::Action::clear) {
        return {};
    }
    switch (target_.values[column].kind) {
        case FieldKind::text: return {text_datum(cell.text), false};
        case FieldKind::boolean: return converted.is_null ? Value{BoolGetDatum(cell.text == "true"), false} : converted;
        default: return converted;
    }
}

// Writes what the records leave of the customers, each of which must still be as it was when it was looked at.
void ImportApplier::write_sums(const std::vector<std::uint32_t>& to_write) {
    written_sums_ = to_write;
    sum_records_.assign(to_write.size(), {});
    statements_.clear();
    for (std::uint32_t index = 0; index < to_write.size(); ++index) {
        Sum& sum = sums_[to_write[index]];
        sum.written_as = index;
        sum_records_[index].user_name = record(attempts_[sum.first_row]).user_name;
        sum_records_[index].cells = sum.cells;
        statements_.add(sum_records_[index], nullptr);
    }
    statements_.fill();
    stage_ = Stage::writing;
    statements_.update();
    stage_ = Stage::record_by_record;
}

}  // namespace customer_import::pg
