// The single-byte encodings that programs still save CSV in and the server has no conversion for: of MS-DOS and of the old
// Macintosh. Every byte is a character in them, those below 0x80 are ASCII. Source: the tables of unicode.org.
#pragma once

#include <array>
#include <string_view>

namespace customer_import {

// The characters of the bytes from 0x80.
using CodePage = std::array<char16_t, 128>;

// The names of them, as find_code_page() takes them.
inline constexpr std::array<std::string_view, 5> kCodePages = {"CP437", "CP850", "CP852", "CP858", "MACINTOSH"};

// Returns a code page by its name, or null if there is none.
const CodePage* find_code_page(std::string_view name);

}  // namespace customer_import
