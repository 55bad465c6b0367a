// What an undo takes back of a single change, given its customer as he is, and what it leaves, with the reason.
#include <algorithm>

#include "core/code_finder.h"
#include "pg/apply/undo_apply.h"

namespace customer_import::pg {

namespace {

using Key = ChangeHistory::Key;

// Appends the codes of `a` that are not in `b`, whatever their case: the catalogue may have got another spelling since.
void add_missing(const std::vector<std::string_view>& a, const std::vector<std::string_view>& b,
                 std::vector<std::string_view>& to) {
    const CodeFinder found(b, check_interrupts);
    for (const std::string_view code : a) {
        check_interrupts();
        if (!found.contains(code)) {
            to.push_back(code);
        }
    }
}

}  // namespace

// Says what of a change can be taken back. Returns false when the result is known already.
bool UndoApplier::plan_update(Plan& plan, const CustomerRow& row) {
    const Place place = find_place(plan.record);
    std::vector<Issue> faults;
    const bool roles_change = plan_roles(plan, row, place, faults);
    GrantCeiling::Breaches breaches;
    if (roles_change && ceiling_ != nullptr) {
        breaches = ceiling_->check_change(plan.change.user_name, held_, merged_, plan.change.line);
    }
    if (refuse(plan.record, breaches, std::move(faults))) {
        return false;
    }
    const bool fields_change = plan_fields(plan, row, place);
    if (!roles_change && !fields_change) {
        const Outcome outcome = plan.issues.empty() ? Outcome::unchanged : Outcome::skipped;
        set_result(plan.record, outcome, std::move(plan.issues));
        return false;
    }
    if (target_.rewritten) {
        plan.before = keep_before(row);
    }
    return true;
}

bool UndoApplier::plan_roles(Plan& plan, const CustomerRow& row, const Place& place, std::vector<Issue>& faults) {
    const Change& change = change_of(plan.record);
    read_role_set(row.roles, held_);
    merged_ = held_;
    const auto is_open = [&](std::string_view code) {
        if (!counts(place, Key::role(code))) {
            return false;  // an undo before has taken it back
        }
        if (is_superseded(place, Key::role(code))) {
            plan.issues.push_back(superseded_issue("roles", code));
            return false;
        }
        return true;
    };
    const CodeFinder held(held_, check_interrupts), given(change.added, check_interrupts), taken(change.removed, check_interrupts);
    for (const std::string_view code : change.added) {
        check_interrupts();
        if (held.contains(code) && !taken.contains(code) && is_open(code)) {
            merged_.erase(std::remove_if(merged_.begin(), merged_.end(),
                                         [&](std::string_view held) { return equal_ignoring_ascii_case(held, code); }),
                          merged_.end());
        }
    }
    for (const std::string_view code : change.removed) {
        check_interrupts();
        if (held.contains(code) || given.contains(code) || !is_open(code)) {
            continue;
        }
        const std::string_view spelling = catalogue_.find(code);
        if (spelling.empty()) {
            faults.push_back(unknown_role_issue("roles", code, catalogue_.nearest(code, check_interrupts)));
            continue;
        }
        merged_.push_back(spelling);
    }
    std::sort(merged_.begin(), merged_.end());
    if (merged_ == held_) {
        return false;
    }
    plan.roles = keep_roles(merged_);
    add_difference(merged_, held_, plan.change.added);
    add_difference(held_, merged_, plan.change.removed);
    return true;
}

bool UndoApplier::plan_fields(Plan& plan, const CustomerRow& row, const Place& place) {
    bool changes = false;
    for (const FieldChange& field : change_of(plan.record).fields) {
        if (!counts(place, Key::field(field.field))) {
            continue;
        }
        const std::optional<std::size_t> column = find_column(field.field);
        if (!column) {
            plan.issues.push_back(changed_since_issue(field.field, "", "the customers table has no such field any more"));
            continue;
        }
        const Value held = columns_[*column].flat(row.values[*column]);
        if (holds_written(*column, held, field.before)) {
            continue;
        }
        const std::optional<std::string_view> now = kept_text(*column, row);
        if (is_superseded(place, Key::field(field.field))) {
            plan.issues.push_back(superseded_issue(field.field, now.value_or("")));
            continue;
        }
        if (!holds_written(*column, held, field.after)) {
            plan.issues.push_back(
                changed_since_issue(field.field, now.value_or(""), "the field has been changed since the import"));
            continue;
        }
        Cell& cell = plan.cells[find_cell(*column).value()];
        cell.action = field.before ? Cell::Action::set : Cell::Action::clear;
        cell.text = field.before.value_or("");
        plan.change.fields.push_back({field.field, now, field.before});
        changes = true;
    }
    return changes;
}

// A customer goes only if he is just as he was created. Returns false when the result is known already.
bool UndoApplier::plan_removal(Plan& plan, const CustomerRow& row) {
    const Change& created = change_of(plan.record);
    plan.change.deleted = true;
    const Place place = find_place(plan.record);
    if (!counts(place, Key::existence())) {  // an undo before has deleted him, and he has come back
        set_result(plan.record, Outcome::skipped,
                   {changed_since_issue("userName", plan.change.user_name, "the customer was created anew since the import")});
        return false;
    }
    read_role_set(row.roles, held_);
    Codes different;
    add_missing(held_, created.added, different);
    add_missing(created.added, held_, different);
    for (const std::string_view code : different) {
        check_interrupts();
        plan.issues.push_back(is_superseded(place, Key::role(code))
                                  ? superseded_issue("roles", code)
                                  : changed_since_issue("roles", code, "the customer's roles have been changed since the import"));
    }
    std::vector<std::optional<std::string_view>> created_with(columns_.size());
    for (const FieldChange& value : created.fields) {
        if (const auto column = find_column(value.field)) {
            created_with[*column] = value.after;
        }
    }
    for (std::size_t column = 0; column < columns_.size(); ++column) {
        const std::string& field = target_.values[column].field;
        const std::optional<std::string_view> then = created_with[column];
        const std::optional<std::string_view> now = kept_text(column, row);
        if (!holds_written(column, columns_[column].flat(row.values[column]), then)) {
            plan.issues.push_back(
                is_superseded(place, Key::field(field))
                    ? superseded_issue(field, now.value_or(""))
                    : changed_since_issue(field, now.value_or(""), "the field has been changed since the import"));
        }
        if (now) {
            plan.change.fields.push_back({field, now, std::nullopt});
        }
    }
    if (!plan.issues.empty()) {
        set_result(plan.record, Outcome::skipped, std::move(plan.issues));
        return false;
    }
    plan.change.removed = held_;
    return ceiling_ == nullptr ||
           !refuse(plan.record, ceiling_->check_departure(plan.change.user_name, held_));
}

bool UndoApplier::plan_creation(Plan& plan) {
    const Change& deleted = change_of(plan.record);
    plan.change.created = true;
    for (Cell& cell : plan.cells) {
        cell.action = Cell::Action::clear;
    }
    std::vector<Issue> faults;
    for (const std::string_view code : deleted.removed) {
        check_interrupts();
        if (catalogue_.find(code).empty()) {
            faults.push_back(unknown_role_issue("roles", code, catalogue_.nearest(code, check_interrupts)));
        }
    }
    GrantCeiling::Breaches breaches;
    if (ceiling_ != nullptr) {
        breaches = ceiling_->check_arrival(plan.change.user_name, deleted.removed, plan.change.line);
    }
    if (refuse(plan.record, breaches, std::move(faults))) {
        return false;
    }
    plan.roles = keep_roles(deleted.removed);
    for (const FieldChange& field : deleted.fields) {
        const std::optional<std::size_t> column = find_column(field.field);
        if (column && field.before) {
            Cell& cell = plan.cells[find_cell(*column).value()];
            cell.action = Cell::Action::set;
            cell.text = *field.before;
        }
    }
    return true;
}

// Rejects the record if anything is wrong with it.
bool UndoApplier::refuse(std::uint32_t number, const GrantCeiling::Breaches& breaches, std::vector<Issue> faults) {
    for (const GrantCeiling::Breach& breach : breaches) {
        faults.push_back(role_not_grantable_issue(breach, "roles", record(number).user_name));
    }
    if (faults.empty()) {
        return false;
    }
    set_result(number, Outcome::rejected, std::move(faults));
    return true;
}

std::optional<std::size_t> UndoApplier::find_column(std::string_view field) const {
    const auto today = field_names_.find(field);
    const std::string_view name = today == field_names_.end() ? field : std::string_view(today->second);
    for (std::size_t column = 0; column < target_.values.size(); ++column) {
        if (target_.values[column].field == name) {
            return column;
        }
    }
    return std::nullopt;
}

// The column may have got another type since the text was written: then it is read by that one.
bool UndoApplier::holds_written(std::size_t column, const Value& held, const std::optional<std::string_view>& text) {
    return statements_.read(target_.values[column], text.value_or(""),
                            [&] { return columns_[column].holds_written(held, text); });
}

std::optional<std::size_t> UndoApplier::find_cell(std::size_t column) const {
    const std::vector<std::size_t>& cells = statements_.cell_columns();
    const auto found = std::find(cells.begin(), cells.end(), column);
    return found == cells.end() ? std::nullopt : std::optional(static_cast<std::size_t>(found - cells.begin()));
}

}  // namespace customer_import::pg
