// What becomes of a single record, given its customer as it is: the merge of roles and values, and the entry in the
// change log. decide() runs inside of the server's executor.
#include <algorithm>
#include <iterator>

#include "core/damaged_text.h"
#include "core/role_set.h"
#include "core/text.h"
#include "pg/apply/import_apply.h"
#include "pg/server/text_array.h"

namespace customer_import::pg {

namespace {

std::vector<std::string_view> roles_of(const CustomerRow& row) {
    std::vector<std::string_view> roles;
    read_role_set(row.roles, roles);
    return roles;
}

}  // namespace

bool ImportApplier::decide_record(std::uint32_t index, const CustomerRow& customer) {
    const Attempt& attempt = attempts_.at(index);
    const Record& record = this->record(attempt);
    Decision& decision = decisions_[index];
    decision = {Decision::State::settled, 0, customer.version, nullptr};
    change_.added.clear();
    change_.removed.clear();
    change_.fields.clear();
    if (!knows(customer)) {
        met_unknown_ = true;
        return false;
    }
    if (attempt.miss == Attempt::Miss::unwritten && attempt.version == customer.version) {
        // No other session changed the row, and yet it was not written: a policy or a trigger did not let it.
        refuse(attempt.record);
        return false;
    }
    read_role_set(customer.roles, held_);
    if (watches_roles_) {
        results_[attempt.record].roles_before = memory_.keep_roles(held_);
    }
    lost_.clear();
    std::vector<Issue> faults = take_lost_roles(record);
    if (!updates(mode_)) {
        const Outcome outcome = faults.empty() ? Outcome::skipped : Outcome::rejected;
        if (faults.empty()) {
            faults.push_back(already_exists_issue(record.user_name));
        }
        set_result(attempt, outcome, std::move(faults));
        return false;
    }
    const bool roles_changed = decide_roles(record, decision);
    if (roles_changed && ceiling_ != nullptr) {
        add_violations(ceiling_->check_change(record.user_name, held_, merged_, record.line), record, faults);
    }
    const bool values_changed = decide_values(index, customer, change_);
    if (values_changed && record.has_doubtful_cells) {
        add_doubtful_changes(change_, faults);
    }
    if (!faults.empty()) {
        set_result(attempt, Outcome::rejected, std::move(faults));
        return false;
    }
    if (!roles_changed && !values_changed) {
        set_result(attempt, Outcome::unchanged);
        return false;
    }
    decision.state = Decision::State::changed;
    decision.entry = static_cast<std::uint32_t>(entries_.size());
    entries_.push_back({change_, target_.rewritten ? memory_.keep_before(customer) : RowBefore()});
    return true;
}

// Puts the held codes that the catalog does not have and the record removes, or keeps in `roles`, into lost_, and those
// that a retry leaves alone. Returns the faults of lost ones that the customer does not hold.
std::vector<Issue> ImportApplier::take_lost_roles(const Record& record) {
    std::vector<Issue> issues;
    const char* column = record.replaces_roles ? "roles" : "removeRoles";
    const auto take_held = [&](std::string_view code) {
        check_interrupts();
        const std::size_t before = lost_.size();
        std::copy_if(held_.begin(), held_.end(), std::back_inserter(lost_),
                     [&](std::string_view held) { return equal_ignoring_ascii_case(held, code); });
        return lost_.size() > before;
    };
    for (std::string_view code : record.lost_roles) {
        if (!take_held(code)) {
            issues.push_back(unknown_role_issue(column, code, catalog_.suggest(code, issues.size(), check_interrupts)));
        }
    }
    for (std::string_view code : record.settled_roles) {
        take_held(code);
    }
    return issues;
}

// Codes are the same whatever their case: one that the customer holds in another spelling than the catalog's gives
// way.
void ImportApplier::take_respelled(std::span<const std::string_view> codes) {
    for (std::string_view code : codes) {
        check_interrupts();
        for (std::string_view held : held_) {
            if (held.size() == code.size() && held != code && equal_ignoring_ascii_case(held, code)) {
                lost_.push_back(held);
            }
        }
    }
}

// The faults of a record whose customer does not exist: it holds no code that the catalog has lost, and a doubtful name
// is no name.
std::vector<Issue> ImportApplier::faults_of_missing(const Record& record) {
    held_.clear();
    lost_.clear();
    std::vector<Issue> faults = take_lost_roles(record);
    if (!record.doubtful_name.empty()) {
        faults.insert(faults.begin(), doubtful_name_issue(record.doubtful_name));
    }
    return faults;
}

// Text that is damaged may stay where it is, and is written nowhere.
void ImportApplier::add_doubtful_changes(const Change& change, std::vector<Issue>& faults) {
    for (const FieldChange& field : change.fields) {
        if (field.after && is_doubtful_text(*field.after)) {
            faults.push_back(doubtful_text_issue(field.field, *field.after));
        }
    }
}

bool ImportApplier::refuse_missing(const Attempt& attempt) {
    std::vector<Issue> faults = faults_of_missing(record(attempt));
    if (faults.empty()) {
        return false;
    }
    set_result(attempt, Outcome::rejected, std::move(faults));
    return true;
}

// Adds the record's roles to held_, which does not hold all of them; none goes.
void ImportApplier::decide_added_roles(const Record& record, Decision& decision) {
    add_difference(record.add_roles, held_, change_.added);
    std::set_union(held_.begin(), held_.end(), record.add_roles.begin(), record.add_roles.end(),
                   std::back_inserter(merged_));
    decision.roles = memory_.keep_roles(merged_);
}

// Merges held_ and the record's roles: remove, then add.
bool ImportApplier::decide_roles(const Record& record, Decision& decision) {
    if (!record.replaces_roles && record.remove_roles.empty() && lost_.empty() &&
        holds_as_spelled(held_, record.add_roles, check_interrupts)) {
        return false;
    }
    merged_.clear();
    kept_.clear();
    std::span<const std::string_view> base = record.replaces_roles ? record.replace_roles : held_;
    if (!record.replaces_roles) {
        take_respelled(record.add_roles);
        take_respelled(record.remove_roles);
        if (record.remove_roles.empty() && lost_.empty()) {
            decide_added_roles(record, decision);
            return true;
        }
    }
    if (!record.remove_roles.empty()) {
        add_difference(base, record.remove_roles, kept_);
        base = kept_;
    }
    if (!lost_.empty()) {
        std::sort(lost_.begin(), lost_.end());
        Codes rest;
        if (record.replaces_roles) {
            std::set_union(base.begin(), base.end(), lost_.begin(), lost_.end(), std::back_inserter(rest));
        } else {
            add_difference(base, lost_, rest);
        }
        kept_ = std::move(rest);
        base = kept_;
    }
    std::set_union(base.begin(), base.end(), record.add_roles.begin(), record.add_roles.end(),
                   std::back_inserter(merged_));
    if (merged_ == held_) {
        return false;
    }
    decision.roles = memory_.keep_roles(merged_);
    add_difference(merged_, held_, change_.added);
    add_difference(held_, merged_, change_.removed);
    for (std::string_view& code : change_.removed) {
        code = memory_.keep(code);
    }
    return true;
}

// The text of what a cell sets. That of the record itself lives as long as the batch.
std::string_view ImportApplier::written_cell(std::uint32_t index, std::size_t cell) {
    const std::string_view source = record(attempts_[index]).cells[cell].text;
    const std::string_view text = columns_[statements_.cell_columns()[cell]].write_cell(
        source, statements_.converted(index, cell));
    return text.data() == source.data() ? text : memory_.keep(text);
}

// Compares the cells with what the customer has.
bool ImportApplier::decide_values(std::uint32_t index, const CustomerRow& customer, Change& change) {
    const Record& record = this->record(attempts_[index]);
    for (std::size_t cell = 0; cell < record.cells.size(); ++cell) {
        const std::size_t column = statements_.cell_columns()[cell];
        const Cell& source = record.cells[cell];
        if (source.action == Cell::Action::keep) {
            continue;
        }
        const ColumnIo& io = columns_[column];
        const Value held = io.flat(customer.values[column]);
        if (source.action == Cell::Action::clear ? held.is_null
                                                 : io.holds(held, source.text, statements_.converted(index, cell)) ||
                                                       (!source.is_whole() && io.holds(held, source.whole(), {}))) {
            continue;
        }
        FieldChange field;
        field.field = target_.values[column].field;
        if (!held.is_null) {
            field.before = memory_.keep(io.write(held.datum));
        }
        if (source.action == Cell::Action::set) {
            field.after = written_cell(index, cell);
        }
        change.fields.push_back(field);
    }
    return !change.fields.empty();
}

// A trigger may change any column: the whole row is compared afterwards.
// Leaves the roles of a customer that is created in merged_.
void ImportApplier::merge_new_roles(const Record& record) {
    merged_.clear();
    kept_.clear();
    add_difference(record.replace_roles, record.remove_roles, kept_);
    std::set_union(kept_.begin(), kept_.end(), record.add_roles.begin(), record.add_roles.end(),
                   std::back_inserter(merged_));
}

// A customer that may not be created, at all or by the acting operator.
bool ImportApplier::refuse_new_customer(const Attempt& attempt) {
    const Record& record = this->record(attempt);
    std::vector<Issue> faults = faults_of_missing(record);
    for (std::size_t cell = 0; record.has_doubtful_cells && cell < record.cells.size(); ++cell) {
        const Cell& source = record.cells[cell];
        if (source.action == Cell::Action::set && is_doubtful_text(source.text)) {
            faults.push_back(doubtful_text_issue(target_.values[statements_.cell_columns()[cell]].field, source.text));
        }
    }
    if (ceiling_ != nullptr) {
        merge_new_roles(record);
        add_violations(ceiling_->check_arrival(record.user_name, merged_, record.line), record, faults);
    }
    if (faults.empty()) {
        return false;
    }
    set_result(attempt, Outcome::rejected, std::move(faults));
    return true;
}

// `after` is the row as it is now; nullptr: as it was written.
void ImportApplier::log_update(std::uint32_t index, const CustomerRow* after) {
    const Decision& decision = decisions_[index];
    Entry& entry = entries_[decision.entry];
    Change& change = entry.change;
    change.line = record(attempts_[index]).line;
    change.user_name = record(attempts_[index]).user_name;
    if (after != nullptr) {
        log_rewritten(change, entry.before, *after);
    }
    if (watches_roles_) {
        results_[attempts_[index].record].roles_after = after != nullptr ? memory_.keep_roles(roles_of(*after))
                                                                         : decision.roles;
    }
    changes_.push_back(std::move(change));
}

// `after` holds, of the row as it is now, all columns where rows may be rewritten, else those with a default; nullptr:
// the row is as it was written.
void ImportApplier::log_create(std::uint32_t index, const CustomerRow* after) {
    const Record& record = this->record(attempts_[index]);
    Change& change = changes_.emplace_back();
    change.fields.reserve(record.cells.size());
    change.line = record.line;
    change.user_name = record.user_name;
    change.created = true;
    if (!target_.rewritten || after == nullptr) {
        change.added = std::move(entries_[decisions_[index].entry].change.added);
    } else {
        read_role_set(after->roles, change.added);
        for (std::string_view& code : change.added) {
            code = memory_.keep(code);
        }
    }
    for (std::size_t column = 0; after != nullptr && column < columns_.size(); ++column) {
        if (target_.rewritten || statements_.has_default(column)) {
            if (std::optional<std::string_view> text = memory_.kept_text(column, *after)) {
                change.fields.push_back({target_.values[column].field, std::nullopt, text});
            }
        }
    }
    for (std::size_t cell = 0; cell < record.cells.size(); ++cell) {
        const std::size_t column = statements_.cell_columns()[cell];
        const bool logged = after != nullptr && (target_.rewritten || statements_.has_default(column));
        if (!logged && record.cells[cell].action == Cell::Action::set) {
            change.fields.push_back({target_.values[column].field, std::nullopt, written_cell(index, cell)});
        }
    }
    if (watches_roles_) {
        results_[attempts_[index].record].roles_before = nullptr;
        results_[attempts_[index].record].roles_after = memory_.keep_roles(change.added);
    }
}

void ImportApplier::add_violations(const GrantCeiling::Violations& violations, const Record& record,
                                   std::vector<Issue>& faults) {
    for (const GrantCeiling::Violation& violation : violations) {
        const std::string_view column = record.replaces_roles     ? "roles"
                                        : violation.code_is_added ? "addRoles"
                                                                  : "removeRoles";
        faults.push_back(role_not_grantable_issue(violation, column, record.user_name));
    }
}

void ImportApplier::set_result(const Attempt& attempt, Outcome outcome, std::vector<Issue> issues) {
    set_result(attempt.record, outcome, std::move(issues));
}

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// _decide(token bigint, index int4, same_customer boolean, place tid, version xid, roles text[], VARIADIC fields "any")
// returns boolean. Only the statements above can call it: no other code knows the token. Errors: 55000.
CI_FUNCTION(ci_decide) {
    return pg::entry([&] {
        constexpr int kFirstValue = 6;
        if (PG_ARGISNULL(2) || !PG_GETARG_BOOL(2)) {
            return BoolGetDatum(false);
        }
        pg::BatchApplier& applier = pg::BatchApplier::find(PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0));
        const int count = PG_NARGS() - kFirstValue;
        auto values = static_cast<pg::Value*>(
            pg::call([&] { return palloc(sizeof(pg::Value) * static_cast<Size>(Max(count, 1))); }));
        for (int index = 0; index < count; ++index) {
            values[index].is_null = PG_ARGISNULL(kFirstValue + index);
            values[index].datum = values[index].is_null ? Datum{0} : PG_GETARG_DATUM(kFirstValue + index);
        }
        pg::CustomerRow customer{};
        customer.found = true;
        customer.version.tid = *reinterpret_cast<ItemPointer>(PG_GETARG_POINTER(3));
        customer.version.xmin = PG_GETARG_TRANSACTIONID(4);
        customer.roles = PG_ARGISNULL(5) ? nullptr : pg::detoast_array(PG_GETARG_DATUM(5));
        customer.values = values;
        return BoolGetDatum(applier.decide(static_cast<std::uint32_t>(PG_GETARG_INT32(1)), customer));
    });
}

// _merged_roles(token bigint, index int4) returns text[]: what decide() came to; NULL: they stay. Errors: 55000.
CI_FUNCTION(ci_merged_roles) {
    return pg::entry([&] {
        pg::BatchApplier& applier = pg::BatchApplier::find(PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0));
        const ArrayType* roles = applier.checked_roles(static_cast<std::uint32_t>(PG_GETARG_INT32(1)));
        fcinfo->isnull = roles == nullptr;
        return PointerGetDatum(roles);
    });
}
