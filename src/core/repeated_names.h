// How many records of a file name a customer that an earlier line names already.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace customer_import {

struct Repeats {
    std::int64_t records = 0;
    std::int64_t first_line = 0;  // of the first one; 0 for none

    void add(const Repeats& other) {
        first_line = first_line == 0 || other.first_line == 0 ? first_line + other.first_line
                                                              : std::min(first_line, other.first_line);
        records += other.records;
    }
};

// Counts them where records come in the order of user names, then of lines.
class RepeatedNames {
public:
    void see(std::string_view user_name, std::int64_t line) {
        if (user_name == last_) {
            repeats_.add({1, line});
        } else {
            last_ = user_name;
        }
    }

    const Repeats& repeats() const { return repeats_; }

private:
    std::string last_;  // no user name is empty
    Repeats repeats_;
};

}  // namespace customer_import
