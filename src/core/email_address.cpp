#include "core/email_address.h"

namespace customer_import {

namespace {

constexpr std::size_t kMaxLocalPartBytes = 64;
constexpr std::size_t kMaxLabelBytes = 63;

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_atom_character(char c) {
    return is_letter_or_digit(c) || std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

// Calls `check` for each part between dots; false when one fails.
template <class Check>
bool all_parts(std::string_view text, Check check) {
    for (;;) {
        const std::size_t dot = text.find('.');
        if (!check(text.substr(0, dot))) {
            return false;
        }
        if (dot == std::string_view::npos) {
            return true;
        }
        text.remove_prefix(dot + 1);
    }
}

bool is_atom(std::string_view part) {
    for (const char c : part) {
        if (!is_atom_character(c)) {
            return false;
        }
    }
    return !part.empty();
}

bool is_label(std::string_view part) {
    for (const char c : part) {
        if (!is_letter_or_digit(c) && c != '-') {
            return false;
        }
    }
    return !part.empty() && part.size() <= kMaxLabelBytes && part.front() != '-' && part.back() != '-';
}

}  // namespace

bool is_email_address(std::string_view text) {
    const std::size_t at = text.find('@');
    return text.size() <= kMaxEmailAddressBytes && at != std::string_view::npos && at <= kMaxLocalPartBytes &&
           all_parts(text.substr(0, at), is_atom) && all_parts(text.substr(at + 1), is_label);
}

}  // namespace customer_import
