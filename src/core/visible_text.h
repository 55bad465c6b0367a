// Text of users, shown to people: what cannot be seen, or would deceive, is shown by its code point. And what cells lose
// at their ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace customer_import {

// Takes the next character off `text`: returns its code point, or -1 and one byte where it is not UTF-8.
std::int32_t take_character(std::string_view& text, std::string_view& character);

// Whether a character is invisible by itself: default ignorable, the byte order mark among them. False for -1. Source:
// Unicode Standard 5.21.
bool is_ignorable(std::int32_t code_point);

// Shows controls, line breaks, invisible characters (default ignorable ones, the byte order mark, bidirectional
// formatting) and blanks other than U+0020 and U+3000 as "<U+200B>", and bytes that are not UTF-8 as "\xe9". U+200C and
// U+200D stay where the letters or emoji beside them need them. The result is one line of valid UTF-8, and is shown as itself.
std::string visible(std::string_view text);

// The same, cut between two characters so that at most `limit` bytes are kept; "…" is appended when anything was cut.
std::string visible(std::string_view text, std::size_t limit);

// Whether visible() shows a character of the text by its code point.
bool has_invisible(std::string_view text);

// Returns the cell without blanks (Unicode White_Space) and invisible characters at both ends.
std::string_view trim_cell(std::string_view cell);

}  // namespace customer_import
