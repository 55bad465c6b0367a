#include "pg/apply/import_apply.h"

#include <algorithm>
#include <numeric>

#include "pg/access/role_catalog.h"

namespace customer_import::pg {

namespace {

constexpr int kMaxSearches = 10;       // against writers that keep changing the same customer
constexpr std::size_t kAllNew = 100;   // so many new customers in a row promise more of them
constexpr std::size_t kSample = 100;   // records that tell how many of the next ones will change their customer
constexpr std::size_t kFewChange = 4;  // one of so many, or fewer

}  // namespace

void ImportApplier::apply(const Batch& batch, const GrantCeiling* ceiling) {
    met_unknown_ = false;
    may_expect_new_ = true;
    stage_ = Stage::record_by_record;
    statements_.trust(judges_as_guard(ceiling));
    BatchApplier::apply(batch, ceiling);
}

// Whether the guard would judge rows of this batch by the same rules as decide(): the role codes that there are now,
// and which of them are privileged. The right to edit customers, which it asks for where who acts through a gateway has
// no row security, was asked for before the batch.
bool ImportApplier::judges_as_guard(const GrantCeiling* ceiling) const {
    if (target_.rewritten) {
        return false;
    }
    const RoleCatalog& current = cached_catalog();
    return current.covers(catalog_) && (ceiling == nullptr || current.protects_as(ceiling->catalog()));
}

// A create has met an existing customer: one that was not searched for, that another session has just created, or that
// policies keep from being updated; in the first and the last case the row to be created may have violated another rule
// first. From now on, at least to the end of the batch, customers are searched for before a create; and where that was
// done, creates leave existing customers alone.
bool ImportApplier::wants_another_try(const PgError& error) {
    may_expect_new_ = false;
    state_.expect_new = false;
    if (state_.unless_exists ||
        (has_searched_ && error.sqlstate() != ERRCODE_UNIQUE_VIOLATION && !target_.has_policies)) {
        return false;
    }
    state_.unless_exists = has_searched_;
    forget(error);
    return true;
}

std::optional<std::uint32_t> ImportApplier::suspect() const {
    const std::size_t reached = statements_.reached();
    return reached < attempts_.size() ? std::optional(attempts_[reached].record) : std::nullopt;
}

// Searches, decides and writes, again for customers that others changed in between.
void ImportApplier::apply_records(Indexes records) {
    stage_ = Stage::record_by_record;
    std::vector<Attempt> todo(records.size());
    for (std::size_t index = 0; index < records.size(); ++index) {
        todo[index].record = records[index];
    }
    bool are_few = false;  // of those that were looked at
    for (int attempts = 0; !todo.empty(); ++attempts) {
        if (attempts == kMaxSearches) {
            throw ImportError(ERRCODE_T_R_SERIALIZATION_FAILURE,
                              "could not apply a record because its customer keeps changing", {},
                              "Import the file again.");
        }
        check_interrupts();
        start_attempt(std::move(todo));
        todo.clear();
        has_searched_ = updates(mode_) || !state_.expect_new;
        const bool looks_first = attempts == 0 && updates(mode_) && state_.expect_unchanged &&
                                 statements_.meets_most_rows();
        if (looks_first) {
            look_in_order();
            todo = take_changed();
            are_few = true;
        } else if (updates(mode_)) {
            statements_.fill();
            statements_.update(are_few);
            todo = finish_updates();
        } else if (!state_.expect_new) {
            statements_.fill();
            statements_.look();
        }
        if (creates(mode_)) {
            create_missing(todo);
        } else {
            settle_missing(todo);
        }
    }
}

void ImportApplier::start_attempt(std::vector<Attempt> attempts) {
    attempts_ = std::move(attempts);
    clear_decisions();
    statements_.clear();
    for (const Attempt& attempt : attempts_) {
        statements_.add(record(attempt), nullptr);
    }
}

void ImportApplier::clear_decisions() {
    decisions_.assign(attempts_.size(), {});
    entries_.clear();
}

// Has each customer decided without writing any, where most of them change nothing: they cost a third less.
void ImportApplier::look_in_order() {
    statements_.look_in_order(
        [](void* self, std::uint32_t index, const CustomerRow& customer) {
            static_cast<ImportApplier*>(self)->decide(index, customer);
        },
        this);
}

// Returns those that change, for the statement that writes them; it decides again. A policy may let a customer be seen
// and not be updated: that matters to those that change, and is noticed as ever.
std::vector<ImportApplier::Attempt> ImportApplier::take_changed() {
    std::vector<Attempt> changed;
    for (std::uint32_t index = 0; index < attempts_.size(); ++index) {
        Decision& decision = decisions_[index];
        if (decision.state == Decision::State::changed) {
            decision.state = Decision::State::settled;
            changed.push_back({attempts_[index].record});
        }
    }
    learn_from(attempts_.size(), changed.size());
    return changed;
}

void ImportApplier::learn_from(std::size_t records, std::size_t changed) {
    if (records >= kSample) {
        state_.expect_unchanged = changed * kFewChange <= records;
    }
}

// Returns those whose row was to be written and was not: another session has changed or deleted it meanwhile.
std::vector<ImportApplier::Attempt> ImportApplier::finish_updates() {
    std::vector<Attempt> again;
    std::vector<std::uint32_t> updated;
    for (std::uint32_t index = 0; index < attempts_.size(); ++index) {
        const Decision& decision = decisions_[index];
        if (decision.state != Decision::State::changed) {
            continue;
        }
        if (statements_.written()[index] != 0) {
            updated.push_back(index);
        } else {
            again.push_back({attempts_[index].record, Attempt::Miss::unwritten, decision.version});
        }
    }
    learn_from(attempts_.size(), updated.size() + again.size());
    const CustomerRow* after = target_.rewritten && !updated.empty() ? statements_.read_back() : nullptr;
    if (after != nullptr) {
        require_names_kept(updated, after);
    }
    for (std::uint32_t index : updated) {
        log_update(index, after != nullptr && after[index].found ? &after[index] : nullptr);
        set_result(attempts_[index], Outcome::updated);
    }
    return again;
}

// Creates the customers that were not found.
void ImportApplier::create_missing(std::vector<Attempt>& again) {
    std::vector<Attempt> missing;
    for (std::uint32_t index = 0; index < attempts_.size(); ++index) {
        if (decisions_[index].state == Decision::State::not_found) {
            missing.push_back(attempts_[index]);
        }
    }
    if (state_.unless_exists) {
        missing = look_again(std::move(missing), again);
    }
    const bool all_are_new = missing.size() == attempts_.size();
    const auto first_refused = std::stable_partition(
        missing.begin(), missing.end(), [&](const Attempt& attempt) { return !refuse_new_customer(attempt); });
    std::vector<Attempt> refused(first_refused, missing.end());
    missing.erase(first_refused, missing.end());
    if (state_.expect_new && !refused.empty()) {  // refused as new, but it was not checked whether they are
        state_.expect_new = false;
        again = std::move(attempts_);
        return;
    }
    state_.expect_new = !updates(mode_) && may_expect_new_ && !state_.unless_exists && all_are_new && refused.empty() &&
                        (state_.expect_new || missing.size() >= kAllNew);
    if (target_.has_policies && !state_.unless_exists) {
        look_again(std::move(refused), again);
    }
    if (missing.empty()) {
        return;
    }
    attempts_ = std::move(missing);
    clear_decisions();
    statements_.clear();
    for (std::uint32_t index = 0; index < attempts_.size(); ++index) {
        merge_new_roles(record(attempts_[index]));
        decisions_[index].entry = index;
        entries_.emplace_back().change.added = merged_;
        decisions_[index].roles = memory_.keep_roles(merged_);
        statements_.add(record(attempts_[index]), decisions_[index].roles);
    }
    statements_.fill();
    if (state_.unless_exists) {
        create_unless_exists(again);
    } else {
        create();
    }
}

void ImportApplier::create() {
    const CustomerRow* after = nullptr;
    const std::uint64_t created = statements_.insert(after);
    if (created == 0 && attempts_.size() == 1) {  // a trigger did not let the row be written
        refuse(attempts_.front().record);
        return;
    }
    if (created != attempts_.size()) {  // nor some of these: as an error that is narrowed down to those
        call([] {
            ereport(ERROR, (errcode(ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION),
                            errmsg("a trigger did not let all rows of a batch be written")));
        });
    }
    if (target_.rewritten) {
        std::vector<std::uint32_t> all(attempts_.size());
        std::iota(all.begin(), all.end(), 0);
        after = statements_.read_back();
        require_names_kept(all, after);
    }
    for (std::uint32_t index = 0; index < attempts_.size(); ++index) {
        log_create(index, after != nullptr && after[index].found ? &after[index] : nullptr);
        set_result(attempts_[index], Outcome::created);
    }
}

// The statement does not tell which customers it created: a search does. None of them could be seen before.
void ImportApplier::create_unless_exists(std::vector<Attempt>& again) {
    const auto is_new = [](const CustomerRow& row) {
        return row.found && TransactionIdIsCurrentTransactionId(row.version.xmin);
    };
    const std::uint64_t inserted = statements_.insert_unless_exists();
    const CustomerRow* after = statements_.read_back();
    const CustomerRow* hidden = nullptr;
    if (inserted > static_cast<std::uint64_t>(std::count_if(after, after + attempts_.size(), is_new))) {
        hidden = read_back_as_owner();
        if (inserted != static_cast<std::uint64_t>(std::count_if(hidden, hidden + attempts_.size(), is_new))) {
            refuse_new_name();
        }
    }
    for (std::uint32_t index = 0; index < attempts_.size(); ++index) {
        const CustomerRow& row = !after[index].found && hidden != nullptr ? hidden[index] : after[index];
        if (is_new(row)) {
            log_create(index, &row);
            set_result(attempts_[index], Outcome::created);
        } else if (after[index].found) {
            again.push_back({attempts_[index].record});
        } else {
            refuse(attempts_[index].record);
        }
    }
}

// Update Only: customers that were not found.
void ImportApplier::settle_missing(std::vector<Attempt>& again) {
    std::vector<Attempt> missing;
    for (std::uint32_t index = 0; index < attempts_.size(); ++index) {
        if (decisions_[index].state == Decision::State::not_found) {
            missing.push_back(attempts_[index]);
        }
    }
    if (target_.has_policies) {
        missing = look_again(std::move(missing), again);
    }
    for (const Attempt& attempt : missing) {
        if (!refuse_missing(attempt)) {
            set_result(attempt, Outcome::skipped, {not_found_issue(record(attempt).user_name)});
        }
    }
}

// Looks at customers that the UPDATE did not find: another session may have created them meanwhile, or they can be seen
// and a policy keeps them from being updated. Returns those that cannot be seen either.
std::vector<ImportApplier::Attempt> ImportApplier::look_again(std::vector<Attempt> missing,
                                                              std::vector<Attempt>& again) {
    if (missing.empty()) {
        return missing;
    }
    start_attempt(std::move(missing));
    statements_.fill();
    statements_.look();
    std::vector<Attempt> unseen;
    for (std::uint32_t index = 0; index < attempts_.size(); ++index) {
        const Attempt& attempt = attempts_[index];
        const Decision& decision = decisions_[index];
        if (decision.state == Decision::State::not_found) {
            unseen.push_back(attempt);
        } else if (decision.state == Decision::State::changed) {
            if (attempt.miss == Attempt::Miss::unfound && attempt.version == decision.version) {
                refuse(attempt.record);
            } else {
                again.push_back({attempt.record, Attempt::Miss::unfound, decision.version});
            }
        }
    }
    return unseen;
}

}  // namespace customer_import::pg
