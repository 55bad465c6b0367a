// The form of a message on the wire: headers, encodings, parts. No I/O, and no knowledge of imports. Every header
// passes header_line(), which refuses whatever could end the header early.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace customer_import::mailer {

inline constexpr std::size_t kEncodedLineLength = 76;

// True when the text may be part of a header: valid UTF-8 without control characters and without anything that some
// reader takes for a line break (CR, LF, NUL, VT, FF, NEL, U+2028, U+2029).
bool is_header_text(std::string_view text);

// Returns "Name: value\r\n", folded, non-ASCII text as encoded words; nothing when the name is no header name or the
// value is no header text. Source: RFC 5322 2.2, RFC 2047.
std::optional<std::string> header_line(std::string_view name, std::string_view value);

// Like header_line() for one mailbox; nothing when the address is not of the strict grammar either. An empty display
// name leaves the bare address.
std::optional<std::string> mailbox_line(std::string_view name, std::string_view display_name, std::string_view address);

// Returns "Content-Disposition: attachment" with the file name, as RFC 2231 sections where it is not ASCII.
std::optional<std::string> attachment_line(std::string_view file_name);

// Lines of 76 characters, each ended by CRLF. Source: RFC 2045 6.8.
std::string encode_base64(std::string_view bytes);

// Text with LF or CRLF line ends becomes lines of at most 76 characters that end with CRLF. Source: RFC 2045 6.7.
std::string encode_quoted_printable(std::string_view text);

// A part of UTF-8 text ("plain", "html") with its headers.
std::string text_part(std::string_view subtype, std::string_view text);

// A text/csv attachment in base64; nothing when the file name is no header text.
std::optional<std::string> csv_part(std::string_view file_name, std::string_view bytes);

// Joins parts under a Content-Type header. `token` is of letters and digits: the boundary made of it begins with "=_",
// which neither encoding can produce, so it never occurs inside of a part.
std::string multipart(std::string_view subtype, std::string_view token, const std::vector<std::string>& parts);

// Seconds since 1970 as a Date, in UTC and without the locale: "Wed, 01 May 2024 12:00:00 +0000".
std::string date_text(long long unix_seconds);

// The same bytes with LF as line end, as programs and mailboxes on this machine want them.
std::string with_unix_line_ends(std::string_view message);

}  // namespace customer_import::mailer
