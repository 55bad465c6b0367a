// Cells that a spreadsheet program would change, written so that they come back exactly: the file goes out to people who
// open it in such a program, save it and import it again.
//
// A guarded cell begins with an apostrophe, which makes it plain text to every program, and the cell `_escaped` of its
// record names its column. What programs rewrite even in plain text (line breaks, control characters, blanks at the end)
// is coded besides: \n, \r, \t, \\ and \u with four hexadecimal digits.
#pragma once

#include <string>
#include <string_view>

namespace customer_import {

// The column that says which cells of a record are guarded: names of columns, separated by ";"; one whose cell is coded is
// followed by "\".
inline constexpr std::string_view kEscapedColumn = "_escaped";

enum class Guard { none, plain, coded };

// True for a cell that a spreadsheet program may take for a formula: it begins with = + - @, a tab or a carriage
// return, or their full-width forms. Source: OWASP, CSV Injection.
bool is_formula(std::string_view cell);

// Says which guard a cell needs. Guards more rather than less: LibreOffice 7.4 was tried in German and US locale, Excel is
// as its documentation says.
Guard guard_needed(std::string_view cell);

// Returns the cell behind its guard.
std::string guarded(std::string_view cell, Guard guard);

// The inverse of guarded(). Somebody may have typed another text into the cell, or a program may have taken the
// apostrophe away. `storage` holds what is decoded.
std::string_view unguarded(std::string_view cell, Guard guard, std::string& storage);

// A header as a cell of a file with the column `_escaped`: one that needs a guard is coded, so that it needs no list.
std::string guarded_header(std::string_view header);
inline std::string_view unguarded_header(std::string_view header, std::string& storage) {
    return header.starts_with('\'') ? unguarded(header, Guard::coded, storage) : header;
}

// Adds a column to the list of `_escaped`.
void note_guard(std::string& list, std::string_view column, Guard guard);

// The list as a cell that no program changes.
std::string guard_list_cell(const std::string& list);

// Which guard the list names for a column.
Guard listed_guard(std::string_view list, std::string_view column);

// True for a user name that seems to be a guarded one whose column `_escaped` was lost.
inline bool seems_guarded(std::string_view name) {
    return name.starts_with('\'') && guard_needed(name.substr(1)) != Guard::none;
}

}  // namespace customer_import
