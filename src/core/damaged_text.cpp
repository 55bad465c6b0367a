#include "core/damaged_text.h"

#include <algorithm>

#include "core/format.h"
#include "core/spreadsheet_guard.h"
#include "core/text.h"
#include "core/visible_text.h"

namespace customer_import {

namespace {

constexpr std::size_t kMaxErrorValueBytes = 24;
constexpr std::size_t kMaxMissingValueBytes = 15;
constexpr std::size_t kMaxNumberBytes = 32;

constexpr bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
    return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
        return word.size() == text.size() && equal_ignoring_ascii_case(word, text);
    });
}

// #REF!, #DIV/0!, #NAME? and what they are in other languages (#WERT!, #VALEUR!, #¡REF!, #¿NOMBRE?): capital letters
// between # and ! or ?. Those without that end are listed. ### is a number in a column that was too narrow.
bool is_error_value(std::string_view cell) {
    if (cell.size() < 3 || cell.size() > kMaxErrorValueBytes || cell.front() != '#') {
        return false;
    }
    if (cell.find_first_not_of('#') == std::string_view::npos) {
        return true;
    }
    const bool has_small_letter = std::any_of(cell.begin(), cell.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    if (cell.back() == '!' || cell.back() == '?') {
        return !has_small_letter && std::any_of(cell.begin(), cell.end(), is_ascii_letter) &&
               cell.find(' ') == std::string_view::npos;
    }
    return is_one_of(cell, {"#N/A", "#NA", "#N/A N/A", "#NV", "#N/D", "#N/B", "#I/T", "#GETTING_DATA", "#ERROR"});
}

// Err:502 of LibreOffice.
bool is_numbered_error(std::string_view cell) {
    return cell.size() == 7 && cell.starts_with("Err:") && std::all_of(cell.begin() + 4, cell.end(), is_ascii_digit);
}

// Names such as Nil or Na are people's: not every word for nothing is one here.
bool is_missing_value(std::string_view cell) {
    return cell.size() <= kMaxMissingValueBytes &&
           (cell == "NA" ||
            is_one_of(cell, {"NULL", "None", "NaN", "NaT", "N/A", "\\N", "<NA>", "<null>", "(null)", "[null]", "-NaN",
                             "1.#QNAN", "1.#IND", "-1.#IND", "undefined", "[object Object]"}));
}

// 1.00235E+11, 1,00235E+11, 1E+11.
bool is_shortened_number(std::string_view cell) {
    if (cell.size() > kMaxNumberBytes) {
        return false;
    }
    const auto skip_digits = [&] {
        const auto end = std::find_if_not(cell.begin(), cell.end(), is_ascii_digit);
        const auto count = static_cast<std::size_t>(end - cell.begin());
        cell.remove_prefix(count);
        return count;
    };
    const auto skip = [&](std::string_view any) {
        const bool found = !cell.empty() && any.find(cell.front()) != std::string_view::npos;
        cell.remove_prefix(found ? 1 : 0);
        return found;
    };
    skip("+-");
    if (skip_digits() == 0 || (skip(".,") && skip_digits() == 0)) {
        return false;
    }
    return skip("Ee") && skip("+-") && skip_digits() >= 2 && cell.empty();
}

bool is_part_of_word(char c) {
    return is_ascii_letter(c) || is_ascii_digit(c) || static_cast<unsigned char>(c) >= 0x80;
}

// A cell's letters and digits in lower case.
std::string letters_and_digits(std::string_view cell) {
    std::string letters;
    for (const char c : cell) {
        if (is_part_of_word(c)) {
            letters += ascii_lower(c);
        }
    }
    return letters;
}

// Whether these are a cell's letters and digits, which nearly every cell shows by the first one.
bool has_these_letters_alone(std::string_view cell, std::string_view letters) {
    for (const char c : cell) {
        if (!is_part_of_word(c)) {
            continue;
        }
        if (letters.empty() || ascii_lower(c) != letters.front()) {
            return false;
        }
        letters.remove_prefix(1);
    }
    return letters.empty();
}

}  // namespace

Damage find_damage(std::string_view cell) {
    if (cell.empty()) {
        return Damage::none;
    }
    // By its first character nearly every cell is known to be none.
    switch (cell.front()) {
        case '#': return is_error_value(cell) ? Damage::error_value : Damage::none;
        case 'E': return is_numbered_error(cell) ? Damage::error_value : Damage::none;
        case 'n':
        case 'N':
        case 'u':
        case 'U':
        case '\\':
        case '<':
        case '(':
        case '[': return is_missing_value(cell) ? Damage::missing_value : Damage::none;
        default: break;
    }
    if (!is_ascii_digit(cell.front()) && cell.front() != '-' && cell.front() != '+') {
        return Damage::none;
    }
    if (is_shortened_number(cell)) {
        return Damage::shortened_number;
    }
    return is_missing_value(cell) ? Damage::missing_value : Damage::none;
}

bool has_replacement_character(std::string_view text) {
    return text.find(kReplacementCharacter) != std::string_view::npos;
}

bool is_near_empty_value(std::string_view cell) {
    constexpr std::string_view kLetters = "emptyvalue";
    constexpr std::size_t kMaxBytes = 40;
    if (cell.size() < kLetters.size() - 1) {
        return false;
    }
    // Nearly every other text begins with another letter.
    if (is_ascii_digit(cell.front()) || (is_ascii_letter(cell.front()) && ascii_lower(cell.front()) != 'e')) {
        return false;
    }
    const std::string_view trimmed = trim_cell(cell);
    if (trimmed.size() > kMaxBytes || trimmed.starts_with('\\') || cell == kEmptyValue) {
        return false;
    }
    return has_these_letters_alone(trimmed, kLetters) || (trimmed.starts_with('_') && trimmed.ends_with('_') &&
                                                          edit_distance(letters_and_digits(trimmed), kLetters, 1) <= 1);
}

bool stands_for_no_role(std::string_view code) {
    const bool has_only_dashes = code.size() <= 9 &&
                                 std::all_of(code.begin(), code.end(), [](char c) { return c == '-'; });
    return has_only_dashes || code == "–" || code == "—" || is_one_of(code, {"none", "empty", "nil"}) ||
           find_damage(code) != Damage::none || is_near_empty_value(code);
}

bool is_doubtful_name(std::string_view name, bool keeps_damaged) {
    if (!keeps_damaged && seems_guarded(name)) {
        return true;
    }
    if (!keeps_damaged && (find_damage(name) != Damage::none || is_near_empty_value(name))) {
        return true;
    }
    return !is_ascii(name) && (has_invisible(name) || (!keeps_damaged && has_replacement_character(name)));
}

bool is_doubtful_text(std::string_view text) { return is_near_empty_value(text) || has_replacement_character(text); }

Issue doubtful_name_issue(std::string_view name) {
    const auto invalid = [&](std::string message, std::string hint) {
        return make_issue(IssueCode::invalid_user_name, "userName", name, std::move(message), std::move(hint));
    };
    switch (find_damage(name)) {
        case Damage::error_value:
            return invalid(
                format("the user name looks like an error value of a spreadsheet: \"{}\"", shown_value(name)),
                "Write the user name as text, not as a formula.");
        case Damage::missing_value:
            return invalid(
                format("the user name looks like a missing value of another program: \"{}\"", shown_value(name)),
                "Write the user name. If this is one, import it with damaged => 'keep'.");
        case Damage::shortened_number:
            return invalid(format("the user name looks shortened by a spreadsheet: \"{}\"", shown_value(name)),
                           "Give the column the format of text before the numbers are entered, and write them again.");
        case Damage::none: break;
    }
    if (seems_guarded(name)) {
        return invalid(
            format(
                "the user name begins with an apostrophe that guarded it in a spreadsheet, and the column \"{}\" does "
                "not name it: \"{}\"",
                kEscapedColumn, shown_value(name)),
            "Remove the apostrophe.");
    }
    if (is_near_empty_value(name)) {
        return invalid(format("the user name looks like {}: \"{}\"", kEmptyValue, shown_value(name)),
                       "Write the user name: it cannot be cleared.");
    }
    if (has_invisible(name)) {
        return invalid(format("the user name has a character that cannot be seen: \"{}\"", shown_value(name)),
                       "Write the user name without it.");
    }
    return doubtful_text_issue("userName", name);
}

Issue doubtful_text_issue(std::string_view column, std::string_view text) {
    if (is_near_empty_value(text)) {
        return make_issue(IssueCode::invalid_value, column, text,
                          format("\"{}\" looks like {}, but is not exactly that", shown_value(text), kEmptyValue),
                          empty_value_hint(column));
    }
    return make_issue(IssueCode::invalid_encoding, column, text,
                      format("\"{}\" has the character U+FFFD: the text was damaged before it came here", column),
                      "Import the original file with its encoding, or correct the text.");
}

std::string empty_value_hint(std::string_view column) {
    if (column == "addRoles" || column == "removeRoles") {
        return "Leave the cell empty to change nothing.";
    }
    if (column == "roles") {
        return format("Write {} to take all roles, or leave the cell empty to change nothing.", kEmptyValue);
    }
    return format("Write {} to clear the value, or leave the cell empty to change nothing.", kEmptyValue);
}

}  // namespace customer_import
