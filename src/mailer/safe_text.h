// Texts of users, made safe to be shown: in a message, in a log line, in an error. No I/O.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace customer_import::mailer {

// Shows what would hide or deceive as an escape: control characters, line breaks, invisible and bidirectional
// formatting ("\u202e"), and bytes that are not UTF-8 ("\xe9"). The result is one line of valid UTF-8.
std::string visible(std::string_view text);

// visible(), cut after at most `limit` bytes.
std::string visible(std::string_view text, std::size_t limit);

// Joins the lines of an answer or error of some program by single blanks, then visible() with a limit.
std::string one_line(std::string_view text, std::size_t limit);

// visible(), and safe as content of an HTML element or of a quoted attribute.
std::string html_escaped(std::string_view text);

// The name for a file that is derived from a user's: letters, digits, ". _ -" and single blanks of its last component
// without its extension, at most 60 bytes; empty when nothing is left.
std::string file_stem(std::string_view file_name);

}  // namespace customer_import::mailer
