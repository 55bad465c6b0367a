#include "core/customer_search.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "core/text.h"
#include "core/user_name.h"

namespace customer_import {

namespace {

std::string folded(std::string_view text) {
    std::string result;
    fold_user_name(first_bytes(text, kMaxSearchedBytes), result);
    return result;
}

// User name, e-mail, both names, company.
std::array<std::string, 4> search_lines(const SearchedCustomer& customer) {
    std::string names = folded(customer.first_name);
    const std::string last_name = folded(customer.last_name);
    if (!names.empty() && !last_name.empty()) {
        names += ' ';
    }
    names += last_name;
    return {folded(customer.user_name), folded(customer.email), names, folded(customer.company)};
}

bool is_word_character(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || std::isalnum(byte) != 0;
}

}  // namespace

std::string search_text(const SearchedCustomer& customer) {
    std::string text;
    for (const std::string& line : search_lines(customer)) {
        if (line.empty()) {
            continue;
        }
        if (!text.empty()) {
            text += '\n';
        }
        text += line;
    }
    return text;
}

std::optional<SearchRank> search_rank(std::string_view folded_query, const SearchedCustomer& customer) {
    const std::array<std::string, 4> lines = search_lines(customer);
    if (lines[0] == folded_query) {
        return SearchRank::user_name;
    }
    if (lines[0].starts_with(folded_query)) {
        return SearchRank::user_name_begins;
    }
    const auto begins = [&](const std::string& line) { return line.starts_with(folded_query); };
    if (std::any_of(lines.begin(), lines.end(), begins) || begins(folded(customer.last_name))) {
        return SearchRank::other_begins;
    }
    const auto contains = [&](const std::string& line) { return line.find(folded_query) != std::string::npos; };
    if (std::any_of(lines.begin(), lines.end(), contains)) {
        return SearchRank::inside;
    }
    return std::nullopt;
}

std::string like_pattern(std::string_view query) {
    std::string pattern = "%";
    for (const char c : query) {
        if (c == '\\' || c == '%' || c == '_') {
            pattern += '\\';
        }
        pattern += c;
    }
    return pattern + "%";
}

bool has_trigram(std::string_view query) {
    int characters = 0;
    for (const char c : query) {
        if ((static_cast<unsigned char>(c) & 0xC0) == 0x80) {
            continue;  // the rest of a character
        }
        characters = is_word_character(c) ? characters + 1 : 0;
        if (characters == 3) {
            return true;
        }
    }
    return false;
}

}  // namespace customer_import
