// The statements of step 5 and the ephemeral table that they read. Knows their shape, not what is decided.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/batch.h"
#include "core/header_map.h"
#include "pg/apply/customer_rows.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"
#include "pg/server/statement.h"
#include "pg/table/column_io.h"
#include "pg/table/target.h"

namespace customer_import::pg {

class BatchApplier;

class BatchStatements {
public:
    // All arguments must outlive the object. `token` is what the statements name the applier by; `records` is how many
    // there will be at the most, each batch in the order of user names unless the target is one_by_one.
    BatchStatements(std::int64_t token, std::int64_t records, const Target& target, const HeaderMap& header,
                    const std::vector<ColumnIo>& columns, MemoryContext context);

    // Cells are what ColumnIo::write() wrote, not those of a user: they are read by read_written().
    void take_written_cells() { cells_are_written_ = true; }

    // Lets update() and the inserts leave out what the table checks again of rows that are as the engine makes them:
    // see leave_out_own_checks().
    void trust(bool trusted) { trusted_ = trusted; }

    // Puts records into the batch table: row n is the n-th call's. `roles` may be nullptr.
    void clear();
    void add(const Record& record, const ArrayType* roles);
    // Ends the adding; conversion errors of cells come from here.
    void fill();
    // The row that these, and the statements that write, have come to: where they fail, most likely because of it.
    std::size_t reached() const { return reached_; }
    // decide() was called for a row.
    void reach(std::size_t row) { reached_ = row; }
    // The column of the target whose type did not accept what a record has for it, and the text that it did not accept,
    // after an error of read() or require_roles(), of fill() and of the statements, which call them; else nullptr.
    const TargetColumn* refused_column() const { return refused_column_; }
    std::string_view refused_text() const { return refused_text_; }

    // Does what reads a text by the type of a column: an error of it is the fault of that text.
    template <typename Body>
    auto read(const TargetColumn& column, std::string_view text, Body&& body) {
        refused_column_ = &column;
        refused_text_ = text;
        const auto result = body();
        refused_column_ = nullptr;
        return result;
    }

    // Raises an error if the type of the roles, a domain, does not accept a role set.
    void require_roles(const ArrayType* roles);

    // Looks at each customer of the batch table through BatchApplier::decide(); writes nothing.
    void look();
    // Whether look_in_order() pays: the records may meet most rows.
    bool meets_most_rows() const { return search_ == JoinMethod::merge; }
    // Hands each customer of the batch to `see`, without fill(): the cheapest way where few of them change.
    void look_in_order(OrderedRows::See see, void* argument);
    // Updates the customers that decide() says to; written()[n] tells whether row n was. `few`: they are few of those
    // between the first and the last.
    void update(bool few = false);
    // Creates a customer for each row, in their order; returns how many were created. With returns_new_rows(), rows[n]
    // holds the columns that the file does not name or that have a default.
    std::uint64_t insert(const CustomerRow*& rows);
    // Creates the customers that do not exist.
    std::uint64_t insert_unless_exists();
    // Reads the customers of the batch table as they are now.
    const CustomerRow* read_back();
    // The same for those that the caller may update, and locks them until the end of the transaction; with `to_delete`
    // so that no row can come to refer to them either.
    const CustomerRow* lock(bool to_delete);
    // Deletes the customers that decide() says to; written()[n] tells whether row n was.
    void remove();
    // Reads columns of the customers table, given as SQL with c for the table, for the rows of the batch table: index
    // and columns go to `receiver`.
    void read_columns(const std::string& columns, DestReceiver* receiver);

    const std::vector<char>& written() const { return written_; }
    bool returns_new_rows() const { return returns_new_rows_; }

    // For each cell of a record its index in target.values.
    const std::vector<std::size_t>& cell_columns() const { return cell_columns_; }
    // For each of target.values: a new row may hold something that the file does not name.
    bool has_default(std::size_t column) const { return has_default_[column]; }
    // What ColumnIo::read() made of a cell of row n; NULL where it does not need reading.
    Value converted(std::size_t row, std::size_t cell) const {
        return converts_ ? converted_[row * cell_columns_.size() + cell] : Value{};
    }

private:
    struct Row {
        const Record* record;
        const ArrayType* roles;
    };

    std::size_t place_of(const Row& row) const { return static_cast<std::size_t>(&row - rows_.data()); }
    TupleDesc batch_columns() const;
    std::string customer_row(const std::vector<bool>& values) const;
    std::string new_row() const;
    std::string value_list(const std::vector<bool>& values) const;
    bool covers_table(std::int64_t records) const;
    std::vector<Oid> search_parameter_types() const;
    std::vector<Datum> search_parameters() const;
    std::string same_customer() const;
    std::string in_range(JoinMethod search, int first) const;
    std::string decided_row() const;
    std::string decide_call() const;
    std::string look_sql() const;
    std::string look_in_order_sql() const;
    std::string update_sql(JoinMethod search) const;
    std::string insert_sql(bool unless_exists) const;
    std::string read_back_sql() const;
    std::string search_sql() const;
    void require_keys();
    bool needs_reading(const Cell& cell, std::size_t column) const;
    bool any_needs_reading() const;
    void convert_cells();
    void read_cells();
    void watch_growth();
    std::uint64_t write(Statement& statement, DestReceiver* receiver, std::span<const Datum> parameters);

    const Target& target_;
    const std::vector<ColumnIo>& columns_;
    const MemoryContext context_;
    const std::int64_t token_;
    const JoinMethod search_;
    const bool writes_roles_;  // the header names a role column
    std::vector<std::size_t> cell_columns_;
    std::vector<bool> in_file_;
    std::vector<bool> has_default_;
    bool converts_ = false;  // a cell needs reading
    bool cells_are_written_ = false;
    bool trusted_ = false;
    std::uint64_t reached_ = 0;
    bool returns_new_rows_ = false;

    std::optional<ColumnIo> user_name_;  // of a type that does not take each text
    std::optional<ColumnIo> roles_;      // of a domain

    TupleDesc batch_columns_;
    EphemeralTable batch_table_;
    CustomerRowReceiver customers_;
    RowMarker marker_;
    OrderedRows ordered_;
    Statement look_;
    Statement look_in_order_;
    Statement update_;
    Statement update_few_;
    Statement insert_;
    Statement insert_unless_exists_;
    Statement read_back_;
    std::optional<Statement> lock_, lock_to_delete_, remove_;  // of an undo

    double planned_blocks_ = 0;  // size of the customers table for which the statements were planned
    std::vector<Row> rows_;
    std::vector<std::string_view> names_;
    std::vector<Value> converted_;
    const TargetColumn* refused_column_ = nullptr;
    std::string_view refused_text_;
    std::vector<char> written_;
};

}  // namespace customer_import::pg
