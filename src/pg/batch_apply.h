// Step 5: applies a batch to the customers table, as the caller, so that his policies, the table's constraints and its
// triggers decide. Set-based: one statement finds the customers and updates those that change, one creates the others.
// A database error rejects the record that caused it, found by halving; on tables where order matters, records are
// applied one by one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/batch.h"
#include "core/change_page.h"
#include "core/grant_ceiling.h"
#include "core/header_map.h"
#include "core/import_mode.h"
#include "core/issue.h"
#include "core/role_catalogue.h"
#include "pg/batch_statements.h"
#include "pg/column_io.h"
#include "pg/guard.h"
#include "pg/server.h"
#include "pg/target.h"

namespace customer_import::pg {

// What became of one record of a batch.
struct RecordResult {
    Outcome outcome = Outcome::unchanged;
    std::vector<Issue> issues;
};

// What is learnt from batch to batch. Outlives the applier where an import takes several transactions.
struct ApplyState {
    bool expect_new = false;     // Create Only: all customers were new lately, so they are not searched for
    bool unless_exists = false;  // a create has met a customer that the search did not show
    bool hopeless = true;        // all records applied so far have failed with first_sqlstate
    int failures = 0;
    std::string first_sqlstate;
};

class BatchApplier {
public:
    // All arguments must outlive the object. `records` is how many there will be at the most; `context` holds what
    // lives longer than a batch. Needs an SPI connection.
    BatchApplier(const Target& target, const HeaderMap& header, ImportMode mode, const RoleCatalogue& catalogue,
                 std::int64_t records, ApplyState& state, MemoryContext context);
    ~BatchApplier();
    BatchApplier(const BatchApplier&) = delete;
    BatchApplier& operator=(const BatchApplier&) = delete;

    // Applies the records; `ceiling` is that of the operator who acts, nullptr for administrators. Afterwards results()[n] tells about record n, and changes() what was done, until the next
    // call; the batch must live as long. Errors that reject no record propagate as PgError. When the first
    // kHopelessRecords records applied have all failed with one SQLSTATE, stops and returns the reason to give up; then
    // only those of rejected() have a result.
    std::optional<std::string> apply(const Batch& batch, const GrantCeiling* ceiling);
    const std::vector<std::uint32_t>& rejected() const { return rejected_; }

    const std::vector<RecordResult>& results() const { return results_; }
    std::vector<Change>& changes() { return changes_; }

    static constexpr int kHopelessRecords = 1000;

    // Returns the applier whose statements run with this token. Throws ImportError (55000) when there is none.
    static BatchApplier& find(std::int64_t token);

    // What the statements call for each customer that they find: whether his row is to be written. Called again with
    // the newest version of the row when another session has changed it meanwhile; the last call counts.
    bool decide(std::uint32_t index, const CustomerRow& customer);

    // The roles that the last decide() of this index came to; nullptr: they stay as they are.
    const ArrayType* merged_roles(std::uint32_t index) const { return decisions_.at(index).roles; }

private:
    using Indexes = std::span<const std::uint32_t>;

    // A record to be applied; and what went wrong at the attempt before, with which version of its customer.
    struct Attempt {
        enum class Miss : std::uint8_t {
            none,
            unwritten,  // the statement came to write him, and did not
            unfound,    // the statement did not come upon him, but he can be seen
        };
        std::uint32_t record = 0;
        Miss miss = Miss::none;
        ItemPointerData tid{};
        TransactionId xmin = InvalidTransactionId;
    };

    // What decide() came to.
    struct Decision {
        enum class State : std::uint8_t { not_found, settled, changed };
        State state = State::not_found;  // settled: its result is set
        ItemPointerData tid{};
        TransactionId xmin = InvalidTransactionId;
        const ArrayType* roles = nullptr;
        Change change;
        std::vector<std::string_view> held;                   // of a row that may be rewritten: its roles before
        std::vector<std::optional<std::string_view>> before;  // and its values
    };

    bool gave_up() const { return state_.hopeless && state_.failures >= kHopelessRecords; }
    void apply_halving(Indexes records);
    void apply_in_order(Indexes records);
    std::optional<PgError> try_apply(Indexes records, std::size_t& reached);
    bool retry_create(const PgError& error);
    void reject(std::uint32_t record, const PgError& error);

    void apply_records(Indexes records);
    void start_attempt(std::vector<Attempt> attempts);
    std::vector<Attempt> finish_updates();
    void create_missing(std::vector<Attempt>& again);
    void create();
    void create_unless_exists(std::vector<Attempt>& again);
    void settle_missing(std::vector<Attempt>& again);
    std::vector<Attempt> look_again(std::vector<Attempt> missing, std::vector<Attempt>& again);

    static bool same_version(const Attempt& attempt, const ItemPointerData& tid, TransactionId xmin);
    bool take_lost_roles(const Attempt& attempt);
    void take_respelled(std::span<const std::string_view> codes);
    bool refuse_lost_roles(const Attempt& attempt);
    bool refuse_new_customer(const Attempt& attempt);
    void refuse_breach(const Attempt& attempt, const GrantCeiling::Breach& breach);
    bool decide_roles(const Record& record, Decision& decision);
    bool decide_values(std::uint32_t index, const CustomerRow& customer, Change& change);
    void keep_before(const CustomerRow& customer, Decision& decision);
    void merge_new_roles(const Record& record);
    void log_update(std::uint32_t index, const CustomerRow* after);
    void log_create(std::uint32_t index, const CustomerRow* after);
    std::optional<std::string_view> kept_text(std::size_t column, const CustomerRow& row);
    std::string_view keep(std::string_view text);
    const ArrayType* keep_roles(std::span<const std::string_view> codes);
    const Record& record(const Attempt& attempt) const { return batch_->records()[attempt.record]; }
    void refuse(const Attempt& attempt);
    void set_result(const Attempt& attempt, Outcome outcome, std::vector<Issue> issues = {});

    static BatchApplier* newest_;
    BatchApplier* const older_;    // of an import whose triggers import again
    const std::int64_t token_;
    const Target& target_;
    const ImportMode mode_;
    const RoleCatalogue& catalogue_;
    std::vector<ColumnIo> columns_;  // for each of target_.values
    BatchStatements statements_;

    // Of the batch that is applied.
    MemoryContext batch_context_;
    const Batch* batch_ = nullptr;
    const GrantCeiling* ceiling_ = nullptr;
    std::vector<RecordResult> results_;
    std::vector<Change> changes_;
    std::vector<std::uint32_t> rejected_;  // by an error of the database

    // Of the statements that are running.
    std::vector<Attempt> attempts_;
    std::vector<Decision> decisions_;  // parallel to attempts_
    std::vector<std::string_view> held_, lost_, kept_, merged_;

    ApplyState& state_;
};

}  // namespace customer_import::pg
