#include "pg/input/record_spool.h"

#include "pg/server/text_array.h"

namespace customer_import::pg {

namespace {

constexpr int kSortKilobytes = 24 * 1024;
constexpr int kKeptKilobytes = 4 * 1024;

// Returns the next datum in order, or nullptr. It belongs to the caller.
void* next_datum(Tuplesortstate* sort) {
    Datum value;
    bool is_null;
#if PG_VERSION_NUM >= 160000
    bool found = tuplesort_getdatum(sort, true, true, &value, &is_null, nullptr);
#else
    bool found = tuplesort_getdatum(sort, true, &value, &is_null, nullptr);
#endif
    return found ? DatumGetPointer(value) : nullptr;
}

}  // namespace

RecordSpool::RecordSpool(RecordOrder order) : order_(order) {
    sort_ = call([] {
        TypeCacheEntry* bytea = lookup_type_cache(BYTEAOID, TYPECACHE_LT_OPR);
        return tuplesort_begin_datum(BYTEAOID, bytea->lt_opr, InvalidOid, false, kSortKilobytes, nullptr,
                                     TUPLESORT_NONE);
    });
}

RecordSpool::~RecordSpool() {
    release([&] {
        if (sort_ != nullptr) {
            tuplesort_end(sort_);
        }
        if (kept_ != nullptr) {
            ExecDropSingleTupleTableSlot(slot_);
            tuplestore_end(kept_);
        }
    });
}

void RecordSpool::add(const Record& record) {
    // The server's value header precedes the bytes.
    encode_record(record, order_, encoded_);
    encoded_.insert(0, VARHDRSZ, '\0');
    SET_VARSIZE(encoded_.data(), encoded_.size());
    call([&] { tuplesort_putdatum(sort_, PointerGetDatum(encoded_.data()), false); });
}

void RecordSpool::sort() {
    call([&] { tuplesort_performsort(sort_); });
}

void RecordSpool::keep(MemoryContext context) {
    call([&] {
        MemoryContext before = MemoryContextSwitchTo(context);
        TupleDesc columns = CreateTemplateTupleDesc(1);
        TupleDescInitEntry(columns, 1, "record", BYTEAOID, -1, 0);
        slot_ = MakeSingleTupleTableSlot(columns, &TTSOpsMinimalTuple);
        kept_ = tuplestore_begin_heap(false, true, kKeptKilobytes);
        tuplestore_set_eflags(kept_, 0);
        MemoryContextSwitchTo(before);
        while (void* datum = next_datum(sort_)) {
            CHECK_FOR_INTERRUPTS();
            Datum value = PointerGetDatum(datum);
            bool is_null = false;
            tuplestore_putvalues(kept_, columns, &value, &is_null);
            pfree(datum);
        }
        tuplesort_end(sort_);
        sort_ = nullptr;
    });
}

// Returns the next record as it was encoded, valid until the next call; an empty view at the end.
std::string_view RecordSpool::next_record() {
    return call([&]() -> std::string_view {
        if (kept_ == nullptr) {
            if (current_ != nullptr) {
                pfree(current_);
            }
            current_ = next_datum(sort_);
            return current_ != nullptr ? varlena_view(current_) : std::string_view();
        }
        if (!tuplestore_gettupleslot(kept_, true, false, slot_)) {
            return {};
        }
        bool is_null;
        std::string_view record = varlena_view(DatumGetPointer(slot_getattr(slot_, 1, &is_null)));
        return record;
    });
}

void RecordSpool::skip(std::int64_t records) {
    for (std::int64_t index = 0; index < records; ++index) {
        check_interrupts();
        next_record();
    }
}

bool RecordSpool::next(Batch& batch, std::size_t rows) {
    batch.clear();
    while (batch.size() < rows && batch.bytes() < kMaxBatchBytes) {
        const std::string_view record = next_record();
        if (record.empty()) {
            break;
        }
        if (!decode_record(record, order_, batch)) {
            throw ImportError(ERRCODE_INTERNAL_ERROR, "a record was not read back as it was written");
        }
    }
    if (kept_ != nullptr) {
        call([&] { tuplestore_trim(kept_); });
    }
    return batch.size() > 0;
}

}  // namespace customer_import::pg
