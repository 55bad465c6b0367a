// Text that was damaged before it came here, as far as one can tell: what programs put in the place of a value that they
// could not keep. Nothing is decided here but what such text looks like, and how it is told.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/issue.h"

namespace customer_import {

// What a cell as a whole may be instead of a value.
enum class Damage : std::uint8_t {
    none,
    error_value,       // of a formula: #N/A, #REF!, #WERT!
    missing_value,     // of a program that writes one as a word: NULL, None, nan, \N
    shortened_number,  // a long number as a spreadsheet shows it: 1.00235E+11
};
Damage find_damage(std::string_view cell);

// U+FFFD, which programs put in the place of bytes that they could not read.
inline constexpr std::string_view kReplacementCharacter = "\uFFFD";
bool has_replacement_character(std::string_view text);

// Whether a cell seems to mean _EMPTY_VALUE_ but is not exactly that: another case, blanks, brackets, other or no
// underscores, or one letter wrong.
bool is_near_empty_value(std::string_view cell);

// Whether a cell of role codes holds a word or a dash for "none" instead of a code.
bool stands_for_no_role(std::string_view code);

// Whether a user name is to be taken only where a customer has it already: it has characters that cannot be seen inside,
// so that it looks like another one, or it is damaged or the guard of a spreadsheet is left in it (unless
// `keeps_damaged`).
bool is_doubtful_name(std::string_view name, bool keeps_damaged);

// Whether a text is to be written nowhere: it is damaged inside, or seems to mean _EMPTY_VALUE_.
bool is_doubtful_text(std::string_view text);

// What is wrong with such a name or text. `column` is the name of its field.
Issue doubtful_name_issue(std::string_view name);
Issue doubtful_text_issue(std::string_view column, std::string_view text);

// How a cell that was to clear something is written; of a role column how one that was to change nothing is.
std::string empty_value_hint(std::string_view column);

}  // namespace customer_import
