// Reads customers for a caller that has the right to see them, as far as policies show them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "pg/server/guard.h"
#include "pg/server/server.h"
#include "pg/server/statement.h"
#include "pg/table/target.h"

namespace customer_import::pg {

// As Cursor, for a SELECT from the customers table: as the caller, for whom the policies of the table hold. Where the table
// has a shadow, rows are read as the owner of the table, since no operator has a privilege on it, and those are handed
// out that the policies of the shadow show the caller.
class CustomerCursor {
public:
    // `columns`: what is selected, by the names of the table's columns. `condition`: what follows the name of the table;
    // it may look at customers that are hidden, so it is to be ours, and a LIMIT counts them. `target` must outlive the
    // object, and an SPI connection as well.
    CustomerCursor(const Target& target, const std::string& columns, const std::string& condition,
                   std::initializer_list<Parameter> parameters);

    // Reads the customers that are shown of at most `count` more, or of the next ones of which any is; at the end there
    // are none.
    void fetch(long count);

    std::uint64_t count() const { return rows().count(); }
    HeapTuple row(std::uint64_t index) const { return rows().row(index); }
    TupleDesc columns() const { return rows().columns(); }
    std::vector<Row> texts() const { return rows().texts(); }

private:
    void read(long count);
    void keep_candidates();
    const Cursor& rows() const { return shown_ ? *shown_ : *found_; }

    const MemoryContext context_;
    Oid owner_ = InvalidOid;  // that of a table with a shadow
    std::string shown_sql_;   // selects those that are shown of the candidates; empty: all are
    std::optional<Cursor> found_;
    std::optional<EphemeralTable> candidates_;
    std::optional<Cursor> shown_;
};

// Whether a CustomerCursor leaves out rows that its condition has found and its LIMIT has counted. Needs an SPI connection.
bool hides_customers();

}  // namespace customer_import::pg
