#include "core/text.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

#include "core/visible_text.h"

namespace customer_import {

namespace {

constexpr std::size_t npos = std::string_view::npos;

unsigned char byte_at(std::string_view text, std::size_t offset) { return static_cast<unsigned char>(text[offset]); }

bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// The length that a lead byte announces; 1 for a byte that leads nothing, as the server counts it.
std::size_t announced_length(unsigned char lead) {
    if ((lead & 0xE0) == 0xC0) {
        return 2;
    }
    if ((lead & 0xF0) == 0xE0) {
        return 3;
    }
    if ((lead & 0xF8) == 0xF0) {
        return 4;
    }
    return 1;
}

// The bytes of the well-formed character of two bytes or more that `text` starts with, or 0.
std::size_t wide_character_length(std::string_view text) {
    const unsigned char lead = byte_at(text, 0);
    const std::size_t length = announced_length(lead);
    if (length == 1 || lead < 0xC2 || lead > 0xF4 || text.size() < length) {
        return 0;
    }
    const unsigned char second = byte_at(text, 1);
    if (!is_continuation(second)) {
        return 0;
    }
    if (lead == 0xE0 && second < 0xA0) {
        return 0;  // overlong
    }
    if (lead == 0xED && second > 0x9F) {
        return 0;  // surrogates
    }
    if (lead == 0xF0 && second < 0x90) {
        return 0;  // overlong
    }
    if (lead == 0xF4 && second > 0x8F) {
        return 0;  // above U+10FFFF
    }
    for (std::size_t i = 2; i < length; ++i) {
        if (!is_continuation(byte_at(text, i))) {
            return 0;
        }
    }
    return length;
}

bool is_ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// White_Space beyond ASCII: U+0085, U+00A0, U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F, U+3000.
bool is_wide_space(std::string_view character) {
    if (character.size() == 2) {
        return character == "\xC2\x85" || character == "\xC2\xA0";
    }
    if (character.substr(0, 2) == "\xE2\x80") {
        const unsigned char last = byte_at(character, 2);
        return (last >= 0x80 && last <= 0x8A) || last == 0xA8 || last == 0xA9 || last == 0xAF;
    }
    return character == "\xE1\x9A\x80" || character == "\xE2\x81\x9F" || character == "\xE3\x80\x80";
}

std::size_t leading_space(std::string_view text) {
    if (byte_at(text, 0) < 0x80) {
        return is_ascii_space(text.front()) ? 1 : 0;
    }
    for (const std::size_t length : {2, 3}) {
        if (text.size() >= length && is_wide_space(text.substr(0, length))) {
            return length;
        }
    }
    return 0;
}

std::size_t trailing_space(std::string_view text) {
    if (byte_at(text, text.size() - 1) < 0x80) {
        return is_ascii_space(text.back()) ? 1 : 0;
    }
    for (const std::size_t length : {2, 3}) {
        if (text.size() >= length && is_wide_space(text.substr(text.size() - length))) {
            return length;
        }
    }
    return 0;
}

bool only_backslashes(std::string_view text) { return text.find_first_not_of('\\') == npos; }

// By its last character nearly every cell is known not to.
bool ends_with_empty_value(std::string_view text) {
    return text.ends_with(kEmptyValue.back()) && text.ends_with(kEmptyValue);
}

}  // namespace

std::size_t find_invalid_utf8(std::string_view text) {
    constexpr std::uint64_t kHighBits = 0x8080808080808080;
    std::size_t offset = 0;
    while (offset < text.size()) {
        std::uint64_t word = 0;
        if (text.size() - offset >= sizeof(word)) {
            std::memcpy(&word, text.data() + offset, sizeof(word));
            if ((word & kHighBits) == 0) {
                offset += sizeof(word);
                continue;
            }
        }
        if (byte_at(text, offset) < 0x80) {
            ++offset;
            continue;
        }
        const std::size_t length = wide_character_length(text.substr(offset));
        if (length == 0) {
            return offset;
        }
        offset += length;
    }
    return npos;
}

std::string describe_bytes(std::string_view bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string description;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (!description.empty()) {
            description += ' ';
        }
        description += "0x";
        description += kDigits[byte >> 4];
        description += kDigits[byte & 0xF];
    }
    return description;
}

std::string describe_invalid_utf8(std::string_view text, std::size_t offset) {
    return describe_bytes(text.substr(offset, announced_length(byte_at(text, offset))));
}

std::string_view trim(std::string_view text) {
    if (has_plain_ends(text)) {
        return text;
    }
    // ASCII ones first: a cell may be a megabyte of them.
    const auto is_other = [](char c) { return !is_ascii_space(c); };
    text.remove_prefix(static_cast<std::size_t>(std::find_if(text.begin(), text.end(), is_other) - text.begin()));
    while (!text.empty()) {
        const std::size_t length = leading_space(text);
        if (length == 0) {
            break;
        }
        text.remove_prefix(length);
    }
    while (!text.empty()) {
        const std::size_t length = trailing_space(text);
        if (length == 0) {
            break;
        }
        text.remove_suffix(length);
    }
    return text;
}

bool is_ascii(std::string_view text) {
    unsigned char bits = 0;
    for (const char c : text) {
        bits |= static_cast<unsigned char>(c);
    }
    return bits < 0x80;
}

std::string ascii_lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        c = ascii_lower(c);
    }
    return result;
}

int compare_ignoring_ascii_case(std::string_view a, std::string_view b) {
    const std::size_t both = std::min(a.size(), b.size());
    for (std::size_t i = 0; i < both; ++i) {
        const int difference = static_cast<unsigned char>(ascii_lower(a[i])) -
                               static_cast<unsigned char>(ascii_lower(b[i]));
        if (difference != 0) {
            return difference;
        }
    }
    return a.size() == b.size() ? 0 : a.size() < b.size() ? -1 : 1;
}

bool equal_ignoring_ascii_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

namespace {

// The letters of a UTF-8 text, each packed into a number; ASCII ones in lower case.
std::u32string split_letters(std::string_view text) {
    std::u32string letters;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x80 && byte < 0xc0 && !letters.empty()) {
            letters.back() = letters.back() << 8 | byte;
        } else {
            letters.push_back(static_cast<unsigned char>(ascii_lower(c)));
        }
    }
    return letters;
}

char lower(char letter) { return ascii_lower(letter); }
char32_t lower(char32_t letter) { return letter; }

template <typename Text>
std::size_t distance_of_letters(Text a, Text b, std::size_t limit) {
    if (a.size() < b.size()) {
        std::swap(a, b);
    }
    if (a.size() - b.size() > limit) {
        return limit + 1;
    }
    // Three rows of the matrix: an exchange of neighbours looks two rows back.
    const std::size_t width = b.size() + 1;
    std::vector<std::size_t> rows(3 * width);
    std::size_t* before_last = rows.data();
    std::size_t* last = before_last + width;
    std::size_t* current = last + width;
    std::iota(last, last + width, 0);
    for (std::size_t i = 1; i <= a.size(); ++i) {
        current[0] = i;
        std::size_t smallest = i;
        for (std::size_t j = 1; j < width; ++j) {
            const bool same = lower(a[i - 1]) == lower(b[j - 1]);
            current[j] = std::min({last[j] + 1, current[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1])) {
                current[j] = std::min(current[j], before_last[j - 2] + 1);
            }
            smallest = std::min(smallest, current[j]);
        }
        // Later rows hold nothing smaller: an exchange, too, costs no less than replacing the first of the two letters.
        if (smallest > limit) {
            return limit + 1;
        }
        std::swap(before_last, last);
        std::swap(last, current);
    }
    return std::min(last[b.size()], limit + 1);
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
    // A letter has at most four bytes: of texts that differ so much in length nothing needs to be read.
    if (a.size() / 4 > b.size() + limit || b.size() / 4 > a.size() + limit) {
        return limit + 1;
    }
    return is_ascii(a) && is_ascii(b) ? distance_of_letters(a, b, limit)
                                      : distance_of_letters(split_letters(a), split_letters(b), limit);
}

std::string_view first_bytes(std::string_view text, std::size_t limit) {
    if (text.size() <= limit) {
        return text;
    }
    std::size_t end = limit;
    while (end > 0 && is_continuation(byte_at(text, end))) {
        --end;
    }
    return text.substr(0, end);
}

std::string shorten(std::string_view text, std::size_t limit) {
    return text.size() <= limit ? std::string(text) : std::string(first_bytes(text, limit)) + "…";
}

std::string quoted(std::string_view text) { return "\"" + visible(text, 100) + "\""; }

CellMeaning read_last_word(std::string_view cell, std::string_view& text) {
    if (!ends_with_empty_value(cell)) {
        return CellMeaning::text;
    }
    if (cell.size() == kEmptyValue.size()) {
        return CellMeaning::clear;
    }
    if (only_backslashes(cell.substr(0, cell.size() - kEmptyValue.size()))) {
        text.remove_prefix(1);
    }
    return CellMeaning::text;
}

bool needs_escape(std::string_view text) {
    return ends_with_empty_value(text) && only_backslashes(text.substr(0, text.size() - kEmptyValue.size()));
}

}  // namespace customer_import
