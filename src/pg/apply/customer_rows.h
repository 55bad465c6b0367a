// Rows of the customers table as statements hand them over.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "pg/server/server.h"
#include "pg/table/column_io.h"

namespace customer_import::pg {

// Identifies a version of a row: where it is, and which transaction has written it.
struct RowVersion {
    ItemPointerData tid;
    TransactionId xmin;

    bool operator==(const RowVersion& other) const {
        return xmin == other.xmin && std::memcmp(&tid, &other.tid, sizeof tid) == 0;
    }
};

struct CustomerRow {
    bool found;
    RowVersion version;
    const ArrayType* roles;  // nullptr: NULL
    const Value* values;     // one per value column of the target
};

// Puts the rows that a statement returns into an array. The statement returns: index of the row in the array (NULL: the
// next one), ctid, xmin, roles, the value columns.
class CustomerRowReceiver {
public:
    explicit CustomerRowReceiver(const std::vector<ColumnIo>& columns);

    // Prepares for at most `count` rows, all not found, in the current memory context.
    const CustomerRow* expect(std::size_t count);

    // For Statement::run(). Valid as long as this object.
    DestReceiver* receiver() { return &state_.base; }

private:
    struct State {
        DestReceiver base;
        const ColumnIo* columns;
        int column_count;
        MemoryContext context;
        CustomerRow* rows;
        std::int32_t count;
        std::int32_t next;
    };

    static bool receive(TupleTableSlot* slot, DestReceiver* self);

    State state_;
};

// Marks the rows whose index a statement returns.
class RowMarker {
public:
    RowMarker();

    // `marks` has `count` elements, all 0.
    void expect(char* marks, std::size_t count);
    DestReceiver* receiver() { return &state_.base; }

private:
    struct State {
        DestReceiver base;
        char* marks;
        std::int32_t count;
    };

    static bool receive(TupleTableSlot* slot, DestReceiver* self);

    State state_;
};

}  // namespace customer_import::pg
