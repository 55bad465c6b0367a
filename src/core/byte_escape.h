// Bytes that are invalid in the encoding of a file, or have to be kept as they are, inside of UTF-8 text as lone
// surrogates (U+DC00 to U+DCFF), which no valid UTF-8 contains: the validator rejects their record, and the byte can be
// restored. Source: PEP 383, for bytes from 0x80.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace customer_import {

inline constexpr std::size_t kByteEscapeBytes = 3;

// Appends the escape of a byte from 0x80. A lower byte, which is invalid only because of the bytes before it, is
// appended as it is.
void append_byte_escape(std::string& to, unsigned char byte);

// Appends the escape of any byte.
void append_exact_byte(std::string& to, unsigned char byte);

// Returns the byte whose escape the text begins with, or -1 if it begins with none.
int read_byte_escape(std::string_view text);

}  // namespace customer_import
