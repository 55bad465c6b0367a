// Step 5: applies a batch to the customers table, as the caller, so that the caller's policies and the constraints and
// triggers of the table hold. Determines in which order, in which subtransactions, and what happens on an error: a
// database error rejects the record that caused it, found by trying parts of the batch; on tables where order matters, records are
// applied one by one. Derived classes determine what is done with the records.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/batch.h"
#include "core/change_page.h"
#include "core/grant_ceiling.h"
#include "core/header_map.h"
#include "core/issue.h"
#include "core/role_catalog.h"
#include "pg/apply/batch_memory.h"
#include "pg/apply/batch_statements.h"
#include "pg/apply/home_rows.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"
#include "pg/table/column_io.h"
#include "pg/table/target.h"

namespace customer_import::pg {

// What became of one record of a batch.
struct RecordResult {
    Outcome outcome = Outcome::unchanged;
    std::vector<Issue> issues;
    // The customer's roles before and after, if they are watched; nullptr: there was no such customer. Those after are
    // only set where they have changed.
    const ArrayType* roles_before = nullptr;
    const ArrayType* roles_after = nullptr;
};

// What is learned from batch to batch. Outlives the applier where an import takes several transactions.
struct ApplyState {
    bool expect_new = false;        // Create Only: all customers were new lately, so they are not searched for
    bool unless_exists = false;     // a create has met a customer that the search did not show
    bool expect_unchanged = false;  // few customers had to be written lately, so they are looked at first
    std::uint64_t settled = 0;      // records that were applied together, or rejected
    std::uint64_t failed = 0;       // of them rejected by the table
    bool expect_absent = false;     // customers had no row lately, so none is fetched into the shadow at first
    bool expect_created = true;     // customers that are shipped as new had no row lately, so all are written or none
};

// Whether an error is the fault of a record that is being written; `while_reading`: of one that is being read, in a column
// of any type.
bool rejects_record(const PgError& error, bool while_reading);

class BatchApplier {
public:
    virtual ~BatchApplier();
    BatchApplier(const BatchApplier&) = delete;
    BatchApplier& operator=(const BatchApplier&) = delete;

    // Applies the records; `ceiling` is that of the acting operator, nullptr for administrators. Afterwards
    // results()[n] tells what became of record n, and changes() what was done, until the next call; the batch must live
    // as long. Errors that reject no record propagate as PgError.
    virtual void apply(const Batch& batch, const GrantCeiling* ceiling);

    const std::vector<RecordResult>& results() const { return results_; }

    // The issue of a record that has failed in the table: by an error of the database other than a policy's.
    std::optional<Issue> table_failure(std::uint32_t record) const;

    // Has the results hold the roles of customers.
    void watch_roles() { watches_roles_ = true; }
    std::vector<Change>& changes() { return changes_; }

    // Returns the applier whose statements run with this token. Throws ImportError (55000) when there is none.
    static BatchApplier& find(std::int64_t token);

    // What the statements call for each customer that they find: whether its row is to be written. Called again with
    // the newest version of the row when another session has changed it meanwhile; the last call counts.
    virtual bool decide(std::uint32_t index, const CustomerRow& customer) = 0;

    // The roles that the last decide() of this index came to; nullptr: they stay as they are.
    virtual const ArrayType* merged_roles(std::uint32_t index) const = 0;

    // The same on their way into the row. Raises an error if the type of the column does not take them.
    const ArrayType* checked_roles(std::uint32_t index);

protected:
    using Indexes = std::span<const std::uint32_t>;
    using Codes = std::vector<std::string_view>;
    static constexpr int kMaxTries = 10;  // against sessions that keep moving customers

    // All arguments must outlive the object. `records` is how many there will be at the most; `context` holds what
    // lives longer than a batch. Needs an SPI connection.
    BatchApplier(const Target& target, const HeaderMap& header, const RoleCatalog& catalog, std::int64_t records,
                 ApplyState& state, MemoryContext context);

    // Applies records of different customers, or a single one.
    virtual void apply_records(Indexes records) = 0;

    // Applies several records of each of these customers, and writes each customer once: what its records, one after
    // another, leave of its row. Adds to `left` the records that are for apply_records(), from one on to the customer's
    // last.
    virtual void write_once(std::span<const Indexes> customers, std::vector<Indexes>& left) = 0;

    // Whether a customer that is not found is created, so that one whose row was not fetched shows when it is shipped.
    virtual bool creates_missing() const { return false; }

    // The rows of the records' customers have been fetched from where they are: what others have done to them up to now
    // is in them. Only called where the engine writes a shadow.
    virtual void fetched() {}

    // Applies records of different customers; a failure is narrowed down to the records that cause it.
    void apply_narrowed(Indexes records);
    // Applies sets of records of different customers one after another, each by its own statements. Those that go well
    // share a subtransaction: many small ones would slow down the whole server, and a row that each of them locks
    // collects all of their locks.
    void apply_in_turn(std::span<const Indexes> sets);
    // Runs `body` in a subtransaction of its own; on failure nothing of it remains, not even in changes_. Again where it
    // has met a customer on the move.
    template <typename Body>
    std::optional<PgError> try_apply(Body&& body) {
        const std::size_t changes = changes_.size();
        for (int tries = 1;; ++tries) {
            std::optional<PgError> error = in_subtransaction(body);
            if (!error) {
                return error;
            }
            forget_changes(changes);
            if (tries == kMaxTries || !is_on_the_move(*error)) {
                return error;
            }
            forget(*error);
        }
    }
    // The changes after the first `kept` ones were taken back.
    virtual void forget_changes(std::size_t kept);
    // Those of these customers were, of the changes after the first `known` ones.
    virtual void forget_customers(std::size_t known, const std::set<std::string_view>& customers);
    // Whether the error may come from a customer that another session has given a name of another partition meanwhile:
    // the server does not follow it there. Now the customer has its new name, as one of a plain table has at once.
    bool is_on_the_move(const PgError& error) const;
    // True for errors that are a record's fault.
    bool rejects(const PgError& error) const;

    // The record that apply_records() had come to when it failed, if that is known. A trigger that fires at the end of a
    // statement fails for any of its records.
    virtual std::optional<std::uint32_t> suspect() const { return std::nullopt; }

    // Whether records that the error would reject are to be applied once more: the failure was ours. Frees the error
    // then.
    virtual bool wants_another_try(const PgError&) { return false; }

    const Record& record(std::uint32_t number) const { return batch_->records()[number]; }
    void set_result(std::uint32_t record, Outcome outcome, std::vector<Issue> issues = {});
    void refuse(std::uint32_t record);

    // The rows of the statement as the owner of the table sees them, hidden from the caller or not.
    const CustomerRow* read_back_as_owner();
    // Raises the error of the database that rejects a record whose customer a trigger has given another user name: the
    // log would name another customer, and no undo would find this one.
    [[noreturn]] static void refuse_new_name();
    // Does the same for a customer that was to be written once for several records, and was not: they are applied one
    // by one.
    [[noreturn]] static void refuse_unwritten();
    // Does so when `after` does not show one of the rows that were written, and the table does not have it.
    void require_names_kept(const std::vector<std::uint32_t>& written, const CustomerRow* after);
    // Makes the change say what has become of the row.
    void log_rewritten(Change& change, const RowBefore& before, const CustomerRow& after);

    const Target& target_;
    const RoleCatalog& catalog_;
    std::vector<ColumnIo> columns_;  // for each of target_.values
    const std::int64_t token_;
    BatchStatements statements_;
    ApplyState& state_;
    bool watches_roles_ = false;

    // Of the batch that is applied.
    MemoryContext batch_context_;
    BatchMemory memory_;
    const Batch* batch_ = nullptr;
    const GrantCeiling* ceiling_ = nullptr;
    std::vector<RecordResult> results_;
    std::vector<Change> changes_;

private:
    // Apply records as apply_records() and write_once() do, to rows that are fetched before and shipped afterwards
    // where the engine writes a shadow.
    void apply_set(Indexes records);
    std::optional<PgError> try_set(Indexes records);
    std::size_t place_of_suspect(Indexes records);
    std::size_t window() const;
    void write_set(std::span<const Indexes> customers, std::vector<Indexes>& left);
    void fetch(std::vector<std::string_view> names);
    void add_undecided(Indexes records, std::size_t known, std::set<std::string_view>& names) const;
    // Apply the batch on a table where only the order of each customer's records matters.
    void apply_customers();
    void apply_rounds();
    void apply_at_once(std::span<const Indexes> customers, std::vector<Indexes>& left);
    void reject(std::uint32_t record, const PgError& error);

    std::optional<HomeRows> home_;
    bool is_misled_ = false;  // suspect() was wrong in this batch
    static BatchApplier* newest_;
    BatchApplier* const older_;  // of an import whose triggers import again
};

}  // namespace customer_import::pg
