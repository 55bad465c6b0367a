#include "core/spreadsheet_guard.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>

#include "core/text.h"

namespace customer_import {

namespace {

// Excel shows a longer number with an exponent, and saves what it shows.
constexpr std::size_t kMaxDigits = 11;
constexpr std::size_t kMaxMonthBytes = 10;  // September, Donnerstag

constexpr bool is_decimal_digit(char c) { return c >= '0' && c <= '9'; }

// The character at the begin of a text that is not empty, and its bytes; a byte that is not UTF-8 has code -1.
struct Character {
    std::int32_t code = -1;
    std::size_t bytes = 1;
};

Character first_character(std::string_view text) {
    Character first{static_cast<unsigned char>(text.front()), 1};
    if (first.code < 0x80) {
        return first;
    }
    utf8proc_int32_t code = 0;
    const auto bytes = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                        static_cast<utf8proc_ssize_t>(text.size()), &code);
    if (bytes < 1) {
        return {-1, 1};
    }
    return {code, static_cast<std::size_t>(bytes)};
}

// What does not come through a spreadsheet program, or not through the files that it writes: controls, line and
// paragraph separator, byte order mark, and what is no character.
bool must_be_coded(std::int32_t code) {
    return (code > 0 && code < 0x20) || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029 ||
           code == 0xFEFF || code == 0xFFFE || code == 0xFFFF;
}

bool has_something_to_code(std::string_view cell) {
    for (std::size_t i = 0; i < cell.size();) {
        const auto byte = static_cast<unsigned char>(cell[i]);
        if (byte >= 0x20 && byte < 0x7F) {
            ++i;
            continue;
        }
        const Character next = first_character(cell.substr(i));
        if (must_be_coded(next.code)) {
            return true;
        }
        i += next.bytes;
    }
    return false;
}

// As LibreOffice and Excel write them in the languages that they are most used in; in lower case.
bool is_boolean(std::string_view cell) {
    static constexpr std::array<std::string_view, 31> kWords = {"true",          "false",
                                                                "wahr",          "falsch",
                                                                "vrai",          "faux",
                                                                "verdadero",     "verdadeiro",
                                                                "falso",         "vero",
                                                                "waar",          "onwaar",
                                                                "prawda",        "sant",
                                                                "sann",          "sand",
                                                                "falskt",        "falsk",
                                                                "usant",         "usann",
                                                                "tosi",          "igaz",
                                                                "hamis",         "pravda",
                                                                "nepravda",      "adev\xc4\x83rat",
                                                                "fals",          "fa\xc5\x82sz",
                                                                "FA\xc5\x81SZ",  "FA\xc5\x82SZ",
                                                                "ep\xc3\xa4tosi"};
    constexpr std::size_t kLongest = 12;
    if (cell.size() < 4 || cell.size() > kLongest) {
        return false;
    }
    const std::string word = ascii_lower(cell);
    return std::any_of(kWords.begin(), kWords.end(),
                       [&](std::string_view known) { return known == word || known == cell; });
}

// A word that a number, a date, a time or an amount may have; `word` is ASCII in lower case. Names of months and
// weekdays are known by their first three letters.
bool may_be_of_a_value(std::string_view word) {
    static constexpr std::string_view kWords =
        " a am at aud brl cad cet chf cny czk d de del den der di dkk dm do e eur fr ft gbp gmt h hkd huf inr jpy kc kr krw"
        " m mi mo mxn nd nok nzd of p pln pm r rd rmb rs rub s sa sek sgd so st t th the tl try uhr um usd utc y z zar zl ";
    static constexpr std::string_view kMonthsAndDays =
        " abr ago agu aou apr aug avr cze dec den des dez dic die dim dom don ene feb fev fre fri gen giu gru jan jeu jue jui"
        " jul jun kwi lip lis lug lun lut lut maa mag mai maj mar may mei mer mes mie mit mon mrt mrz nov oct okt ott out"
        " paz qua qui sab sam sat seg sep set sex sie son sty sun ter thu tue ven vie wed wrz ";
    const auto is_listed = [](std::string_view list, std::string_view text) {
        for (std::size_t at = list.find(text); at != std::string_view::npos; at = list.find(text, at + 1)) {
            if (list[at - 1] == ' ' && list[at + text.size()] == ' ') {
                return true;
            }
        }
        return false;
    };
    return is_listed(kWords, word) ||
           (word.size() >= 3 && word.size() <= kMaxMonthBytes && is_listed(kMonthsAndDays, word.substr(0, 3)));
}

struct Letters {
    bool has_digit = false;
    bool has_ordinary_word = false;  // one that no number, date, time or amount has
};

Letters find_letters(std::string_view cell) {
    Letters found;
    std::string word;
    bool is_ascii_word = true;
    const auto end_word = [&] {
        found.has_ordinary_word = found.has_ordinary_word ||
                                  (!word.empty() && is_ascii_word && !may_be_of_a_value(word));
        word.clear();
        is_ascii_word = true;
    };
    for (std::size_t i = 0; i < cell.size() && !(found.has_digit && found.has_ordinary_word);) {
        const Character next = first_character(cell.substr(i));
        i += next.bytes;
        if (next.code < 0x80) {
            const char c = ascii_lower(static_cast<char>(next.code));
            if (c >= 'a' && c <= 'z') {
                word += c;
                continue;
            }
            end_word();
            found.has_digit = found.has_digit || is_decimal_digit(c);
            continue;
        }
        switch (utf8proc_category(next.code)) {
            case UTF8PROC_CATEGORY_ND:
            case UTF8PROC_CATEGORY_NO:
            case UTF8PROC_CATEGORY_NL:
                end_word();
                found.has_digit = true;
                break;
            case UTF8PROC_CATEGORY_LU:
            case UTF8PROC_CATEGORY_LL:
            case UTF8PROC_CATEGORY_LT:
            case UTF8PROC_CATEGORY_LM:
            case UTF8PROC_CATEGORY_LO:
            case UTF8PROC_CATEGORY_MN:
            case UTF8PROC_CATEGORY_MC:
                is_ascii_word = false;  // of a month in another language, perhaps
                word += '?';
                break;
            default: end_word(); break;
        }
    }
    end_word();
    return found;
}

bool is_read_as_value(std::string_view cell) {
    if (is_formula(cell) || cell.front() == '#' || is_boolean(cell)) {  // #N/A is an error value
        return true;
    }
    if (cell.front() == '\'' || cell.front() == ';') {  // a guarded text, a list of columns
        return false;
    }
    const bool all_digits = std::all_of(cell.begin(), cell.end(), is_decimal_digit);
    if (all_digits && cell.size() <= kMaxDigits && (cell.front() != '0' || cell.size() == 1)) {
        return false;
    }
    const Letters letters = find_letters(cell);
    return letters.has_digit && !letters.has_ordinary_word;
}

void append_code(std::string& out, std::int32_t code) {
    constexpr const char* kDigits = "0123456789abcdef";
    switch (code) {
        case '\n': out += "\\n"; return;
        case '\r': out += "\\r"; return;
        case '\t': out += "\\t"; return;
        case '\\': out += "\\\\"; return;
        default: break;
    }
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) {
        out += kDigits[(code >> shift) & 0xF];
    }
}

// Codes what does not come through, also a blank at the end, and `others`.
std::string coded(std::string_view text, std::string_view others = {}) {
    const std::string_view trimmed = trim(text);
    const std::size_t end_of_text = trimmed.empty()
                                        ? 0
                                        : static_cast<std::size_t>(trimmed.data() - text.data()) + trimmed.size();
    std::string result;
    for (std::size_t i = 0; i < text.size();) {
        const Character next = first_character(text.substr(i));
        const bool is_other = text[i] == '\\' || others.find(text[i]) != std::string_view::npos;
        const bool is_last_blank = i >= end_of_text && i + next.bytes == text.size();
        if (next.code > 0 && (is_other || is_last_blank || must_be_coded(next.code))) {
            append_code(result, next.code);
        } else {
            result += text.substr(i, next.bytes);
        }
        i += next.bytes;
    }
    return result;
}

// The character that four hexadecimal digits name; -1 for none that a text may have.
std::int32_t parse_code(std::string_view digits) {
    if (digits.size() != 4) {
        return -1;
    }
    std::int32_t code = 0;
    for (const char digit : digits) {
        const char c = ascii_lower(digit);
        if (!is_decimal_digit(c) && (c < 'a' || c > 'f')) {
            return -1;
        }
        code = code * 16 + (is_decimal_digit(c) ? c - '0' : c - 'a' + 10);
    }
    return code == 0 || (code >= 0xD800 && code < 0xE000) ? -1 : code;
}

// The inverse of coded(). What is no code stays as it is.
void decode(std::string_view text, std::string& out) {
    out.clear();
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            out += text[i];
            continue;
        }
        const char code = text[i + 1];
        if (code == 'u') {
            const std::int32_t character = parse_code(text.substr(i + 2, 4));
            if (character >= 0) {
                utf8proc_uint8_t bytes[4];
                const auto size = utf8proc_encode_char(character, bytes);
                out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
                i += 5;
                continue;
            }
        }
        const std::size_t known = std::string_view("nrt\\").find(code);
        if (known == std::string_view::npos) {
            out += '\\';
            continue;
        }
        out += "\n\r\t\\"[known];
        ++i;
    }
}

}  // namespace

bool is_formula(std::string_view cell) {
    for (const std::string_view start :
         {"=", "+", "-", "@", "\t", "\r", "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0"}) {
        if (cell.starts_with(start)) {
            return true;
        }
    }
    return false;
}

Guard guard_needed(std::string_view cell) {
    if (cell.empty()) {
        return Guard::none;
    }
    const std::string_view trimmed = trim(cell);
    const bool ends_with_blank = trimmed.empty() || trimmed.data() + trimmed.size() != cell.data() + cell.size();
    if (ends_with_blank || has_something_to_code(cell)) {
        return Guard::coded;
    }
    return trimmed.size() < cell.size() || is_read_as_value(cell) ? Guard::plain : Guard::none;
}

std::string guarded(std::string_view cell, Guard guard) {
    switch (guard) {
        case Guard::none: break;
        case Guard::plain: return "'" + std::string(cell);
        case Guard::coded: return "'" + coded(cell);
    }
    return std::string(cell);
}

std::string_view unguarded(std::string_view cell, Guard guard, std::string& storage) {
    if (guard == Guard::none) {
        return cell;
    }
    if (cell.starts_with('\'')) {
        cell.remove_prefix(1);
    }
    if (guard == Guard::plain || cell.find('\\') == std::string_view::npos) {
        return cell;
    }
    decode(cell, storage);
    return storage;
}

std::string guarded_header(std::string_view header) {
    const bool is_plain = guard_needed(header) == Guard::none && !header.starts_with('\'');
    return guarded(header, is_plain ? Guard::none : Guard::coded);
}

void note_guard(std::string& list, std::string_view column, Guard guard) {
    if (guard == Guard::none) {
        return;
    }
    list += (list.empty() ? "" : ";") + coded(column, ";") + (guard == Guard::coded ? "\\" : "");
}

std::string guard_list_cell(const std::string& list) {
    return guard_needed(list) == Guard::none ? list : ";" + list;  // names of nothing are passed over
}

Guard listed_guard(std::string_view list, std::string_view column) {
    while (!list.empty()) {
        const std::size_t end = list.find(';');
        std::string_view name = trim(list.substr(0, end));
        const std::size_t last = name.find_last_not_of('\\');
        const std::size_t backslashes = name.size() - (last == std::string_view::npos ? 0 : last + 1);
        const bool is_coded = backslashes % 2 == 1;
        if (is_coded) {
            name.remove_suffix(1);
        }
        std::string storage;
        if (name.find('\\') != std::string_view::npos) {
            decode(name, storage);
            name = storage;
        }
        if (!column.empty() && equal_ignoring_ascii_case(name, column)) {
            return is_coded ? Guard::coded : Guard::plain;
        }
        list = end == std::string_view::npos ? std::string_view() : list.substr(end + 1);
    }
    return Guard::none;
}

}  // namespace customer_import
