#include "core/blank_text.h"

#include <utf8proc.h>

#include <cstddef>

#include "core/text.h"

namespace customer_import {

namespace {

constexpr char kEndOfFileMark = '\x1a';

// The bytes of the blank character that `text` starts with, or 0.
std::size_t leading_blank(std::string_view text) {
    const char first = text.front();
    if (is_ascii(text.substr(0, 1))) {
        return first == ' ' || (first >= '\t' && first <= '\r') || first == kEndOfFileMark ? 1 : 0;
    }
    utf8proc_int32_t character = 0;
    const utf8proc_ssize_t length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                                     static_cast<utf8proc_ssize_t>(text.size()), &character);
    if (length <= 0) {
        return 0;  // no UTF-8
    }
    const std::string_view bytes = text.substr(0, static_cast<std::size_t>(length));
    return utf8proc_get_property(character)->ignorable || trim(bytes).empty() ? bytes.size() : 0;
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
