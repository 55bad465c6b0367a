// Small facts about text that several steps need: UTF-8 validity, trimming, near misses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace customer_import {

inline constexpr std::string_view kEmptyValue = "_EMPTY_VALUE_";

// A hash map with texts as keys that is searched by views.
struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
};
template <class Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

// A hash that reads no more than the ends of a text: for caches alone, where texts of the same hash only take each other's
// place.
inline std::size_t hash_of_ends(std::string_view text) {
    std::uint64_t begin = 0, end = 0;
    if (text.size() >= sizeof begin) {
        std::memcpy(&begin, text.data(), sizeof begin);
        std::memcpy(&end, text.data() + text.size() - sizeof end, sizeof end);
    } else if (text.size() >= sizeof begin / 2) {
        std::memcpy(&begin, text.data(), sizeof begin / 2);
        std::memcpy(&end, text.data() + text.size() - sizeof end / 2, sizeof end / 2);
    } else {
        for (const char c : text) {
            begin = begin << 8 | static_cast<unsigned char>(c);
        }
    }
    constexpr std::uint64_t kMixer = 0x9E3779B97F4A7C15;
    return static_cast<std::size_t>(((begin ^ end * kMixer ^ text.size()) * kMixer) >> 32);
}

// Returns the offset of the first byte that is not valid UTF-8 (overlong forms, surrogates and code points above
// U+10FFFF are invalid), or npos. Source: RFC 3629.
std::size_t find_invalid_utf8(std::string_view text);

// Writes bytes as the server does, e.g. "0xe2 0x28".
std::string describe_bytes(std::string_view bytes);

// Describes the invalid sequence at `offset` as the server does, e.g. "0xe2 0x28".
std::string describe_invalid_utf8(std::string_view text, std::size_t offset);

// Whether the text begins and ends with visible ASCII characters: as nearly every cell, which has nothing to trim then.
constexpr bool has_plain_ends(std::string_view text) {
    const auto is_visible = [](char c) { return c > ' ' && c <= '~'; };
    return !text.empty() && is_visible(text.front()) && is_visible(text.back());
}

// Returns `text` without Unicode White_Space at both ends. Bytes that are not UTF-8 are not white space.
std::string_view trim(std::string_view text);

// Whether all bytes are ASCII characters.
bool is_ascii(std::string_view text);

// Lower-cases ASCII letters only.
constexpr char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
std::string ascii_lower(std::string_view text);

// Compares by bytes, ASCII letters as lower case ones: less than, equal to or greater than 0.
int compare_ignoring_ascii_case(std::string_view a, std::string_view b);

// True when both are equal but for the case of ASCII letters.
bool equal_ignoring_ascii_case(std::string_view a, std::string_view b);

// Optimal string alignment distance (an exchange of neighbours counts one) over letters of UTF-8, ASCII case ignored,
// cut off: returns limit + 1 when it is above `limit`. Source: Damerau 1964, Wagner and Lowrance 1975.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

// Returns the first characters, as many as have at most `limit` bytes.
std::string_view first_bytes(std::string_view text, std::size_t limit);

// Cuts at a character boundary so that at most `limit` bytes are kept, and appends "…" when anything was cut.
std::string shorten(std::string_view text, std::size_t limit);

// Quotes a user's text for a message: as visible() shows it, in 100 bytes at the most.
std::string quoted(std::string_view text);

// What a cell says by the rules of _EMPTY_VALUE_ (doc/csv_file.md).
enum class CellMeaning { keep, clear, text };

// read_cell() for cells whose last character is that of the word, and whose `text` is the cell already.
CellMeaning read_last_word(std::string_view cell, std::string_view& text);

// Decides the meaning of a cell and drops one escaping backslash where there is one: `text` then points into `cell`.
inline CellMeaning read_cell(std::string_view cell, std::string_view& text) {
    text = cell;
    return cell.empty()                        ? CellMeaning::keep
           : cell.back() == kEmptyValue.back() ? read_last_word(cell, text)
                                               : CellMeaning::text;
}

// The inverse for export: returns true when `text` must get one more backslash to survive read_cell.
bool needs_escape(std::string_view text);

}  // namespace customer_import
