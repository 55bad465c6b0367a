// The columns that are appended to rejected records: _line and _error, where it is needed _escaped and _broken. A file
// that has them already, because its records were rejected once before, loses them first, so that it never has them twice.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace customer_import {

inline constexpr std::string_view kLineColumn = "_line";
inline constexpr std::string_view kErrorColumn = "_error";

// The column that marks a record which cannot be imported before somebody has corrected it.
inline constexpr std::string_view kBrokenColumn = "_broken";

// The most own columns that a file has besides the columns that are counted, and the most bytes that their cells add to
// a record: a file that may be imported may also be imported with them.
inline constexpr std::size_t kMaxOwnColumns = 16;
inline constexpr std::size_t kMaxOwnBytes = std::size_t{64} * 1024;

// Whether a header names an own column.
bool is_own_column(std::string_view header);

// What is wrong with a record as the cell _error: one that is too long is cut.
std::string error_cell(std::string_view error);

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
