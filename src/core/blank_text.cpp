#include "core/blank_text.h"

#include <cstddef>
#include <cstdint>

#include "core/text.h"
#include "core/visible_text.h"

namespace customer_import {

namespace {

constexpr char kEndOfFileMark = '\x1a';

// The bytes of the blank character that `text` starts with, or 0.
std::size_t leading_blank(std::string_view text) {
    const char first = text.front();
    if (is_ascii(text.substr(0, 1))) {
        return first == ' ' || (first >= '\t' && first <= '\r') || first == kEndOfFileMark ? 1 : 0;
    }
    std::string_view character;
    const std::int32_t code_point = take_character(text, character);
    return is_ignorable(code_point) || (code_point >= 0 && trim(character).empty()) ? character.size() : 0;
}

}  // namespace

bool is_blank_text(std::string_view text) { return is_blank_line(text, {}); }

bool is_blank_line(std::string_view line, std::string_view delimiters) {
    while (!line.empty()) {
        const bool is_delimiter = delimiters.find(line.front()) != std::string_view::npos;
        const std::size_t length = is_delimiter ? 1 : leading_blank(line);
        if (length == 0) {
            return false;
        }
        line.remove_prefix(length);
    }
    return true;
}

bool is_end_of_file_mark(std::string_view line) {
    return !line.empty() && line.find_first_not_of(kEndOfFileMark) == std::string_view::npos;
}

}  // namespace customer_import
