// Texts of users, made safe to be shown: in a message, in a log line, in an error. No I/O.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/visible_text.h"

namespace customer_import::mailer {

// What would hide or deceive is shown by its code point: see core/visible_text.h.
using customer_import::visible;

// Joins the lines of an answer or error of some program by single blanks, then visible() with a limit.
std::string one_line(std::string_view text, std::size_t limit);

// visible(), and safe as content of an HTML element or of a quoted attribute.
std::string html_escaped(std::string_view text);

// The name for a file that is derived from a user's: letters, digits, ". _ -" and single blanks of its last component
// without its extension, at most 60 bytes; empty when nothing is left.
std::string file_stem(std::string_view file_name);

}  // namespace customer_import::mailer
