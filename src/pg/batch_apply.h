// Step 5: applies a batch to the customers table, as the caller, so that his policies, the table's constraints and its
// triggers decide. Set-based: one statement finds the customers, one updates, one creates. A database error rejects the
// record that caused it, found by halving; on tables where order matters, records are applied one by one.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/batch.h"
#include "core/change_page.h"
#include "core/header_map.h"
#include "core/import_mode.h"
#include "core/issue.h"
#include "core/role_catalogue.h"
#include "core/role_set.h"
#include "pg/column_io.h"
#include "pg/customer_rows.h"
#include "pg/guard.h"
#include "pg/server.h"
#include "pg/statement.h"
#include "pg/target.h"

namespace customer_import::pg {

// What became of one record of a batch.
struct RecordResult {
    Outcome outcome = Outcome::unchanged;
    std::vector<Issue> issues;
};

// Thrown when an import is given up: everything that it applied must be taken back.
class ImportFailed : public std::exception {
public:
    explicit ImportFailed(std::string reason) : reason_(std::move(reason)) {}
    const std::string& reason() const { return reason_; }
    const char* what() const noexcept override { return reason_.c_str(); }

private:
    std::string reason_;
};

class BatchApplier {
public:
    // All arguments must outlive the object. `context` holds what lives longer than a batch. Needs an SPI connection.
    BatchApplier(const Target& target, const HeaderMap& header, ImportMode mode, const RoleCatalogue& catalogue,
                 MemoryContext context);
    BatchApplier(const BatchApplier&) = delete;
    BatchApplier& operator=(const BatchApplier&) = delete;

    // Applies the records. Afterwards results()[n] tells about record n, and changes() what was done, until the next
    // call; the batch must live as long. Errors that reject no record propagate as PgError. Throws ImportFailed when the
    // first kHopelessRecords records applied have all failed with one SQLSTATE.
    void apply(const Batch& batch);

    const std::vector<RecordResult>& results() const { return results_; }
    std::vector<Change>& changes() { return changes_; }

    static constexpr int kHopelessRecords = 1000;

private:
    using Indexes = std::span<const std::uint32_t>;

    // A record to be applied, and the version of its customer that could not be updated at the attempt before.
    struct Attempt {
        std::uint32_t record = 0;
        const CustomerRow* customer = nullptr;
    };

    // A row to be written for a record.
    struct Write {
        std::uint32_t record = 0;
        const CustomerRow* customer = nullptr;  // nullptr: a new one
        RoleSet roles;
        std::size_t values = 0;                 // index of its first value in values_
    };

    void apply_halving(Indexes records);
    void apply_in_order(Indexes records);
    std::optional<PgError> try_apply(Indexes records, std::size_t& reached);
    void apply_records(Indexes records);
    void reject(std::uint32_t record, const PgError& error);
    bool retry_unless_exists(const PgError& error);

    const CustomerRow* find_customers(std::span<const Attempt> attempts);
    void decide(const Attempt& attempt, const CustomerRow& customer);
    bool decide_values(const Record& record, const CustomerRow& customer);
    void run_updates(std::vector<Attempt>& again);
    void run_creates();
    void create_unless_exists(std::vector<Attempt>& again);
    void fill(const std::vector<Write>& writes);
    void finish_update(const Write& write, const CustomerRow& after);
    void finish_create(const Write& write, const CustomerRow* after);
    void log_field(Change& change, std::size_t column, const Value& before, const Value& after) const;
    void set_result(std::uint32_t record, Outcome outcome, std::vector<Issue> issues = {});

    std::string customer_row(bool roles, const std::vector<bool>& values) const;
    TupleDesc batch_columns() const;
    std::string find_sql() const;
    std::string update_sql() const;
    std::string insert_sql(bool unless_exists) const;

    const Target& target_;
    const ImportMode mode_;
    const RoleCatalogue& catalogue_;
    const MemoryContext context_;
    const bool writes_roles_;                 // the header names a role column
    std::vector<std::size_t> cell_columns_;   // for each cell of a record its index in target_.values
    std::vector<bool> in_file_;               // for each of target_.values
    std::vector<ColumnIo> columns_;           // for each of target_.values
    std::vector<bool> returned_by_insert_;    // for each of target_.values: a new row may hold something else
    const bool insert_returns_;               // any of them

    TupleDesc batch_columns_;
    EphemeralTable batch_table_;
    CustomerRowReceiver receiver_;
    Statement find_;
    Statement update_;
    Statement insert_;
    Statement insert_unless_exists_;

    // Of the batch that is applied.
    MemoryContext batch_context_;
    MemoryContext failed_context_ = nullptr;
    const Batch* batch_ = nullptr;
    std::vector<Write> updates_;
    std::vector<Write> creates_;
    std::vector<Value> values_;               // of updates_ and creates_, in the order of cell_columns_
    std::vector<char> given_;                 // parallel to values_: 0 means the column's default
    std::vector<RecordResult> results_;
    std::vector<Change> changes_;

    bool unless_exists_ = false;  // a create has met a customer that the search did not show
    bool any_applied_ = false;
    int failures_ = 0;
    std::string failure_sqlstate_;
};

}  // namespace customer_import::pg
