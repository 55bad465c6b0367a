#include "pg/record_spool.h"

#include "pg/text_array.h"

namespace customer_import::pg {

namespace {

constexpr int kSortKilobytes = 24 * 1024;

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
    release([&] { tuplesort_end(sort_); });
}

void RecordSpool::add(const Record& record) {
    // The server's value header stands before the bytes.
    encode_record(record, order_, encoded_);
    encoded_.insert(0, VARHDRSZ, '\0');
    SET_VARSIZE(encoded_.data(), encoded_.size());
    call([&] { tuplesort_putdatum(sort_, PointerGetDatum(encoded_.data()), false); });
}

void RecordSpool::sort() {
    call([&] { tuplesort_performsort(sort_); });
}

bool RecordSpool::next(Batch& batch, std::size_t rows, std::size_t bytes) {
    batch.clear();
    while (batch.size() < rows && batch.bytes() < bytes) {
        void* datum = call([&] { return next_datum(sort_); });
        if (datum == nullptr) {
            break;
        }
        const bool valid = decode_record(varlena_view(datum), order_, batch);
        pfree(datum);
        if (!valid) {
            throw ImportError(ERRCODE_INTERNAL_ERROR, "a record was not read back as it was written");
        }
    }
    return batch.size() > 0;
}

}  // namespace customer_import::pg
