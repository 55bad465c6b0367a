#include "pg/customer_rows.h"

#include <algorithm>
#include <cstring>

namespace customer_import::pg {

CustomerRowReceiver::CustomerRowReceiver(const std::vector<ColumnIo>& columns) {
    std::memset(&state_, 0, sizeof state_);
    state_.base.receiveSlot = receive;
    state_.base.rStartup = start;
    state_.base.rShutdown = finish;
    state_.base.rDestroy = finish;
    state_.base.mydest = DestNone;  // what SPI must not treat as its own
    state_.columns = columns.data();
    state_.column_count = static_cast<int>(columns.size());
}

CustomerRow* CustomerRowReceiver::expect(std::size_t count, MemoryContext context) {
    state_.context = context;
    state_.count = static_cast<std::int32_t>(count);
    state_.next = 0;
    state_.rows = call([&] {
        return static_cast<CustomerRow*>(
            MemoryContextAllocExtended(context, std::max<Size>(count, 1) * sizeof(CustomerRow),
                                       MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    });
    return state_.rows;
}

// Called by the executor: server code only, nothing with a destructor.
bool CustomerRowReceiver::receive(TupleTableSlot* slot, DestReceiver* self) {
    auto state = reinterpret_cast<State*>(self);
    slot_getallattrs(slot);
    const Datum* values = slot->tts_values;
    const bool* nulls = slot->tts_isnull;
    std::int32_t index = nulls[0] ? state->next : DatumGetInt32(values[0]);
    state->next = index + 1;
    if (index < 0 || index >= state->count) {
        elog(ERROR, "row %d of a batch of %d", index, state->count);
    }
    if (nulls[1]) {
        return true;
    }
    CustomerRow* row = &state->rows[index];
    MemoryContext before = MemoryContextSwitchTo(state->context);
    row->found = true;
    row->tid = *reinterpret_cast<ItemPointer>(DatumGetPointer(values[1]));
    row->xmin = DatumGetTransactionId(values[2]);
    row->roles = nulls[3] ? nullptr : DatumGetArrayTypePCopy(values[3]);
    row->values = static_cast<Value*>(palloc(sizeof(Value) * static_cast<Size>(std::max(state->column_count, 1))));
    for (int column = 0; column < state->column_count; ++column) {
        bool is_null = nulls[4 + column];
        row->values[column].is_null = is_null;
        row->values[column].datum = is_null ? Datum{0} : state->columns[column].copy(values[4 + column]);
    }
    MemoryContextSwitchTo(before);
    return true;
}

void CustomerRowReceiver::start(DestReceiver*, int, TupleDesc) {}

void CustomerRowReceiver::finish(DestReceiver*) {}

}  // namespace customer_import::pg
