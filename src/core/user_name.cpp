#include "core/user_name.h"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

#include "core/text.h"

namespace customer_import {

namespace {

// Composing and folding make no text shorter than a third: what is longer than this folds to no valid user name. It is
// not tried, since utf8proc takes quadratic time for many combining marks in a row.
constexpr std::size_t kMaxFoldableBytes = 4 * kMaxUserNameBytes;

constexpr auto kCompose = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
constexpr auto kFoldAndCompose = static_cast<utf8proc_option_t>(kCompose | UTF8PROC_CASEFOLD);

// Maps `name` once. Returns false for what is no UTF-8.
bool map_once(std::string_view name, utf8proc_option_t options, std::vector<utf8proc_int32_t>& buffer,
              std::string& out) {
    const auto decompose = [&] {
        return utf8proc_decompose(reinterpret_cast<const utf8proc_uint8_t*>(name.data()),
                                  static_cast<utf8proc_ssize_t>(name.size()), buffer.data(),
                                  static_cast<utf8proc_ssize_t>(buffer.size()), options);
    };
    utf8proc_ssize_t size = decompose();
    // Room is needed for one more than the characters: utf8proc_reencode ends its text with a NUL.
    if (size >= static_cast<utf8proc_ssize_t>(buffer.size())) {
        buffer.resize(static_cast<std::size_t>(size) + 1);
        size = decompose();
    }
    if (size < 0) {
        return false;
    }
    size = utf8proc_reencode(buffer.data(), size, options);
    out.assign(reinterpret_cast<const char*>(buffer.data()), static_cast<std::size_t>(size));
    return true;
}

bool has_control_character(std::string_view name) {
    for (std::size_t i = 0; i < name.size(); ++i) {
        const auto byte = static_cast<unsigned char>(name[i]);
        if (byte < 0x20 || byte == 0x7F) {
            return true;
        }
        // U+0080 to U+009F
        if (byte == 0xC2 && i + 1 < name.size() && static_cast<unsigned char>(name[i + 1]) < 0xA0) {
            return true;
        }
    }
    return false;
}

}  // namespace

void fold_user_name(std::string_view name, std::string& out) {
    name = trim(name);
    if (is_ascii(name)) {
        out.resize(name.size());
        std::transform(name.begin(), name.end(), out.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
        return;
    }
    // Composed before folding as well, or canonically equal spellings with U+0345, a mark that folds to a letter, would
    // fold to different names. Then up to a fixed point: folding and trimming must have nothing left to change.
    std::vector<utf8proc_int32_t> buffer(std::min(name.size(), kMaxFoldableBytes) + 1);
    if (name.size() > kMaxFoldableBytes || !map_once(name, kCompose, buffer, out)) {
        out = name;
        return;
    }
    for (std::string current; current != out;) {
        current = trim(out);
        map_once(current, kFoldAndCompose, buffer, out);
    }
}

UserNameFault check_user_name(std::string_view name) {
    if (name.empty()) {
        return UserNameFault::missing;
    }
    if (name.size() > kMaxUserNameBytes) {
        return UserNameFault::too_long;
    }
    if (has_control_character(name)) {
        return UserNameFault::control_character;
    }
    return UserNameFault::none;
}

bool is_user_name(std::string_view name) {
    if (check_user_name(name) != UserNameFault::none) {
        return false;
    }
    if (find_invalid_utf8(name) != std::string_view::npos) {
        return false;
    }
    std::string folded;
    fold_user_name(name, folded);
    return folded == name;
}

}  // namespace customer_import
