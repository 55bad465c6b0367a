#include "pg/apply/customer_rows.h"

#include <algorithm>

#include "pg/server/guard.h"
#include "pg/server/text_array.h"

namespace customer_import::pg {

namespace {

void start(DestReceiver*, int, TupleDesc) {}
void finish(DestReceiver*) {}

DestReceiver make_receiver(bool (*receive)(TupleTableSlot*, DestReceiver*)) {
    DestReceiver receiver{};
    receiver.receiveSlot = receive;
    receiver.rStartup = start;
    receiver.rShutdown = finish;
    receiver.rDestroy = finish;
    receiver.mydest = DestNone;  // nothing that SPI takes for its own
    return receiver;
}

void check_index(std::int32_t index, std::int32_t count) {
    if (index < 0 || index >= count) {
        elog(ERROR, "row %d of a batch of %d", index, count);
    }
}

}  // namespace

CustomerRowReceiver::CustomerRowReceiver(const std::vector<ColumnIo>& columns)
    : state_{make_receiver(receive), columns.data(), static_cast<int>(columns.size()), nullptr, nullptr, 0, 0} {}

const CustomerRow* CustomerRowReceiver::expect(std::size_t count) {
    state_.context = CurrentMemoryContext;
    state_.count = static_cast<std::int32_t>(count);
    state_.next = 0;
    state_.rows = call([&] {
        return static_cast<CustomerRow*>(MemoryContextAllocExtended(
            CurrentMemoryContext, std::max<Size>(count, 1) * sizeof(CustomerRow), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    });
    return state_.rows;
}

// Called by the executor: server code only, nothing with a destructor.
bool CustomerRowReceiver::receive(TupleTableSlot* slot, DestReceiver* self) {
    auto state = reinterpret_cast<State*>(self);
    slot_getallattrs(slot);
    const Datum* values = slot->tts_values;
    const bool* nulls = slot->tts_isnull;
    const std::int32_t index = nulls[0] ? state->next : DatumGetInt32(values[0]);
    state->next = index + 1;
    check_index(index, state->count);
    CustomerRow* row = &state->rows[index];
    MemoryContext before = MemoryContextSwitchTo(state->context);
    row->found = true;
    if (!nulls[1]) {  // else a row that was just created, whose version is not used
        row->version.tid = *reinterpret_cast<ItemPointer>(DatumGetPointer(values[1]));
        row->version.xmin = DatumGetTransactionId(values[2]);
    }
    row->roles = nulls[3] ? nullptr : DatumGetArrayTypePCopy(values[3]);
    auto kept = static_cast<Value*>(palloc(sizeof(Value) * static_cast<Size>(std::max(state->column_count, 1))));
    for (int column = 0; column < state->column_count; ++column) {
        kept[column].is_null = nulls[4 + column];
        kept[column].datum = nulls[4 + column] ? Datum{0} : state->columns[column].copy(values[4 + column]);
    }
    row->values = kept;
    MemoryContextSwitchTo(before);
    return true;
}

OrderedRows::OrderedRows(std::size_t columns)
    : state_{make_receiver(receive), columns, nullptr, 0, 0, nullptr, nullptr, nullptr} {}

void OrderedRows::expect(std::span<const std::string_view> names, See see, void* argument) {
    state_.names = names.data();
    state_.count = static_cast<std::uint32_t>(names.size());
    state_.next = 0;
    state_.row_context = call(
        [] { return AllocSetContextCreate(CurrentMemoryContext, "customer_import row", ALLOCSET_DEFAULT_SIZES); });
    state_.see = see;
    state_.argument = argument;
}

// Called by the executor: server code only, nothing with a destructor.
bool OrderedRows::receive(TupleTableSlot* slot, DestReceiver* self) {
    auto state = reinterpret_cast<State*>(self);
    slot_getallattrs(slot);
    const Datum* values = slot->tts_values;
    const bool* nulls = slot->tts_isnull;
    MemoryContextReset(state->row_context);
    MemoryContext before = MemoryContextSwitchTo(state->row_context);
    const std::string_view name = varlena_view(PG_DETOAST_DATUM_PACKED(values[0]));
    while (state->next < state->count && state->names[state->next] < name) {
        ++state->next;
    }
    if (state->next < state->count && state->names[state->next] == name) {
        auto kept = static_cast<Value*>(palloc(sizeof(Value) * (state->columns + 1)));
        for (std::size_t column = 0; column < state->columns; ++column) {
            kept[column] = {values[4 + column], nulls[4 + column]};
        }
        CustomerRow row{};
        row.found = true;
        row.version.tid = *reinterpret_cast<ItemPointer>(DatumGetPointer(values[1]));
        row.version.xmin = DatumGetTransactionId(values[2]);
        row.roles = nulls[3] ? nullptr : detoast_array(values[3]);
        row.values = kept;
        entry([&] {
            state->see(state->argument, state->next, row);
            return true;
        });
    }
    MemoryContextSwitchTo(before);
    return true;
}

ScannedRows::ScannedRows(See see, void* argument) : state_{make_receiver(receive), nullptr, see, argument} {
    state_.row_context = call(
        [] { return AllocSetContextCreate(CurrentMemoryContext, "customer_import row", ALLOCSET_DEFAULT_SIZES); });
}

// Called by the executor: server code only, nothing with a destructor.
bool ScannedRows::receive(TupleTableSlot* slot, DestReceiver* self) {
    auto state = reinterpret_cast<State*>(self);
    slot_getsomeattrs(slot, 2);
    const Datum* values = slot->tts_values;
    const bool* nulls = slot->tts_isnull;
    MemoryContext before = MemoryContextSwitchTo(state->row_context);
    const std::string_view name = varlena_view(PG_DETOAST_DATUM_PACKED(values[0]));
    const ArrayType* roles = nulls[1] ? nullptr : detoast_array(values[1]);
    entry([&] {
        state->see(state->argument, name, roles);
        return true;
    });
    MemoryContextSwitchTo(before);
    MemoryContextReset(state->row_context);
    return true;
}

RowMarker::RowMarker() : state_{make_receiver(receive), nullptr, 0} {}

void RowMarker::expect(char* marks, std::size_t count) {
    state_.marks = marks;
    state_.count = static_cast<std::int32_t>(count);
}

bool RowMarker::receive(TupleTableSlot* slot, DestReceiver* self) {
    auto state = reinterpret_cast<State*>(self);
    bool is_null;
    const std::int32_t index = DatumGetInt32(slot_getattr(slot, 1, &is_null));
    check_index(index, state->count);
    state->marks[index] = 1;
    return true;
}

}  // namespace customer_import::pg
