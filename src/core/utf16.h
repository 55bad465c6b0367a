// UTF-16 to UTF-8 and back. Source: RFC 2781.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace customer_import {

enum class ByteOrder { little_endian, big_endian };

// Converts the characters up to the first that is broken or incomplete, appends them to `out`, and returns how many
// bytes they have.
std::size_t utf16_to_utf8(std::string_view bytes, ByteOrder order, std::string& out);

// Converts valid UTF-8.
void utf8_to_utf16(std::string_view text, ByteOrder order, std::string& out);

// How many bytes the character has that begins with these, at least one; two if it is broken.
std::size_t utf16_character_bytes(std::string_view bytes, ByteOrder order);

}  // namespace customer_import
