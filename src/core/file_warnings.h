// What a file has that is passed over or looks wrong without being a fault of a record: told once for all of it, with how
// often it appears and where first.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace customer_import {

class FileWarnings {
public:
    enum class Kind : std::uint8_t {
        blank_record,      // nothing but delimiters and blanks
        short_record,      // cells are missing at its end
        surplus_cells,     // empty cells beyond the header
        repeated_header,   // the header once more
        damaged_cell,      // a value that a program leaves in place of another: `column` and `value` say which
        shortened_number,  // a number as a spreadsheet shortens it, whichever: `column` says where
    };

    // Counts one more on that line, apart for each column and value. Of many different columns and values those that come
    // late are left out: they tell nothing new.
    void add(Kind kind, std::int64_t line, std::string_view column = {}, std::string_view value = {});

    // One sentence for each kind, column and value, by kind and then in order of appearance; without a final full stop.
    std::vector<std::string> texts() const;

private:
    struct Entry {
        Kind kind;
        std::string column;
        std::string value;
        std::int64_t first_line;
        std::int64_t count;
    };

    std::vector<Entry> entries_;
};

}  // namespace customer_import
