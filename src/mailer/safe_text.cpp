#include "mailer/safe_text.h"

#include <utf8proc.h>

#include "core/text.h"

namespace customer_import::mailer {

namespace {

constexpr std::size_t kMaxStemBytes = 60;
constexpr char kDigits[] = "0123456789abcdef";

// Takes the next character from `text`; returns its code point, or -1 and one byte when it is not UTF-8.
utf8proc_int32_t next_character(std::string_view& text, std::string_view& character) {
    utf8proc_int32_t code_point = -1;
    const utf8proc_ssize_t length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                                     static_cast<utf8proc_ssize_t>(text.size()), &code_point);
    character = text.substr(0, length > 0 ? static_cast<std::size_t>(length) : 1);
    text.remove_prefix(character.size());
    return length > 0 ? code_point : -1;
}

void append_hex(std::string& to, utf8proc_int32_t number, int digits) {
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
        to += kDigits[(number >> shift) & 0xF];
    }
}

// Cc, Cf (all bidirectional controls, joiners, tags), line and paragraph separators, surrogates.
bool is_hidden(utf8proc_int32_t code_point) {
    switch (utf8proc_category(code_point)) {
        case UTF8PROC_CATEGORY_CC:
        case UTF8PROC_CATEGORY_CF:
        case UTF8PROC_CATEGORY_ZL:
        case UTF8PROC_CATEGORY_ZP:
        case UTF8PROC_CATEGORY_CS: return true;
        default: return false;
    }
}

void append_escape(std::string& to, utf8proc_int32_t code_point) {
    switch (code_point) {
        case '\n': to += "\\n"; return;
        case '\r': to += "\\r"; return;
        case '\t': to += "\\t"; return;
        default: break;
    }
    to += code_point > 0xFFFF ? "\\U" : "\\u";
    append_hex(to, code_point, code_point > 0xFFFF ? 8 : 4);
}

bool may_stand_in_file_name(utf8proc_int32_t code_point) {
    if (code_point < 0) {
        return false;
    }
    if (code_point == '.' || code_point == '_' || code_point == '-') {
        return true;
    }
    switch (utf8proc_category(code_point)) {
        case UTF8PROC_CATEGORY_LU:
        case UTF8PROC_CATEGORY_LL:
        case UTF8PROC_CATEGORY_LT:
        case UTF8PROC_CATEGORY_LM:
        case UTF8PROC_CATEGORY_LO:
        case UTF8PROC_CATEGORY_MN:
        case UTF8PROC_CATEGORY_MC:
        case UTF8PROC_CATEGORY_ND: return true;
        default: return false;
    }
}

}  // namespace

std::string visible(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    std::string_view character;
    while (!text.empty()) {
        const utf8proc_int32_t code_point = next_character(text, character);
        if (code_point < 0) {
            result += "\\x";
            append_hex(result, static_cast<unsigned char>(character.front()), 2);
        } else if (is_hidden(code_point)) {
            append_escape(result, code_point);
        } else {
            result += character;
        }
    }
    return result;
}

std::string visible(std::string_view text, std::size_t limit) {
    // Escaping only lengthens, so no more than `limit` bytes are needed; one more tells that something was cut.
    return shorten(visible(text.substr(0, limit + 4)), limit);
}

std::string one_line(std::string_view text, std::size_t limit) {
    std::string line;
    for (const char c : text.substr(0, 4 * limit)) {
        const bool blank = c == '\n' || c == '\r' || c == '\t' || c == ' ';
        if (!blank) {
            line += c;
        }
        if (blank && !line.empty() && line.back() != ' ') {
            line += ' ';
        }
    }
    if (line.ends_with(' ')) {
        line.pop_back();
    }
    return visible(line, limit);
}

std::string html_escaped(std::string_view text) {
    std::string result;
    for (const char c : visible(text)) {
        switch (c) {
            case '&': result += "&amp;"; break;
            case '<': result += "&lt;"; break;
            case '>': result += "&gt;"; break;
            case '"': result += "&quot;"; break;
            case '\'': result += "&#39;"; break;
            default: result += c;
        }
    }
    return result;
}

std::string file_stem(std::string_view file_name) {
    const std::size_t slash = file_name.find_last_of("/\\");
    if (slash != std::string_view::npos) {
        file_name.remove_prefix(slash + 1);
    }
    const std::size_t dot = file_name.rfind('.');
    if (dot != std::string_view::npos && dot > 0) {
        file_name = file_name.substr(0, dot);
    }
    std::string stem;
    std::string_view character;
    while (!file_name.empty()) {
        const bool allowed = may_stand_in_file_name(next_character(file_name, character));
        if (!allowed) {
            character = character == " " ? " " : "_";
        }
        const bool repeats = !allowed && !stem.empty() && stem.ends_with(character);
        if (stem.size() + character.size() > kMaxStemBytes) {
            break;
        }
        if (!repeats) {
            stem += character;
        }
    }
    // A leading dot hides a file, a leading dash is an option; Windows drops trailing dots and blanks.
    const std::size_t first = stem.find_first_not_of(" ._-");
    if (first == std::string::npos) {
        return {};
    }
    return stem.substr(first, stem.find_last_not_of(" ._-") - first + 1);
}

}  // namespace customer_import::mailer
