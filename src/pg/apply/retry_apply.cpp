#include "pg/apply/retry_apply.h"
#include "core/code_finder.h"

#include <algorithm>
#include <iterator>

#include "pg/history/change_reader.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

using Key = ChangeHistory::Key;

namespace {

constexpr int kMaxLockings = 10;  // against imports that keep changing the same customers

// Thrown when another import has changed a customer after its history was read.
struct ChangedMeanwhile {};

}  // namespace

RetryApplier::RetryApplier(std::int64_t source_import_id, std::int64_t retry_import_id, const Target& target,
                           const HeaderMap& header, ImportMode mode, const RoleCatalog& catalog, std::int64_t records,
                           ApplyState& state, MemoryContext context)
    : ImportApplier(target, header, mode, catalog, records, state, context), header_(header) {
    OwnerScope owner;
    chain_.push_back(retry_import_id);
    std::optional<std::int64_t> next = source_import_id;
    while (next) {  // through retries of retries, back to the first import
        chain_.push_back(*next);
        began_ = import_began(*next).value_or(began_);
        const std::vector<Row> rows = query(
            "SELECT source_import_id FROM customer_import.imports WHERE id = $1 AND mode = 'retry'",
            {parameter(*next)});
        next = rows.empty() || !rows.front()[0] ? std::nullopt : std::optional(std::stoll(*rows.front()[0]));
    }
}

void RetryApplier::read_histories(const Batch& batch) {
    histories_.clear();
    entries_ = 0;
    snapshot_.take();
    for (const Record& record : batch.records()) {
        histories_.try_emplace(std::string(record.user_name));
    }
    ContextScope scope(batch_context_);
    read_changes(batch, began_, [&](const LoggedChange& logged) {
        History& history = histories_.find(logged.change.user_name)->second;
        ++entries_;
        history.history.add(logged.import_id, logged.source, logged.change.line, logged.change, logged.applied_at);
        for (const auto* codes : {&logged.change.removed, &logged.change.added}) {
            for (const std::string_view code : *codes) {
                history.codes.insert_or_assign(ascii_lower(code), std::string(code));
            }
        }
    });
}

// In the file that the records come from, the lines after a record came later.
bool RetryApplier::is_superseded(const History& history, const Key& key, std::int64_t line) const {
    return history.history.is_superseded(key, [&](const ChangeHistory::Entry& entry) {
        return std::find(chain_.begin(), chain_.end(), entry.import_id) == chain_.end() || entry.line > line;
    });
}

std::span<const std::string_view> RetryApplier::open_codes(std::span<const std::string_view> codes,
                                                           const History& history, std::int64_t line,
                                                           std::vector<Issue>& issues) {
    std::vector<std::string_view> open;
    for (const std::string_view code : codes) {
        if (is_superseded(history, Key::role(code), line)) {
            issues.push_back(superseded_issue("roles", code));
        } else {
            open.push_back(code);
        }
    }
    return kept_.keep_codes(open);
}

// A `roles` cell says of each code whether the customer is to hold it, whether it names the code or not.
void RetryApplier::settle_superseded_codes(Record& record, const History& history, std::vector<Issue>& issues) {
    std::map<std::string, std::string> codes = history.codes;
    for (const auto named : {record.replace_roles, record.lost_roles}) {
        for (const std::string_view code : named) {
            codes.insert_or_assign(ascii_lower(code), std::string(code));
        }
    }
    std::vector<std::string_view> superseded;
    for (const auto& [folded, code] : codes) {
        if (is_superseded(history, Key::role(folded), record.line)) {
            superseded.push_back(kept_.keep(code));
            issues.push_back(superseded_issue("roles", code));
        }
    }
    if (is_superseded(history, Key::existence(), record.line)) {  // and with the customer all codes, named or not
        if (superseded.empty()) {
            issues.push_back(superseded_issue("roles", {}));
        }
        record.replaces_roles = false;
        record.replace_roles = record.lost_roles = {};
        return;
    }
    const CodeFinder settled(superseded, check_interrupts);
    const auto without_superseded = [&](std::span<const std::string_view> named) {
        std::vector<std::string_view> open;
        std::copy_if(named.begin(), named.end(), std::back_inserter(open),
                     [&](std::string_view code) { return !settled.contains(code); });
        return kept_.keep_codes(open);
    };
    record.replace_roles = without_superseded(record.replace_roles);
    record.lost_roles = without_superseded(record.lost_roles);
    record.settled_roles = kept_.keep_codes(superseded);
}

std::vector<Issue> RetryApplier::leave_out_superseded(Record& record, const History& history) {
    std::vector<Issue> issues;
    if (record.replaces_roles) {
        settle_superseded_codes(record, history, issues);
    } else {
        record.add_roles = open_codes(record.add_roles, history, record.line, issues);
        record.remove_roles = open_codes(record.remove_roles, history, record.line, issues);
        record.lost_roles = open_codes(record.lost_roles, history, record.line, issues);
    }
    const std::span<Cell> cells = kept_.make_cells(record.cells.size());
    for (std::size_t cell = 0; cell < cells.size(); ++cell) {
        cells[cell] = record.cells[cell];
        const auto field = static_cast<std::size_t>(header_.value_fields()[cell]);
        const std::string& name = header_.fields()[field].name;
        if (cells[cell].action != Cell::Action::keep && is_superseded(history, Key::field(name), record.line)) {
            issues.push_back(superseded_issue(name, cells[cell].text));
            cells[cell] = {};
        }
    }
    record.cells = cells;
    return issues;
}

namespace {

bool says_nothing(const Record& record) {
    return !record.replaces_roles && record.add_roles.empty() && record.remove_roles.empty() &&
           record.lost_roles.empty() && std::all_of(record.cells.begin(), record.cells.end(), [](const Cell& cell) {
               return cell.action == Cell::Action::keep;
           });
}

}  // namespace

// What a later import has written stays, also when it commits while this one waits for a customer.
void RetryApplier::apply(const Batch& batch, const GrantCeiling* ceiling) {
    const ApplyState before = state_;
    for (int attempt = 1;; ++attempt) {
        try {
            if (std::optional<PgError> error = in_subtransaction([&] {
                    apply_known(batch, ceiling);
                    if (met_unknown()) {
                        throw ChangedMeanwhile();
                    }
                })) {
                throw PgError(*error);
            }
            return;
        } catch (const ChangedMeanwhile&) {
            if (attempt == kMaxLockings) {
                throw ImportError(ERRCODE_T_R_SERIALIZATION_FAILURE,
                                  "could not retry a record because its customer keeps changing", {},
                                  "Retry once more.");
            }
            state_ = before;
        }
    }
}

// The records are what was left of them by histories that are older than the rows: another import may have come between.
void RetryApplier::fetched() {
    if (snapshot_.is_latest()) {
        return;
    }
    const std::size_t before = entries_;
    read_histories(*source_);
    if (entries_ != before) {
        meet_unknown();
    }
}

void RetryApplier::apply_known(const Batch& batch, const GrantCeiling* ceiling) {
    source_ = &batch;
    read_histories(batch);
    kept_.clear();
    origin_.clear();
    std::vector<std::vector<Issue>> issues(batch.size());
    for (std::uint32_t index = 0; index < batch.size(); ++index) {
        Record record = batch.records()[index];
        const History& history = histories_.find(record.user_name)->second;
        if (!history.history.entries().empty()) {
            issues[index] = leave_out_superseded(record, history);
        }
        if (issues[index].empty() || !says_nothing(record)) {
            kept_.add(record);
            origin_.push_back(index);
        }
    }
    ImportApplier::apply(kept_, ceiling);
    std::vector<RecordResult> results(batch.size());
    for (std::uint32_t index = 0; index < batch.size(); ++index) {
        results[index].outcome = Outcome::skipped;
    }
    for (std::size_t index = 0; index < origin_.size(); ++index) {
        results[origin_[index]] = std::move(results_[index]);
    }
    for (std::uint32_t index = 0; index < batch.size(); ++index) {
        if (results[index].outcome != Outcome::rejected) {
            if (results[index].outcome == Outcome::unchanged && !issues[index].empty()) {
                results[index].outcome = Outcome::skipped;
            }
            std::move(issues[index].begin(), issues[index].end(), std::back_inserter(results[index].issues));
        }
    }
    results_ = std::move(results);
}

}  // namespace customer_import::pg
