// Rows of the customers table as statements hand them over.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
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

// Hands the rows that a statement returns to a function, those whose user name is in a list. Both come in the order of
// bytes. The statement returns: user name, ctid, xmin, roles, the value columns.
class OrderedRows {
public:
    // Is called with the place of the name in the list. Server code calls it: it may throw, nothing else may be lost.
    using See = void (*)(void* argument, std::uint32_t index, const CustomerRow& row);

    explicit OrderedRows(std::size_t columns);

    // `names` must live until the statement has run; what is handed over lives during the call alone.
    void expect(std::span<const std::string_view> names, See see, void* argument);
    DestReceiver* receiver() { return &state_.base; }

private:
    struct State {
        DestReceiver base;
        std::size_t columns;
        const std::string_view* names;
        std::uint32_t count;
        std::uint32_t next;
        MemoryContext row_context;
        See see;
        void* argument;
    };

    static bool receive(TupleTableSlot* slot, DestReceiver* self);

    State state_;
};

// Hands the rows that a statement returns to a function. The statement returns: user name, roles.
class ScannedRows {
public:
    // Is called with what lives during the call alone; `roles` is nullptr for NULL. Server code calls it: it may throw,
    // nothing else may be lost.
    using See = void (*)(void* argument, std::string_view user_name, const ArrayType* roles);

    ScannedRows(See see, void* argument);

    DestReceiver* receiver() { return &state_.base; }

private:
    struct State {
        DestReceiver base;
        MemoryContext row_context;
        See see;
        void* argument;
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
