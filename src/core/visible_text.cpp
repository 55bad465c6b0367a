#include "core/visible_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>

#include "core/text.h"

namespace customer_import {

namespace {

constexpr char32_t kZeroWidthNonJoiner = 0x200C, kZeroWidthJoiner = 0x200D;

constexpr bool is_plain(char c) { return c >= ' ' && c <= '~'; }

bool is_plain_text(std::string_view text) { return std::all_of(text.begin(), text.end(), is_plain); }

// Scripts whose letters take other shapes beside a joiner: Arabic to Myanmar, Tagalog to Vedic signs, Syloti Nagri to
// Meetei Mayek, the presentation forms of Arabic, those of the first supplementary plane, Adlam.
bool is_of_joining_script(utf8proc_int32_t code_point) {
    constexpr struct {
        utf8proc_int32_t first, last;
    } kScripts[] = {{0x0600, 0x109F}, {0x1700, 0x1CFF}, {0xA800, 0xAAFF},   {0xABC0, 0xABFF},
                    {0xFB50, 0xFDFF}, {0xFE70, 0xFEFC}, {0x10A00, 0x11FFF}, {0x1E900, 0x1E95F}};
    return std::any_of(std::begin(kScripts), std::end(kScripts),
                       [&](const auto& script) { return code_point >= script.first && code_point <= script.last; });
}

bool is_letter_or_mark(utf8proc_int32_t code_point) {
    switch (utf8proc_category(code_point)) {
        case UTF8PROC_CATEGORY_LU:
        case UTF8PROC_CATEGORY_LL:
        case UTF8PROC_CATEGORY_LT:
        case UTF8PROC_CATEGORY_LM:
        case UTF8PROC_CATEGORY_LO:
        case UTF8PROC_CATEGORY_MN:
        case UTF8PROC_CATEGORY_MC: return true;
        default: return false;
    }
}

// Pictures, of which joiners make others.
bool is_emoji(utf8proc_int32_t code_point) { return code_point >= 0x1F000 && code_point <= 0x1FAFF; }

// A letter or picture that a joiner beside it may give another shape.
bool takes_joiners(utf8proc_int32_t code_point) {
    if (is_emoji(code_point)) {
        return true;
    }
    return code_point >= 0 && is_of_joining_script(code_point) && is_letter_or_mark(code_point) &&
           !is_ignorable(code_point);
}

bool is_joiner(utf8proc_int32_t code_point) {
    return code_point == kZeroWidthNonJoiner || code_point == kZeroWidthJoiner;
}

// Signs of format that can be seen: they enclose the digits or letters that follow (Prepended_Concatenation_Mark).
bool encloses_next(utf8proc_int32_t code_point) {
    return (code_point >= 0x0600 && code_point <= 0x0605) || code_point == 0x06DD || code_point == 0x070F ||
           code_point == 0x0890 || code_point == 0x0891 || code_point == 0x08E2 || code_point == 0x110BD ||
           code_point == 0x110CD;
}

bool is_hidden(utf8proc_int32_t code_point) {
    switch (utf8proc_category(code_point)) {
        case UTF8PROC_CATEGORY_CC:
        case UTF8PROC_CATEGORY_ZL:
        case UTF8PROC_CATEGORY_ZP: return true;
        case UTF8PROC_CATEGORY_ZS: return code_point != ' ' && code_point != 0x3000;
        case UTF8PROC_CATEGORY_CF: return !encloses_next(code_point);
        default: return is_ignorable(code_point);
    }
}

// Hands each character of `text` to `take`, with its code point (-1: not UTF-8) and whether it has to be shown by it,
// until that returns false.
template <typename Take>
void for_each_shown(std::string_view text, Take&& take) {
    utf8proc_int32_t before = -1;
    std::string_view character;
    while (!text.empty()) {
        const utf8proc_int32_t code_point = take_character(text, character);
        bool is_shown = code_point < 0 || is_hidden(code_point);
        if (is_joiner(code_point) && takes_joiners(before) && !text.empty()) {
            std::string_view rest = text, next;
            is_shown = !takes_joiners(take_character(rest, next));
        }
        if (!take(character, code_point, is_shown)) {
            return;
        }
        before = code_point;
    }
}

void put_hex(std::string& to, std::uint32_t number, int digits, const char* alphabet) {
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
        to += alphabet[(number >> shift) & 0xF];
    }
}

// What is shown in place of a character.
std::string shown_character(std::string_view character, utf8proc_int32_t code_point) {
    std::string shown;
    if (code_point < 0) {
        shown = "\\x";
        put_hex(shown, static_cast<unsigned char>(character.front()), 2, "0123456789abcdef");
        return shown;
    }
    shown = "<U+";
    put_hex(shown, static_cast<std::uint32_t>(code_point),
            code_point > 0xFFFFF  ? 6
            : code_point > 0xFFFF ? 5
                                  : 4,
            "0123456789ABCDEF");
    return shown + ">";
}

// The bytes of the invisible character that the text begins with, or 0.
std::size_t leading_ignorable(std::string_view text) {
    if (text.empty() || static_cast<unsigned char>(text.front()) < 0x80) {
        return 0;
    }
    std::string_view character;
    const utf8proc_int32_t code_point = take_character(text, character);
    return is_ignorable(code_point) ? character.size() : 0;
}

std::size_t trailing_ignorable(std::string_view text) {
    constexpr std::size_t kMaxCharacterBytes = 4;
    if (text.empty() || static_cast<unsigned char>(text.back()) < 0x80) {
        return 0;
    }
    std::size_t length = 1;
    while (length < std::min(text.size(), kMaxCharacterBytes) &&
           (static_cast<unsigned char>(text[text.size() - length]) & 0xC0) == 0x80) {
        ++length;
    }
    const std::size_t found = leading_ignorable(text.substr(text.size() - length));
    return found == length ? length : 0;
}

}  // namespace

std::int32_t take_character(std::string_view& text, std::string_view& character) {
    utf8proc_int32_t code_point = -1;
    const utf8proc_ssize_t length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                                     static_cast<utf8proc_ssize_t>(text.size()), &code_point);
    character = text.substr(0, length > 0 ? static_cast<std::size_t>(length) : 1);
    text.remove_prefix(character.size());
    return length > 0 ? code_point : -1;
}

bool is_ignorable(std::int32_t code_point) {
    return code_point >= 0 && utf8proc_get_property(code_point)->ignorable != 0;
}

std::string visible(std::string_view text) { return visible(text, std::string::npos); }

std::string visible(std::string_view text, std::size_t limit) {
    if (text.size() <= limit && is_plain_text(text)) {
        return std::string(text);
    }
    std::string result;
    for_each_shown(text, [&](std::string_view character, std::int32_t code_point, bool is_shown) {
        const std::string shown = is_shown ? shown_character(character, code_point) : std::string(character);
        if (shown.size() > limit - result.size()) {
            result += "…";
            return false;
        }
        result += shown;
        return true;
    });
    return result;
}

bool has_invisible(std::string_view text) {
    if (is_plain_text(text)) {
        return false;
    }
    bool found = false;
    for_each_shown(text, [&](std::string_view, std::int32_t, bool is_shown) {
        found = is_shown;
        return !found;
    });
    return found;
}

std::string_view trim_cell(std::string_view cell) {
    if (has_plain_ends(cell)) {
        return cell;
    }
    for (;;) {
        cell = trim(cell);
        const std::size_t leading = leading_ignorable(cell);
        cell.remove_prefix(leading);
        const std::size_t trailing = trailing_ignorable(cell);
        cell.remove_suffix(trailing);
        if (leading + trailing == 0) {
            return cell;
        }
    }
}

}  // namespace customer_import
