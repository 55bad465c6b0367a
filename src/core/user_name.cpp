#include "core/user_name.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/text.h"

namespace customer_import {

namespace {

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

// Folds any text that is not too long for that.
void fold_any(std::string_view name, std::string& out) {
    // Composed before folding as well, or canonically equal spellings with U+0345, a mark that folds to a letter, would
    // fold to different names. Then up to a fixed point: folding and trimming must have nothing left to change.
    std::vector<utf8proc_int32_t> buffer(name.size() + 1);
    if (!map_once(name, kCompose, buffer, out)) {
        out = name;
        return;
    }
    for (std::string current; current != out;) {
        current = trim(out);
        map_once(current, kFoldAndCompose, buffer, out);
    }
}

// What the letters from U+00C0 to U+024F fold to, one by one: names of Latin letters are mostly of these and ASCII, and
// none of them combines with its neighbor.
class LatinFolds {
public:
    static constexpr char32_t kFirst = 0xC0, kLast = 0x24F;

    LatinFolds() {
        for (char32_t c = kFirst; c <= kLast; ++c) {
            const char letter[] = {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
            fold_any({letter, sizeof letter}, texts_[c - kFirst]);
        }
        for (std::string& text : texts_) {
            if (!std::all_of(text.begin(), text.end(), is_of_latin)) {
                text.clear();  // a mark that may combine
            }
        }
    }

    // Appends what the letter of these two bytes folds to. Returns false for one that is not known.
    bool append(unsigned char lead, unsigned char rest, std::string& out) const {
        const std::size_t place = (static_cast<std::size_t>(lead & 0x1F) << 6 | (rest & 0x3F)) - kFirst;
        if (place >= texts_.size() || (rest & 0xC0) != 0x80 || texts_[place].empty()) {
            return false;
        }
        out += texts_[place];
        return true;
    }

    static bool is_lead(unsigned char byte) { return byte >= 0xC3 && byte <= 0xC9; }

private:
    // A byte of ASCII, or of a character from U+00C0 to U+027F.
    static bool is_of_latin(char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0xC0 || is_lead(byte);
    }

    std::array<std::string, kLast - kFirst + 1> texts_;
};

// Returns false for a name that has other characters.
bool fold_latin(std::string_view name, std::string& out) {
    static const LatinFolds folds;
    out.clear();
    for (std::size_t i = 0; i < name.size(); ++i) {
        const auto byte = static_cast<unsigned char>(name[i]);
        if (byte < 0x80) {
            out += ascii_lower(name[i]);
        } else if (!LatinFolds::is_lead(byte) || i + 1 == name.size() ||
                   !folds.append(byte, static_cast<unsigned char>(name[++i]), out)) {
            return false;
        }
    }
    return true;
}

}  // namespace

void fold_user_name(std::string_view name, std::string& out) {
    name = trim(name);
    if (is_ascii(name)) {
        out.resize(name.size());
        std::transform(name.begin(), name.end(), out.begin(), [](char c) { return ascii_lower(c); });
        return;
    }
    if (name.size() > kMaxUserNameBytes) {  // no user name; utf8proc takes quadratic time for many combining marks
        out = name;
        return;
    }
    if (!fold_latin(name, out)) {
        fold_any(name, out);
    }
}

std::string user_name_key(std::string_view cell, bool fold) {
    std::string key(trim(cell));
    if (fold) {
        fold_user_name(cell, key);
    }
    return key;
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
    if (is_ascii(name)) {
        return trim(name).size() == name.size() &&
               std::all_of(name.begin(), name.end(), [](char c) { return ascii_lower(c) == c; });
    }
    std::string folded;
    fold_user_name(name, folded);
    return folded == name;
}

}  // namespace customer_import
