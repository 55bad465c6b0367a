#include "core/boolean_cell.h"

#include <algorithm>
#include <initializer_list>

#include "core/text.h"
#include "core/visible_text.h"

namespace customer_import {

namespace {

constexpr std::size_t kLongestWord = 9;  // VERDADERO

bool is_word(std::string_view cell, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), cell) != words.end();
}

// Whether the word begins so; "o" begins two of different meaning.
bool begins(std::string_view word, std::string_view cell) { return word.starts_with(cell) && cell != "o"; }

}  // namespace

std::string_view parse_boolean(std::string_view cell) {
    cell = trim_cell(cell);
    if (cell.empty() || cell.size() > kLongestWord) {
        return {};
    }
    char letters[kLongestWord];
    std::transform(cell.begin(), cell.end(), letters, [](char c) { return ascii_lower(c); });
    const std::string_view word(letters, cell.size());
    if (begins("true", word) || begins("yes", word) || word == "on" || word == "1" ||
        is_word(word, {"wahr", "ja", "vrai", "oui", "verdadero", "si", "sí", "sÍ", "sì", "sÌ", "vero", "waar"})) {
        return "true";
    }
    if (begins("false", word) || begins("no", word) || begins("off", word) || word == "0" ||
        is_word(word, {"falsch", "nein", "faux", "non", "falso", "onwaar", "nee"})) {
        return "false";
    }
    return {};
}

}  // namespace customer_import
