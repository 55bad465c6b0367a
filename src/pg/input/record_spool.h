// Between validation and apply: all validated records of a file, sorted in the order in which they are applied. Uses a
// fixed amount of memory and temporary files beyond that.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/batch.h"
#include "core/record_codec.h"
#include "core/repeated_names.h"
#include "pg/input/raw_records.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

class RecordSpool {
public:
    static constexpr std::size_t kMaxBatchBytes = 4 * 1024 * 1024;

    struct Options {
        bool counts_repeats = false;   // it is to know how many records repeat a user name
        bool keeps_raw_apart = false;  // records are applied without their bytes: raw_of() returns those
        bool outlives = false;         // it is kept beyond the transaction
    };

    // Belongs to the current (sub)transaction, also when it spills to disk later.
    RecordSpool(RecordOrder order, Options options);
    ~RecordSpool();
    RecordSpool(const RecordSpool&) = delete;
    RecordSpool& operator=(const RecordSpool&) = delete;

    void add(const Record& record);

    // Ends the adding.
    void sort();

    // Lets what was sorted outlive the transaction. `context` must live as long as the object. `stays`, if there is one,
    // is shown each record in order, as it was encoded; those for which it returns false are gone then.
    using Stays = std::function<bool(std::string_view record)>;
    void keep(MemoryContext context, const Stays& stays = {});

    // Instead of add(), sort() and keep(): takes the records that another spool of the same order has shown, in order,
    // from `next`, which returns an empty view at the end. Returns how many there were.
    std::int64_t keep_sorted(MemoryContext context, const std::function<std::string_view()>& next);

    // Passes over the next records.
    void skip(std::int64_t records);

    // Fills `batch` with the next records: `rows` of them, or fewer when they take more than kMaxBatchBytes; those for
    // which `is_done`, if there is one, returns true are left out. Returns false at the end.
    using IsDone = std::function<bool(const RecordKey& record)>;
    bool next(Batch& batch, std::size_t rows, const IsDone& is_done = {});

    // The bytes of a record as it came.
    std::string raw_of(const Record& record) const;

    // What is kept apart of the records that were added.
    RawRecords& raw_records() { return raw_; }

    // Of all records once they are kept, or read to the end.
    const Repeats& repeats() const { return names_.repeats(); }

private:
    std::string_view next_record();
    void see(std::string_view record);
    void begin_keeping(MemoryContext context);
    void end_sort();

    RecordSpool(RecordOrder order, Options options, int kilobytes);
    void count_sorted_names();

    RecordOrder order_;
    Tuplesortstate* sort_ = nullptr;  // nullptr: kept_ has taken over
    Tuplestorestate* kept_ = nullptr;
    TupleTableSlot* slot_ = nullptr;       // of the record that sort_ has handed out last
    TupleTableSlot* kept_slot_ = nullptr;  // the same of kept_
    TupleTableSlot* added_ = nullptr;      // of the record that is added to sort_
    std::string encoded_;
    const Options options_;
    RawRecords raw_;
    RepeatedNames names_;
    std::unique_ptr<RecordSpool> sorted_names_;  // beside records in another order: what names_ is to see
};

}  // namespace customer_import::pg
