#include "mailer/safe_text.h"

#include <utf8proc.h>

namespace customer_import::mailer {

namespace {

constexpr std::size_t kMaxStemBytes = 60;

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
        const bool allowed = may_stand_in_file_name(take_character(file_name, character));
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
