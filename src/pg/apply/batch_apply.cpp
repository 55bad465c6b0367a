#include "pg/apply/batch_apply.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>
#include <numeric>

#include "core/damaged_text.h"
#include "core/role_set.h"
#include "pg/server/text_array.h"

namespace customer_import::pg {

namespace {

constexpr int kMaxFetches = 10;            // against writers that keep changing the same customer
constexpr double kLeastWindow = 8;         // records that are applied together after a failure
constexpr double kStatementCost = 15;      // in records
constexpr std::size_t kFewKnown = 10;      // one customer in so many may not be new where all are taken for new
constexpr std::size_t kWindowSets = 1000;  // of records applied one after another that share a subtransaction

std::vector<ColumnIo> make_columns(const Target& target, MemoryContext context) {
    ContextScope scope(context);
    std::vector<ColumnIo> result;
    for (const TargetColumn& column : target.values) {
        result.emplace_back(column);
    }
    return result;
}

// A row that the caller's policies do not let it write. The server has no SQLSTATE of its own for it.
bool is_refused_by_policy(const PgError& error) {
    const char* function = error.data()->funcname;
    return error.sqlstate() == ERRCODE_INSUFFICIENT_PRIVILEGE && function != nullptr &&
           std::string_view(function) == "ExecWithCheckOptions";
}

// A user's trigger has changed a row so that it exceeds the grant ceiling: the guard has raised this.
bool is_refused_by_guard(const PgError& error) {
    const char* constraint = error.data()->constraint_name;
    return error.sqlstate() == ERRCODE_INSUFFICIENT_PRIVILEGE && constraint != nullptr &&
           std::string_view(constraint) == kGrantCeiling;
}

// Cannot be guessed, so that only the import's own statements reach it.
std::int64_t make_token() {
    std::int64_t token = 0;
    if (!pg_strong_random(&token, sizeof token)) {
        throw ImportError(ERRCODE_INTERNAL_ERROR, "could not generate a random number");
    }
    return token;
}

struct RefusedCell {
    std::string column;
    std::string value;  // empty: none
};

// The cell of a record that the type of a column did not take.
RefusedCell refused_cell(const Target& target, const TargetColumn& column, const Record& record,
                         std::string_view text) {
    if (&column == &target.user_name) {
        return {"userName", std::string(text)};
    }
    if (&column != &target.roles) {
        return {column.field, std::string(text)};
    }
    RefusedCell cell{record.replaces_roles || (record.add_roles.empty() && record.remove_roles.empty()) ? "roles"
                     : record.add_roles.empty()                                                         ? "removeRoles"
                                                                                                        : "addRoles",
                     {}};
    for (const auto codes : {record.replace_roles, record.add_roles.empty() ? record.remove_roles : record.add_roles}) {
        for (const std::string_view code : codes) {
            cell.value += (cell.value.empty() ? "" : ",") + std::string(code);
        }
    }
    return cell;
}

std::string_view or_empty(const char* text) { return text == nullptr ? std::string_view() : std::string_view(text); }

}  // namespace

bool rejects_record(const PgError& error, bool while_reading) {
    if (is_refused_by_policy(error) || is_refused_by_guard(error)) {
        return true;
    }
    if (while_reading) {  // not all types say 22... of a text that they do not take
        switch (ERRCODE_TO_CATEGORY(error.sqlstate())) {
            case ERRCODE_TRANSACTION_ROLLBACK:
            case ERRCODE_INSUFFICIENT_RESOURCES:
            case ERRCODE_OPERATOR_INTERVENTION:
            case ERRCODE_SYSTEM_ERROR: return false;
            default: return true;
        }
    }
    if (error.sqlstate() == ERRCODE_PROGRAM_LIMIT_EXCEEDED) {  // of a role set, or of an index
        return true;
    }
    switch (ERRCODE_TO_CATEGORY(error.sqlstate())) {
        case MAKE_SQLSTATE('2', '2', '0', '0', '0'):
        case MAKE_SQLSTATE('2', '3', '0', '0', '0'):
        case MAKE_SQLSTATE('4', '4', '0', '0', '0'):
        case MAKE_SQLSTATE('P', '0', '0', '0', '0'): return true;
        default: return false;
    }
}

BatchApplier* BatchApplier::newest_ = nullptr;

BatchApplier::BatchApplier(const Target& target, const HeaderMap& header, const RoleCatalog& catalog,
                           std::int64_t records, ApplyState& state, MemoryContext context)
    : target_(target),
      catalog_(catalog),
      columns_(make_columns(target, context)),
      token_(make_token()),
      statements_(token_, records, target, header, columns_, context),
      state_(state),
      batch_context_(call([&] { return AllocSetContextCreate(context, "batch", ALLOCSET_DEFAULT_SIZES); })),
      memory_(batch_context_, columns_),
      older_(newest_) {
    if (target.home) {
        home_.emplace(target, context);
    }
    newest_ = this;
}

BatchApplier::~BatchApplier() { newest_ = older_; }

BatchApplier& BatchApplier::find(std::int64_t token) {
    for (BatchApplier* applier = newest_; applier != nullptr; applier = applier->older_) {
        if (applier->token_ == token) {
            return *applier;
        }
    }
    throw ImportError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "no import is running here");
}

void BatchApplier::apply(const Batch& batch, const GrantCeiling* ceiling) {
    batch_ = &batch;
    ceiling_ = ceiling;
    is_misled_ = false;
    changes_.clear();
    call([&] { MemoryContextReset(batch_context_); });
    ContextScope scope(batch_context_);
    results_.assign(batch.size(), {});
    if (!target_.one_by_one) {
        apply_customers();
        return;
    }
    std::vector<std::uint32_t> all(batch.size());
    std::iota(all.begin(), all.end(), 0);
    std::vector<Indexes> singles;
    for (std::size_t index = 0; index < all.size(); ++index) {
        singles.push_back(Indexes(all).subspan(index, 1));
    }
    apply_in_turn(singles);
}

void BatchApplier::apply_rounds() {
    const std::vector<std::vector<std::uint32_t>> rounds = make_rounds(batch_->records());
    if (!rounds.empty()) {
        apply_narrowed(rounds.front());
        apply_in_turn(std::vector<Indexes>(rounds.begin() + 1, rounds.end()));
    }
}

std::optional<Issue> BatchApplier::table_failure(std::uint32_t record) const {
    const RecordResult& result = results_[record];
    const bool has_failed = result.outcome == Outcome::rejected && !result.issues.front().sqlstate.empty() &&
                            result.issues.front().code != IssueCode::not_permitted;
    return has_failed ? std::optional(result.issues.front()) : std::nullopt;
}

bool BatchApplier::rejects(const PgError& error) const {
    return rejects_record(error, statements_.refused_column() != nullptr);
}

bool BatchApplier::is_on_the_move(const PgError& error) const {
    return error.sqlstate() == ERRCODE_T_R_SERIALIZATION_FAILURE && call([&] {
               return !IsolationUsesXactSnapshot() && get_rel_relkind(target_.relation) == RELKIND_PARTITIONED_TABLE;
           });
}

void BatchApplier::forget_changes(std::size_t kept) { changes_.resize(kept); }

void BatchApplier::forget_customers(std::size_t known, const std::set<std::string_view>& customers) {
    const auto forgotten = std::stable_partition(
        changes_.begin() + static_cast<std::ptrdiff_t>(known), changes_.end(),
        [&](const Change& change) { return customers.count(change.user_name) == 0; });
    forget_changes(static_cast<std::size_t>(forgotten - changes_.begin()));
}

void BatchApplier::fetch(std::vector<std::string_view> names) {
    check_interrupts();
    home_->fetch(std::move(names));
    fetched();
}

// Adds the customers that were not created, where all were taken for new.
void BatchApplier::add_undecided(Indexes records, std::size_t known, std::set<std::string_view>& names) const {
    std::set<std::string_view> created;
    for (std::size_t index = known; index < changes_.size(); ++index) {
        created.insert(changes_[index].user_name);
    }
    for (const std::uint32_t record : records) {
        if (created.count(this->record(record).user_name) == 0) {
            names.insert(this->record(record).user_name);
        }
    }
}

// Where others have changed a customer since it was fetched, its record is decided again. So is it where the customer was
// only taken for new, and is not, or its record has another outcome. An error is no reason to reject such a record: the
// parts are fetched.
void BatchApplier::apply_set(Indexes records) {
    if (!home_) {
        apply_records(records);
        return;
    }
    bool takes_for_new = state_.expect_absent && records.size() > 1 && creates_missing();
    state_.expect_absent = false;
    std::vector<std::uint32_t> todo(records.begin(), records.end());
    for (int fetches = 0; !todo.empty(); ++fetches) {
        if (fetches == kMaxFetches) {
            throw ImportError(ERRCODE_T_R_SERIALIZATION_FAILURE,
                              "could not apply a record because its customer keeps changing", {},
                              "Import the file again.");
        }
        std::vector<std::string_view> names;
        names.reserve(todo.size());
        for (const std::uint32_t record : todo) {
            names.push_back(this->record(record).user_name);
        }
        if (takes_for_new) {
            home_->take_for_new(std::move(names));
        } else {
            fetch(std::move(names));
        }
        const std::size_t known = changes_.size();
        apply_records(todo);
        std::set<std::string_view> stale = home_->ship(std::span(changes_).subspan(known), state_.expect_created);
        if (takes_for_new) {
            add_undecided(todo, known, stale);
        }
        if (fetches == 0) {
            state_.expect_absent = takes_for_new ? stale.size() * kFewKnown < todo.size() : !home_->has_found_any();
        }
        takes_for_new = false;
        forget_customers(known, stale);
        std::erase_if(todo, [&](std::uint32_t record) { return stale.count(this->record(record).user_name) == 0; });
    }
}

void BatchApplier::write_set(std::span<const Indexes> customers, std::vector<Indexes>& left) {
    if (!home_) {
        write_once(customers, left);
        return;
    }
    std::vector<std::string_view> names;
    for (const Indexes records : customers) {
        names.push_back(record(records.front()).user_name);
    }
    fetch(std::move(names));
    const std::size_t known = changes_.size();
    write_once(customers, left);
    if (!home_->ship(std::span(changes_).subspan(known), state_.expect_created).empty()) {
        refuse_unwritten();
    }
}

// Applies the records in a subtransaction. Returns the error for which one of them is to be rejected.
std::optional<PgError> BatchApplier::try_set(Indexes records) {
    const auto apply_all = [&] { apply_set(records); };
    std::optional<PgError> error = try_apply(apply_all);
    while (error && rejects(*error) && wants_another_try(*error)) {
        error = try_apply(apply_all);
    }
    if (error && !rejects(*error)) {
        throw PgError(*error);
    }
    return error;
}

// The place among the records of the one at which they have failed; where that is not known, or has misled: the middle.
std::size_t BatchApplier::place_of_suspect(Indexes records) {
    if (home_ && home_->refused()) {
        const auto refused = std::find_if(records.begin(), records.end(), [&](std::uint32_t record) {
            return this->record(record).user_name == *home_->refused();
        });
        if (refused != records.end()) {
            return static_cast<std::size_t>(refused - records.begin());
        }
    }
    const std::optional<std::uint32_t> suspect = is_misled_ ? std::nullopt : this->suspect();
    const auto found = suspect ? std::find(records.begin(), records.end(), *suspect) : records.end();
    is_misled_ = is_misled_ || found == records.end();
    return found == records.end() ? records.size() / 2 : static_cast<std::size_t>(found - records.begin());
}

// How many records are tried together: all, until one has failed. Then so many that the statements, and what is applied
// in vain with a record that fails, cost least together: of those that go well between two failures, the square root of
// twice their number times the cost of a statement.
std::size_t BatchApplier::window() const {
    const auto failed = static_cast<double>(state_.failed);
    return state_.failed == 0
               ? std::numeric_limits<std::size_t>::max()
               : static_cast<std::size_t>(std::max(
                     kLeastWindow, std::sqrt(2 * kStatementCost * static_cast<double>(state_.settled) / failed)));
}

// After a failure those before the suspect are applied, then the suspect alone.
void BatchApplier::apply_narrowed(Indexes records) {
    bool has_suspect = false;
    std::size_t before = 0;  // the suspect
    while (!records.empty()) {
        const std::size_t wanted = has_suspect ? std::max<std::size_t>(before, 1) : window();
        const Indexes part = records.first(std::min(wanted, records.size()));
        std::optional<PgError> error = try_set(part);
        if (error && part.size() > 1) {
            is_misled_ = is_misled_ || has_suspect;  // those before the suspect had not failed
            forget(*error);
            before = place_of_suspect(part);
            has_suspect = true;
            continue;
        }
        if (error) {
            reject(part.front(), *error);
            ++state_.failed;
        }
        state_.settled += part.size();
        records = records.subspan(part.size());
        has_suspect = has_suspect && before > 0;
        before = 0;
    }
}

void BatchApplier::apply_in_turn(std::span<const Indexes> sets) {
    std::size_t window = kWindowSets;
    while (!sets.empty()) {
        const std::size_t size = std::min(window, sets.size());
        std::size_t reached = 0;
        std::optional<PgError> error = try_apply([&] {
            for (reached = 0; reached < size; ++reached) {
                apply_set(sets[reached]);
            }
        });
        if (!error) {
            sets = sets.subspan(size);
            window = kWindowSets;
            continue;
        }
        if (!rejects(*error)) {
            throw PgError(*error);
        }
        if (wants_another_try(*error)) {
            continue;
        }
        if (reached > 0) {
            window = reached;  // what went well is applied again without the one that failed
            forget(*error);
            continue;
        }
        if (sets.front().size() == 1) {
            reject(sets.front().front(), *error);
        } else {
            forget(*error);
            apply_narrowed(sets.front());
        }
        sets = sets.subspan(1);
        window = kWindowSets;
    }
}

void BatchApplier::reject(std::uint32_t record, const PgError& error) {
    const ErrorData* data = error.data();
    const bool not_permitted = is_refused_by_policy(error);
    const TargetColumn* refused = statements_.refused_column();
    const RefusedCell cell = refused == nullptr
                                 ? RefusedCell{}
                                 : refused_cell(target_, *refused, this->record(record), statements_.refused_text());
    const IssueCode code = not_permitted                ? IssueCode::not_permitted
                           : is_refused_by_guard(error) ? IssueCode::role_not_grantable
                           : refused != nullptr         ? IssueCode::invalid_value
                                                        : IssueCode::database_error;
    Issue issue = make_issue(code, cell.column, cell.value, std::string(or_empty(data->message)),
                             one_line(std::string(or_empty(data->hint))));
    issue.has_value = !cell.value.empty();
    if (issue.hint.empty() && is_near_empty_value(cell.value)) {
        issue.hint = empty_value_hint(cell.column);
    }
    issue.detail = one_line(std::string(or_empty(data->detail)));
    issue.sqlstate = unpack_sql_state(data->sqlerrcode);
    for (const TargetColumn& column : target_.values) {
        if (data->column_name != nullptr && column.name == data->column_name) {
            issue.column = column.field;
        }
    }
    forget(error);
    results_[record].outcome = Outcome::rejected;
    results_[record].issues = {std::move(issue)};
}

const ArrayType* BatchApplier::checked_roles(std::uint32_t index) {
    const ArrayType* roles = merged_roles(index);
    if (roles != nullptr) {
        statements_.require_roles(roles);
    }
    return roles;
}

void BatchApplier::set_result(std::uint32_t record, Outcome outcome, std::vector<Issue> issues) {
    results_[record].outcome = outcome;
    results_[record].issues = std::move(issues);
}

void BatchApplier::refuse(std::uint32_t record) {
    set_result(record, Outcome::rejected, {not_permitted_issue(this->record(record).user_name)});
}

const CustomerRow* BatchApplier::read_back_as_owner() {
    const TableOwnerScope owner(target_);
    return statements_.read_back();
}

void BatchApplier::refuse_new_name() {
    call([] {
        ereport(ERROR, (errcode(ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION),
                        errmsg("a trigger of the customers table has changed the user name"),
                        errhint("Write it in the file as the trigger writes it.")));
    });
    pg_unreachable();
}

void BatchApplier::refuse_unwritten() {
    call([] {
        ereport(ERROR, (errcode(ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION), errmsg("a customer was not written")));
    });
    pg_unreachable();
}

void BatchApplier::require_names_kept(const std::vector<std::uint32_t>& written, const CustomerRow* after) {
    const auto is_missing_in = [](const CustomerRow* rows) {
        return [rows](std::uint32_t index) { return !rows[index].found; };
    };
    if (std::any_of(written.begin(), written.end(), is_missing_in(after)) &&
        std::any_of(written.begin(), written.end(), is_missing_in(read_back_as_owner()))) {
        refuse_new_name();
    }
}

void BatchApplier::log_rewritten(Change& change, const RowBefore& before, const CustomerRow& after) {
    Codes roles;
    read_role_set(after.roles, roles);
    change.added.clear();
    change.removed.clear();
    add_difference(roles, before.roles, change.added);
    add_difference(before.roles, roles, change.removed);
    for (std::string_view& code : change.added) {
        code = memory_.keep(code);
    }
    change.fields.clear();
    for (std::size_t column = 0; column < columns_.size(); ++column) {
        FieldChange field{target_.values[column].field, before.values[column], memory_.kept_text(column, after)};
        if (field.before != field.after) {
            change.fields.push_back(field);
        }
    }
}

// Keeps a text until the next batch.
}  // namespace customer_import::pg
