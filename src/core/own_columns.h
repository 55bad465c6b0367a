// The columns that rejected_csv() appends to a file: _line and _error. A file that has them already, because its
// records were rejected once before, loses them first, so that it never has them twice.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace customer_import {

class OwnColumns {
public:
    // `header` lives as long as the object.
    OwnColumns(std::string_view header, char delimiter);

    // The header without the pairs of _line and _error at its end.
    std::string_view header() const { return header_; }

    // A record that may be imported as it is, with as many fields as the header: empty ones are added, surplus empty ones
    // dropped. As it is when a quote is open at its end.
    std::string complete(std::string_view record) const;

    // A record without the fields of these columns; as it is when it has another number of fields than the header.
    std::string_view strip(std::string_view record) const;

private:
    char delimiter_;
    std::string_view header_;
    std::size_t columns_ = 0;  // of the header as it came
    std::size_t kept_ = 0;
};

}  // namespace customer_import
