#include "pg/apply/undo_planner.h"

#include <algorithm>
#include <utility>

#include "core/code_finder.h"

namespace customer_import::pg {

namespace {

using Key = ChangeHistory::Key;

// Appends the codes of `a` that are not in `b`, whatever their case: the catalog may have got another spelling since.
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

UndoPlanner::UndoPlanner(const Target& target, const std::vector<ColumnIo>& columns, const RoleCatalog& catalog,
                         BatchStatements& statements, BatchMemory& memory, TextMap<std::string> field_names)
    : target_(target),
      columns_(columns),
      catalog_(catalog),
      statements_(statements),
      memory_(memory),
      field_names_(std::move(field_names)),
      no_cells_(statements.cell_columns().size()) {}

UndoPlan UndoPlanner::start(std::uint32_t record, std::int64_t line, std::string_view user_name,
                            const RowVersion& version) const {
    UndoPlan plan;
    plan.record = record;
    plan.cells = no_cells_;
    plan.change.line = line;
    plan.change.user_name = user_name;
    plan.version = version;
    return plan;
}

UndoPlan UndoPlanner::start(const UndoRecord& record, const RowVersion& version) const {
    return start(record.number, record.source.line, record.source.user_name, version);
}

UndoPlan UndoPlanner::plan_update(const UndoRecord& record, const CustomerRow& row) {
    UndoPlan plan = start(record, row.version);
    std::vector<Issue> faults;
    const bool roles_change = plan_roles(plan, record, row, faults);
    GrantCeiling::Violations violations;
    if (roles_change && ceiling_ != nullptr) {
        violations = ceiling_->check_change(plan.change.user_name, held_, merged_, plan.change.line);
    }
    if (reject(plan, violations, std::move(faults))) {
        return plan;
    }
    const bool fields_change = plan_fields(plan, record, row);
    if (!roles_change && !fields_change) {
        plan.outcome = plan.issues.empty() ? Outcome::unchanged : Outcome::skipped;
    } else if (target_.rewritten) {
        plan.before = memory_.keep_before(row);
    }
    return plan;
}

bool UndoPlanner::plan_roles(UndoPlan& plan, const UndoRecord& record, const CustomerRow& row,
                             std::vector<Issue>& faults) {
    const Change& change = record.source;
    read_role_set(row.roles, held_);
    merged_ = held_;
    const auto is_open = [&](std::string_view code) {
        if (!record.place.counts(Key::role(code))) {
            return false;  // an earlier undo has taken it back
        }
        if (record.place.is_superseded(Key::role(code))) {
            plan.issues.push_back(superseded_issue("roles", code));
            return false;
        }
        return true;
    };
    const CodeFinder held(held_, check_interrupts), given(change.added, check_interrupts),
        taken(change.removed, check_interrupts);
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
        const std::string_view spelling = catalog_.find(code);
        if (spelling.empty()) {
            faults.push_back(
                unknown_role_issue("roles", code, catalog_.suggest(code, faults.size(), check_interrupts)));
            continue;
        }
        merged_.push_back(spelling);
    }
    std::sort(merged_.begin(), merged_.end());
    if (merged_ == held_) {
        return false;
    }
    plan.roles = memory_.keep_roles(merged_);
    add_difference(merged_, held_, plan.change.added);
    add_difference(held_, merged_, plan.change.removed);
    return true;
}

bool UndoPlanner::plan_fields(UndoPlan& plan, const UndoRecord& record, const CustomerRow& row) {
    bool changes = false;
    for (const FieldChange& field : record.source.fields) {
        if (!record.place.counts(Key::field(field.field))) {
            continue;
        }
        const std::optional<std::size_t> column = find_column(field.field);
        if (!column) {
            plan.issues.push_back(
                changed_since_issue(field.field, "", "the customers table has no such field any more"));
            continue;
        }
        const Value held = columns_[*column].flat(row.values[*column]);
        if (holds_written(*column, held, field.before)) {
            continue;
        }
        const std::optional<std::string_view> now = memory_.kept_text(*column, row);
        if (record.place.is_superseded(Key::field(field.field))) {
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

// A customer is deleted only if it is just as it was created.
UndoPlan UndoPlanner::plan_removal(const UndoRecord& record, const CustomerRow& row) {
    UndoPlan plan = start(record, row.version);
    plan.change.deleted = true;
    if (!record.place.counts(Key::existence())) {  // an earlier undo has deleted it, and it has come back
        plan.outcome = Outcome::skipped;
        plan.issues.push_back(
            changed_since_issue("userName", plan.change.user_name, "the customer was created anew since the import"));
        return plan;
    }
    find_differences(plan, record, row);
    if (!plan.issues.empty()) {
        plan.outcome = Outcome::skipped;
        return plan;
    }
    plan.change.removed = held_;
    if (ceiling_ != nullptr) {
        reject(plan, ceiling_->check_departure(plan.change.user_name, held_));
    }
    return plan;
}

// Compares the row with what the source created; notes each difference as an issue, and in the change what is deleted.
void UndoPlanner::find_differences(UndoPlan& plan, const UndoRecord& record, const CustomerRow& row) {
    const Change& created = record.source;
    read_role_set(row.roles, held_);
    std::vector<std::string_view> different;
    add_missing(held_, created.added, different);
    add_missing(created.added, held_, different);
    for (const std::string_view code : different) {
        check_interrupts();
        plan.issues.push_back(
            record.place.is_superseded(Key::role(code))
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
        const std::optional<std::string_view> now = memory_.kept_text(column, row);
        if (!holds_written(column, columns_[column].flat(row.values[column]), then)) {
            plan.issues.push_back(
                record.place.is_superseded(Key::field(field))
                    ? superseded_issue(field, now.value_or(""))
                    : changed_since_issue(field, now.value_or(""), "the field has been changed since the import"));
        }
        if (now) {
            plan.change.fields.push_back({field, now, std::nullopt});
        }
    }
}

UndoPlan UndoPlanner::plan_creation(const UndoRecord& record) {
    UndoPlan plan = start(record, {});
    const Change& deleted = record.source;
    plan.change.created = true;
    for (Cell& cell : plan.cells) {
        cell.action = Cell::Action::clear;
    }
    std::vector<Issue> faults;
    for (const std::string_view code : deleted.removed) {
        check_interrupts();
        if (catalog_.find(code).empty()) {
            faults.push_back(
                unknown_role_issue("roles", code, catalog_.suggest(code, faults.size(), check_interrupts)));
        }
    }
    GrantCeiling::Violations violations;
    if (ceiling_ != nullptr) {
        violations = ceiling_->check_arrival(plan.change.user_name, deleted.removed, plan.change.line);
    }
    if (reject(plan, violations, std::move(faults))) {
        return plan;
    }
    plan.roles = memory_.keep_roles(deleted.removed);
    for (const FieldChange& field : deleted.fields) {
        const std::optional<std::size_t> column = find_column(field.field);
        if (column && field.before) {
            Cell& cell = plan.cells[find_cell(*column).value()];
            cell.action = Cell::Action::set;
            cell.text = *field.before;
        }
    }
    return plan;
}

// Has the record be rejected if anything is wrong with it.
bool UndoPlanner::reject(UndoPlan& plan, const GrantCeiling::Violations& violations, std::vector<Issue> faults) {
    for (const GrantCeiling::Violation& violation : violations) {
        faults.push_back(role_not_grantable_issue(violation, "roles", plan.change.user_name));
    }
    if (faults.empty()) {
        return false;
    }
    plan.outcome = Outcome::rejected;
    plan.issues = std::move(faults);
    return true;
}

bool UndoPlanner::brings_back(const UndoPlan& plan, const CustomerRow& row) {
    for (std::size_t cell = 0; cell < plan.cells.size(); ++cell) {
        const Cell& source = plan.cells[cell];
        const std::size_t column = statements_.cell_columns()[cell];
        if (source.action == Cell::Action::set && !columns_[column].equality_sql().empty() &&
            holds_written(column, columns_[column].flat(row.values[column]), source.text)) {
            return true;
        }
    }
    return false;
}

std::optional<std::size_t> UndoPlanner::find_column(std::string_view field) const {
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
bool UndoPlanner::holds_written(std::size_t column, const Value& held, const std::optional<std::string_view>& text) {
    return statements_.read(target_.values[column], text.value_or(""),
                            [&] { return columns_[column].holds_written(held, text); });
}

std::optional<std::size_t> UndoPlanner::find_cell(std::size_t column) const {
    const std::vector<std::size_t>& cells = statements_.cell_columns();
    const auto found = std::find(cells.begin(), cells.end(), column);
    return found == cells.end() ? std::nullopt : std::optional(static_cast<std::size_t>(found - cells.begin()));
}

}  // namespace customer_import::pg
