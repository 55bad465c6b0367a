// The bytes of records as they came, apart from what is sorted and applied: only a record that fails is reported with
// them. In the order of the file, in little memory and a temporary file beyond that.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/batch.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

class RawRecords {
public:
    // The current memory context must live as long as the object.
    RawRecords() : context_(CurrentMemoryContext) {}
    ~RawRecords();
    RawRecords(const RawRecords&) = delete;
    RawRecords& operator=(const RawRecords&) = delete;

    // Adds a record and returns where it is.
    RawPlace add(std::string_view raw);

    // Returns the record there. Errors: XX000 where there is none.
    std::string read(RawPlace place) const;

    // Hands out all bytes, in order; nothing is added afterwards.
    void for_each_piece(const std::function<void(std::string_view piece)>& take) const;

    // Gives up all of them.
    void clear();

private:
    void write_out();

    const MemoryContext context_;
    std::string recent_;  // not in the file yet
    BufFile* file_ = nullptr;
    std::uint64_t written_ = 0;
};

// Reads what another process has written of its RawRecords to `file`. To be run in a transaction that has opened it.
// Errors: XX000 where there is nothing.
std::string read_raw_record(BufFile* file, RawPlace place);

}  // namespace customer_import::pg
