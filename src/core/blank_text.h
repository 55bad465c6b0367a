// Part of step 1: what of a file is blank, that is what nobody sees: spreadsheets write whole rows of it.
#pragma once

#include <string_view>

namespace customer_import {

// True when all characters are White_Space, default ignorable (zero width, a byte order mark) or the DOS end-of-file mark
// ^Z. Source: Unicode Standard 5.21.
bool is_blank_text(std::string_view text);

// True for a line of nothing but such characters and delimiters.
bool is_blank_line(std::string_view line, std::string_view delimiters);

// True for one ^Z or more: DOS programs end a file by it.
bool is_end_of_file_mark(std::string_view line);

}  // namespace customer_import
