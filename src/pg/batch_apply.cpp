// How a batch is applied: in which order, in which subtransactions, and what happens on an error. What becomes of a
// single record is decided in batch_decide.cpp.
#include "pg/batch_apply.h"

#include <algorithm>
#include <numeric>
#include <string_view>

#include "core/report.h"

namespace customer_import::pg {

namespace {

constexpr int kMaxAttempts = 10;             // against writers that keep changing the same customer
constexpr std::size_t kWindowRecords = 1000; // applied one by one that share a subtransaction
constexpr std::size_t kAllNew = 100;         // so many new customers in a row promise more of them

std::vector<ColumnIo> make_columns(const Target& target, MemoryContext context) {
    ContextScope scope(context);
    std::vector<ColumnIo> result;
    for (const TargetColumn& column : target.values) {
        result.emplace_back(column);
    }
    return result;
}

// A row that the caller's policies do not let him write. The server has no SQLSTATE of its own for it.
bool is_refused_by_policy(const PgError& error) {
    const char* function = error.data()->funcname;
    return error.sqlstate() == ERRCODE_INSUFFICIENT_PRIVILEGE && function != nullptr &&
           std::string_view(function) == "ExecWithCheckOptions";
}

// What a user's trigger made of a row passes the grant ceiling: the guard says so.
bool is_refused_by_guard(const PgError& error) {
    const char* constraint = error.data()->constraint_name;
    return error.sqlstate() == ERRCODE_INSUFFICIENT_PRIVILEGE && constraint != nullptr &&
           std::string_view(constraint) == kGrantCeiling;
}

// True for errors that are the record's fault: spec section 4.
bool rejects_record(const PgError& error) {
    if (is_refused_by_policy(error) || is_refused_by_guard(error)) {
        return true;
    }
    switch (ERRCODE_TO_CATEGORY(error.sqlstate())) {
        case MAKE_SQLSTATE('2', '2', '0', '0', '0'):
        case MAKE_SQLSTATE('2', '3', '0', '0', '0'):
        case MAKE_SQLSTATE('4', '4', '0', '0', '0'):
        case MAKE_SQLSTATE('P', '0', '0', '0', '0'):
            return true;
        default:
            return false;
    }
}

// Cannot be guessed, so that nobody else answers for the import.
std::int64_t make_token() {
    std::int64_t token = 0;
    if (!pg_strong_random(&token, sizeof token)) {
        throw ImportError(ERRCODE_INTERNAL_ERROR, "could not generate a random number");
    }
    return token;
}

std::string_view or_empty(const char* text) { return text == nullptr ? std::string_view() : std::string_view(text); }

}  // namespace

BatchApplier* BatchApplier::newest_ = nullptr;

BatchApplier::BatchApplier(const Target& target, const HeaderMap& header, ImportMode mode,
                           const RoleCatalogue& catalogue, std::int64_t records, ApplyState& state,
                           MemoryContext context)
    : older_(newest_),
      token_(make_token()),
      target_(target),
      mode_(mode),
      catalogue_(catalogue),
      columns_(make_columns(target, context)),
      statements_(token_, records, target, header, columns_, context),
      batch_context_(call([&] { return AllocSetContextCreate(context, "batch", ALLOCSET_DEFAULT_SIZES); })),
      state_(state) {
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

std::optional<std::string> BatchApplier::apply(const Batch& batch, const GrantCeiling* ceiling) {
    batch_ = &batch;
    ceiling_ = ceiling;
    changes_.clear();
    rejected_.clear();
    call([&] { MemoryContextReset(batch_context_); });
    ContextScope scope(batch_context_);
    results_.assign(batch.size(), {});
    if (target_.one_by_one) {
        std::vector<std::uint32_t> all(batch.size());
        std::iota(all.begin(), all.end(), 0);
        apply_in_order(all);
    } else {
        for (const std::vector<std::uint32_t>& round : make_rounds(batch.records())) {
            apply_halving(round);
        }
    }
    if (!gave_up()) {
        return std::nullopt;
    }
    return "the first " + format_count(kHopelessRecords) + " records applied all failed with SQLSTATE " +
           state_.first_sqlstate + ": " + results_[rejected_.back()].issues.front().message;
}

// Applies records of different customers; a failure is narrowed down to the records that cause it.
void BatchApplier::apply_halving(Indexes records) {
    if (gave_up()) {
        return;
    }
    std::size_t reached = 0;
    std::optional<PgError> error = try_apply(records, reached);
    while (error && retry_create(*error)) {
        error = try_apply(records, reached);
    }
    if (!error) {
        return;
    }
    if (!rejects_record(*error)) {
        throw PgError(*error);
    }
    if (records.size() == 1) {
        reject(records.front(), *error);
        return;
    }
    forget(*error);
    apply_halving(records.first(records.size() / 2));
    apply_halving(records.subspan(records.size() / 2));
}

// Applies each record by its own statements, in file order. Those that go well share a subtransaction: many small ones
// would slow down the whole server.
void BatchApplier::apply_in_order(Indexes records) {
    std::size_t window = kWindowRecords;
    while (!records.empty() && !gave_up()) {
        const std::size_t size = std::min(window, records.size());
        std::size_t reached = 0;
        std::optional<PgError> error = try_apply(records.first(size), reached);
        if (!error) {
            records = records.subspan(size);
            window = kWindowRecords;
            continue;
        }
        if (retry_create(*error)) {
            continue;
        }
        if (!rejects_record(*error)) {
            throw PgError(*error);
        }
        if (reached > 0) {
            window = reached;  // what went well is applied again without the one that failed
            forget(*error);
            continue;
        }
        reject(records.front(), *error);
        records = records.subspan(1);
        window = kWindowRecords;
    }
}

// Applies the records in a subtransaction of their own; on failure nothing of it remains, and `reached` is the record
// that failed where records are applied one by one.
std::optional<PgError> BatchApplier::try_apply(Indexes records, std::size_t& reached) {
    const std::size_t changes = changes_.size();
    std::optional<PgError> error = in_subtransaction([&] {
        if (!target_.one_by_one) {
            apply_records(records);
            return;
        }
        for (reached = 0; reached < records.size(); ++reached) {
            apply_records(records.subspan(reached, 1));
        }
    });
    if (error) {
        changes_.resize(changes);
        return error;
    }
    state_.hopeless = state_.hopeless && std::all_of(records.begin(), records.end(), [&](std::uint32_t record) {
                    return results_[record].outcome == Outcome::rejected;
                });
    return std::nullopt;
}

// A create that met an existing customer: one that was not searched for, that another session has just made, or that
// policies hide. From now on customers are searched for before a create; and when that was done, creates leave existing
// customers alone.
bool BatchApplier::retry_create(const PgError& error) {
    if (error.sqlstate() != ERRCODE_UNIQUE_VIOLATION || state_.unless_exists) {
        return false;
    }
    state_.unless_exists = !state_.expect_new;
    state_.expect_new = false;
    forget(error);
    return true;
}

void BatchApplier::reject(std::uint32_t record, const PgError& error) {
    const ErrorData* data = error.data();
    const bool not_permitted = is_refused_by_policy(error);
    const TargetColumn* refused = statements_.refused_column();  // its type does not take the cell
    const IssueCode code = not_permitted                ? IssueCode::not_permitted
                           : is_refused_by_guard(error) ? IssueCode::role_not_grantable
                           : refused != nullptr         ? IssueCode::invalid_value
                                                        : IssueCode::database_error;
    Issue issue = make_issue(code, refused != nullptr ? refused->field : "", statements_.refused_text(),
                             std::string(or_empty(data->message)), std::string(or_empty(data->hint)));
    issue.has_value = refused != nullptr;
    issue.detail = or_empty(data->detail);
    issue.sqlstate = unpack_sql_state(data->sqlerrcode);
    for (const TargetColumn& column : target_.values) {
        if (data->column_name != nullptr && column.name == data->column_name) {
            issue.column = column.field;
        }
    }
    forget(error);
    if (!not_permitted) {
        if (++state_.failures == 1) {
            state_.first_sqlstate = issue.sqlstate;
        }
        state_.hopeless = state_.hopeless && issue.sqlstate == state_.first_sqlstate;
    }
    rejected_.push_back(record);
    results_[record].outcome = Outcome::rejected;
    results_[record].issues = {std::move(issue)};
}

// Searches, decides and writes, again for customers that others changed in between.
void BatchApplier::apply_records(Indexes records) {
    std::vector<Attempt> todo(records.size());
    for (std::size_t index = 0; index < records.size(); ++index) {
        todo[index].record = records[index];
    }
    for (int attempts = 0; !todo.empty(); ++attempts) {
        if (attempts == kMaxAttempts) {
            throw ImportError(ERRCODE_T_R_SERIALIZATION_FAILURE,
                              "could not apply a record because its customer keeps changing", {},
                              "Import the file again.");
        }
        check_interrupts();
        start_attempt(std::move(todo));
        todo.clear();
        if (mode_ != ImportMode::create_only) {
            statements_.fill();
            statements_.update();
            todo = finish_updates();
        } else if (!state_.expect_new) {
            statements_.fill();
            statements_.look();
        }
        if (mode_ != ImportMode::update_only) {
            create_missing(todo);
        } else {
            settle_missing(todo);
        }
    }
}

void BatchApplier::start_attempt(std::vector<Attempt> attempts) {
    attempts_ = std::move(attempts);
    decisions_.clear();
    decisions_.resize(attempts_.size());
    statements_.clear();
    for (const Attempt& attempt : attempts_) {
        statements_.add(record(attempt), nullptr);
    }
}

// Returns those whose row was to be written and was not: another session has changed or deleted it meanwhile.
std::vector<BatchApplier::Attempt> BatchApplier::finish_updates() {
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
            again.push_back({attempts_[index].record, Attempt::Miss::unwritten, decision.tid, decision.xmin});
        }
    }
    const CustomerRow* after = target_.rewritten && !updated.empty() ? statements_.read_back() : nullptr;
    for (std::uint32_t index : updated) {
        log_update(index, after != nullptr && after[index].found ? &after[index] : nullptr);
        set_result(attempts_[index], Outcome::updated);
    }
    return again;
}

// Creates the customers that were not found.
void BatchApplier::create_missing(std::vector<Attempt>& again) {
    std::vector<Attempt> missing;
    std::size_t refused = 0;
    for (std::uint32_t index = 0; index < attempts_.size(); ++index) {
        if (decisions_[index].state != Decision::State::not_found) {
            continue;
        }
        if (refuse_lost_roles(attempts_[index]) || refuse_new_customer(attempts_[index])) {
            ++refused;
        } else {
            missing.push_back(attempts_[index]);
        }
    }
    if (state_.expect_new && refused > 0) {  // refused as new customers, but nobody has looked whether they are
        state_.expect_new = false;
        again = std::move(attempts_);
        return;
    }
    state_.expect_new = mode_ == ImportMode::create_only && !state_.unless_exists && missing.size() == attempts_.size() &&
                  (state_.expect_new || missing.size() >= kAllNew);
    if (state_.unless_exists) {
        missing = look_again(std::move(missing), again);
    }
    if (missing.empty()) {
        return;
    }
    attempts_ = std::move(missing);
    decisions_.clear();
    decisions_.resize(attempts_.size());
    statements_.clear();
    for (std::uint32_t index = 0; index < attempts_.size(); ++index) {
        merge_new_roles(record(attempts_[index]));
        decisions_[index].roles = keep_roles(merged_);
        statements_.add(record(attempts_[index]), decisions_[index].roles);
    }
    statements_.fill();
    if (state_.unless_exists) {
        create_unless_exists(again);
    } else {
        create();
    }
}

void BatchApplier::create() {
    const CustomerRow* after = nullptr;
    const std::uint64_t created = statements_.insert(after);
    if (created == 0 && attempts_.size() == 1) {  // a trigger did not let the row be written
        refuse(attempts_.front());
        return;
    }
    if (created != attempts_.size()) {
        throw ImportError(ERRCODE_INTERNAL_ERROR, "an insert of a batch wrote fewer rows than it was given");
    }
    if (target_.rewritten) {
        after = statements_.read_back();
    }
    for (std::uint32_t index = 0; index < attempts_.size(); ++index) {
        log_create(index, after != nullptr && after[index].found ? &after[index] : nullptr);
        set_result(attempts_[index], Outcome::created);
    }
}

// The statement does not tell which customers it created: a search does. None of them could be seen before.
void BatchApplier::create_unless_exists(std::vector<Attempt>& again) {
    statements_.insert_unless_exists();
    const CustomerRow* after = statements_.read_back();
    for (std::uint32_t index = 0; index < attempts_.size(); ++index) {
        if (!after[index].found) {
            refuse(attempts_[index]);
        } else if (TransactionIdIsCurrentTransactionId(after[index].xmin)) {
            log_create(index, &after[index]);
            set_result(attempts_[index], Outcome::created);
        } else {
            again.push_back({attempts_[index].record});
        }
    }
}

// Update Only: customers that were not found.
void BatchApplier::settle_missing(std::vector<Attempt>& again) {
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
        if (!refuse_lost_roles(attempt)) {
            set_result(attempt, Outcome::skipped, {not_found_issue(record(attempt).user_name)});
        }
    }
}

// Looks at customers whom the UPDATE did not come upon: another session may have created them meanwhile, or they can be
// seen and a policy keeps them from being updated. Returns those who cannot be seen either.
std::vector<BatchApplier::Attempt> BatchApplier::look_again(std::vector<Attempt> missing,
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
            if (attempt.miss == Attempt::Miss::unfound && same_version(attempt, decision.tid, decision.xmin)) {
                refuse(attempt);
            } else {
                again.push_back({attempt.record, Attempt::Miss::unfound, decision.tid, decision.xmin});
            }
        }
    }
    return unseen;
}

}  // namespace customer_import::pg
