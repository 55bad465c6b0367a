// Step 1 and before: what the first bytes of a file say of it: its encoding by a byte order mark, or that it is no CSV
// at all, but what a spreadsheet program or a browser saves beside it.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/result.h"

namespace customer_import {

// So many first bytes of a file, or all if it has less, are enough for the functions below. More tell ZIP archives apart.
inline constexpr std::size_t kFileKindBytes = 4096;

inline constexpr std::string_view kUtf8 = "UTF8";
inline constexpr std::string_view kUtf16 = "UTF-16";
inline constexpr std::string_view kUtf16LittleEndian = "UTF-16LE";
inline constexpr std::string_view kUtf16BigEndian = "UTF-16BE";

// Returns the encoding that a byte order mark names, one of the last three or UTF8; empty if there is none.
std::string_view marked_encoding(std::string_view begin);

// Returns which UTF-16 text without a byte order mark is in, by where its first NUL is: a header has ASCII characters.
std::string_view unmarked_utf16(std::string_view begin);

// Refuses what is no CSV: workbooks, archives, documents, pictures, pages of the web, and text in UTF-32.
Status refuse_other_kind(std::string_view begin);

}  // namespace customer_import
