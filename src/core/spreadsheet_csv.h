// Rejected records as a CSV file that is safe to open in a spreadsheet program, and that the importer reads back
// exactly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/header_map.h"
#include "core/pace.h"

namespace customer_import {

// The column that says which cells of a record were escaped: names of fields, separated by ";".
inline constexpr std::string_view kEscapedColumn = "_escaped";

// True for a cell that a spreadsheet program may take for a formula: it begins with = + - @, a tab or a carriage
// return, or their full-width forms. Source: OWASP, CSV Injection.
bool is_formula(std::string_view cell);

// Undoes the escape of a cell that the column above names: drops one leading "'".
std::string_view unescape_formula(std::string_view cell);

// True when the list of the column above names a field.
bool names_escaped_field(std::string_view list, std::string_view field);

struct RejectedRecord {
    std::int64_t line = 0;
    std::string raw;  // as it came, in UTF-8
    std::string error;
};

struct SpreadsheetFile {
    std::string csv;
    std::size_t records = 0;  // how many of the records are in it
};

// Writes header and records, followed by _line, _error and _escaped, as long as they take at most `max_bytes`. A record
// that is not CSV, or has another number of fields than the header, is in its first cell as a whole. Such a record, and
// one with U+FFFD, has one cell too many, so that an importer rejects it until it is corrected.
SpreadsheetFile make_spreadsheet_csv(std::string_view raw_header, char delimiter, const std::vector<Field>& fields,
                                     std::span<const RejectedRecord> records, std::size_t max_bytes,
                                     InterruptCheck check = ask_nobody);

}  // namespace customer_import
