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
    // Belongs to the current (sub)transaction, unless it `outlives` that: then its file is in the tablespace of the
    // database, as what the server keeps for so long is.
    explicit RawRecords(bool outlives) : outlives_(outlives) {}
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

    const bool outlives_;
    std::string recent_;  // not in the file yet
    File file_ = -1;      // -1: there is none. No BufFile: that writes once more when it is closed, which may fail
    std::uint64_t written_ = 0;
};

// Raises the error of a place where there is no record.
[[noreturn]] void refuse_raw_place();

}  // namespace customer_import::pg
