#include "pg/input/record_spool.h"

#include "pg/server/text_array.h"

namespace customer_import::pg {

namespace {

constexpr int kSortKilobytes = 12 * 1024;
constexpr int kNamesKilobytes = 2 * 1024;
constexpr int kKeptKilobytes = 4 * 1024;

// The row that is sorted and kept: one column, the record as it was encoded.
TupleDesc record_columns() {
    TupleDesc columns = CreateTemplateTupleDesc(1);
    TupleDescInitEntry(columns, 1, "record", BYTEAOID, -1, 0);
    return columns;
}

// To be called in a `call`.
std::string_view record_of(TupleTableSlot* row) {
    bool is_null;
    return varlena_view(DatumGetPointer(slot_getattr(row, 1, &is_null)));
}

}  // namespace

RecordSpool::RecordSpool(RecordOrder order, Options options) : RecordSpool(order, options, kSortKilobytes) {
    if (options.counts_repeats && order != RecordOrder::by_user_name) {
        sorted_names_.reset(new RecordSpool(RecordOrder::by_user_name, {.counts_repeats = true}, kNamesKilobytes));
    }
}

RecordSpool::RecordSpool(RecordOrder order, Options options, int kilobytes)
    : order_(order), options_(options), raw_(options.outlives) {
    // Rows of one column, not single values: PostgreSQL 18 does not count the memory of single values.
    call([&] {
        TypeCacheEntry* bytea = lookup_type_cache(BYTEAOID, TYPECACHE_LT_OPR);
        TupleDesc columns = record_columns();
        AttrNumber number = 1;
        Oid collation = InvalidOid;
        bool nulls_first = false;
        added_ = MakeSingleTupleTableSlot(columns, &TTSOpsVirtual);
        slot_ = MakeSingleTupleTableSlot(columns, &TTSOpsMinimalTuple);
        sort_ = tuplesort_begin_heap(columns, 1, &number, &bytea->lt_opr, &collation, &nulls_first, kilobytes, nullptr,
                                     TUPLESORT_NONE);
    });
}

// Frees what the sort holds. To be run in a `call` or a `release`.
void RecordSpool::end_sort() {
    ExecDropSingleTupleTableSlot(added_);
    ExecDropSingleTupleTableSlot(slot_);
    tuplesort_end(sort_);
    sort_ = nullptr;
}

RecordSpool::~RecordSpool() {
    release([&] {
        if (sort_ != nullptr) {
            end_sort();
        }
        if (kept_ != nullptr) {
            ExecDropSingleTupleTableSlot(kept_slot_);
            tuplestore_end(kept_);
        }
    });
}

void RecordSpool::add(const Record& record) {
    check_interrupts();
    if (sorted_names_ != nullptr) {
        sorted_names_->add({.line = record.line, .user_name = record.user_name});
    }
    // The server's value header precedes the bytes.
    if (options_.keeps_raw_apart) {
        Record rest = record;
        rest.raw_place = raw_.add(record.raw);
        rest.raw = {};
        encode_record(rest, order_, encoded_, VARHDRSZ);
    } else {
        encode_record(record, order_, encoded_, VARHDRSZ);
    }
    SET_VARSIZE(encoded_.data(), encoded_.size());
    call([&] {
        CHECK_FOR_INTERRUPTS();
        ExecClearTuple(added_);
        added_->tts_values[0] = PointerGetDatum(encoded_.data());
        added_->tts_isnull[0] = false;
        tuplesort_puttupleslot(sort_, ExecStoreVirtualTuple(added_));
    });
}

void RecordSpool::sort() {
    call([&] { tuplesort_performsort(sort_); });
    if (sorted_names_ != nullptr) {
        count_sorted_names();
    }
}

void RecordSpool::count_sorted_names() {
    sorted_names_->sort();
    while (!sorted_names_->next_record().empty()) {
        check_interrupts();
    }
    names_ = sorted_names_->names_;
    sorted_names_.reset();
}

void RecordSpool::begin_keeping(MemoryContext context) {
    call([&] {
        MemoryContext before = MemoryContextSwitchTo(context);
        kept_slot_ = MakeSingleTupleTableSlot(record_columns(), &TTSOpsMinimalTuple);
        kept_ = tuplestore_begin_heap(false, true, kKeptKilobytes);
        tuplestore_set_eflags(kept_, 0);
        MemoryContextSwitchTo(before);
    });
}

void RecordSpool::keep(MemoryContext context, const Stays& stays) {
    begin_keeping(context);
    for (;;) {
        const std::string_view record = call([&]() -> std::string_view {
            CHECK_FOR_INTERRUPTS();
            return tuplesort_gettupleslot(sort_, true, false, slot_, nullptr) ? record_of(slot_) : std::string_view();
        });
        if (record.empty()) {
            break;
        }
        if (!stays || stays(record)) {
            see(record);
            call([&] { tuplestore_puttupleslot(kept_, slot_); });
        }
    }
    call([&] { end_sort(); });
}

std::int64_t RecordSpool::keep_sorted(MemoryContext context, const std::function<std::string_view()>& next) {
    begin_keeping(context);
    std::int64_t records = 0;
    for (std::string_view record = next(); !record.empty(); record = next()) {
        check_interrupts();
        see(record);
        encoded_.resize(VARHDRSZ);
        encoded_ += record;
        SET_VARSIZE(encoded_.data(), encoded_.size());
        call([&] {
            Datum row = PointerGetDatum(encoded_.data());
            bool is_null = false;
            tuplestore_putvalues(kept_, kept_slot_->tts_tupleDescriptor, &row, &is_null);
        });
        ++records;
    }
    call([&] { end_sort(); });
    return records;
}

void RecordSpool::see(std::string_view record) {
    if (options_.counts_repeats && order_ == RecordOrder::by_user_name) {
        const RecordKey key = record_key(record, order_);
        names_.see(key.user_name, key.line);
    }
}

std::string RecordSpool::raw_of(const Record& record) const {
    return record.raw_place.size == 0 ? std::string(record.raw) : raw_.read(record.raw_place);
}

// Returns the next record as it was encoded, valid until the next call; an empty view at the end.
std::string_view RecordSpool::next_record() {
    if (kept_ != nullptr) {
        return call([&]() -> std::string_view {
            return tuplestore_gettupleslot(kept_, true, false, kept_slot_) ? record_of(kept_slot_) : std::string_view();
        });
    }
    const std::string_view record = call([&]() -> std::string_view {
        return tuplesort_gettupleslot(sort_, true, false, slot_, nullptr) ? record_of(slot_) : std::string_view();
    });
    if (!record.empty()) {
        see(record);
    }
    return record;
}

void RecordSpool::skip(std::int64_t records) {
    for (std::int64_t index = 0; index < records; ++index) {
        check_interrupts();
        next_record();
    }
}

bool RecordSpool::next(Batch& batch, std::size_t rows, const IsDone& is_done) {
    batch.clear();
    while (batch.size() < rows && batch.bytes() < kMaxBatchBytes) {
        const std::string_view record = next_record();
        if (record.empty()) {
            break;
        }
        if (is_done && is_done(record_key(record, order_))) {
            check_interrupts();
            continue;
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
