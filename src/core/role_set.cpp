#include "core/role_set.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "core/text.h"

namespace customer_import {

namespace {

constexpr auto kIsRoleSeparator = [] {
    std::array<bool, 256> is_separator{};
    for (const char c : kRoleSeparators) {
        is_separator[static_cast<unsigned char>(c)] = true;
    }
    return is_separator;
}();

bool is_role_separator(char c) { return kIsRoleSeparator[static_cast<unsigned char>(c)]; }

// Compares codes at a pace.
class PacedOrder {
public:
    explicit PacedOrder(Pace& pace) : pace_(pace) {}
    bool operator()(std::string_view a, std::string_view b) const {
        pace_.step(std::min(a.size(), b.size()));
        return a < b;
    }

private:
    Pace& pace_;
};

// Sorts codes and drops repeats.
void sort_codes(std::vector<std::string_view>& codes, Pace& pace) {
    std::sort(codes.begin(), codes.end(), PacedOrder(pace));
    const auto is_repeat = [&](std::string_view a, std::string_view b) {
        pace.step(a.size());
        return a == b;
    };
    codes.erase(std::unique(codes.begin(), codes.end(), is_repeat), codes.end());
}

void make_canonical(std::vector<std::string_view>& codes, InterruptCheck check) {
    if (RoleSet::is_canonical(codes.data(), codes.size(), check)) {
        return;
    }
    Pace pace(check);
    sort_codes(codes, pace);
    if (!codes.empty() && codes.front().empty()) {
        codes.erase(codes.begin());
    }
}

// Drops all but the first of equal codes without changing the order.
void drop_repeats(std::vector<std::string_view>& codes, InterruptCheck check) {
    Pace pace(check);
    constexpr std::size_t kFewCodes = 16;  // so few are compared faster than sorted
    if (codes.size() <= kFewCodes) {
        auto end = codes.begin();
        for (const std::string_view code : codes) {
            pace.step(kFewCodes * code.size());
            if (std::find(codes.begin(), end, code) == end) {
                *end++ = code;
            }
        }
        codes.erase(end, codes.end());
        return;
    }
    std::vector<std::string_view> sorted = codes;
    sort_codes(sorted, pace);
    if (sorted.size() == codes.size()) {
        return;
    }
    std::vector<bool> seen(sorted.size());
    const auto is_repeat = [&](std::string_view code) {
        pace.step(code.size());
        const auto index = std::lower_bound(sorted.begin(), sorted.end(), code) - sorted.begin();
        const bool repeat = seen[static_cast<std::size_t>(index)];
        seen[static_cast<std::size_t>(index)] = true;
        return repeat;
    };
    std::vector<std::string_view> kept;
    kept.reserve(sorted.size());
    std::remove_copy_if(codes.begin(), codes.end(), std::back_inserter(kept), is_repeat);
    codes = std::move(kept);
}

}  // namespace

RoleSet::RoleSet(std::vector<std::string_view> codes, InterruptCheck check) : codes_(std::move(codes)) {
    make_canonical(codes_, check);
}

bool RoleSet::contains(std::string_view code) const { return std::binary_search(codes_.begin(), codes_.end(), code); }

RoleSet operator|(const RoleSet& a, const RoleSet& b) {
    RoleSet result;
    result.codes_.reserve(a.size() + b.size());
    std::set_union(a.codes_.begin(), a.codes_.end(), b.codes_.begin(), b.codes_.end(),
                   std::back_inserter(result.codes_));
    return result;
}

RoleSet operator-(const RoleSet& a, const RoleSet& b) {
    RoleSet result;
    result.codes_.reserve(a.size());
    std::set_difference(a.codes_.begin(), a.codes_.end(), b.codes_.begin(), b.codes_.end(),
                        std::back_inserter(result.codes_));
    return result;
}

RoleSet operator&(const RoleSet& a, const RoleSet& b) {
    RoleSet result;
    result.codes_.reserve(std::min(a.size(), b.size()));
    std::set_intersection(a.codes_.begin(), a.codes_.end(), b.codes_.begin(), b.codes_.end(),
                          std::back_inserter(result.codes_));
    return result;
}

bool RoleSet::is_canonical(const std::string_view* codes, std::size_t count, InterruptCheck check) {
    if (count > 0 && codes[0].empty()) {
        return false;
    }
    Pace pace(check);
    for (std::size_t index = 1; index < count; ++index) {
        pace.step(codes[index].size());
        if (codes[index - 1] >= codes[index]) {
            return false;
        }
    }
    return true;
}

std::vector<std::string_view> split_role_cell(std::string_view cell, InterruptCheck check) {
    std::vector<std::string_view> codes;
    codes.reserve(8);
    Pace pace(check);
    for (std::size_t begin = 0; begin <= cell.size();) {
        const auto end = static_cast<std::size_t>(
            std::find_if(cell.begin() + static_cast<std::ptrdiff_t>(begin), cell.end(), is_role_separator) -
            cell.begin());
        pace.step(end - begin);
        const std::string_view code = trim(cell.substr(begin, end - begin));
        if (!code.empty()) {
            codes.push_back(code);
        }
        begin = end + 1;
    }
    drop_repeats(codes, check);
    return codes;
}

std::vector<std::string> codes_without(std::span<const std::string_view> codes,
                                       std::span<const std::string_view> others, InterruptCheck check) {
    Pace pace(check);
    const auto is_less = [&](const std::string& a, const std::string& b) {
        pace.step(std::min(a.size(), b.size()));
        return a < b;
    };
    const auto fold = [&](std::span<const std::string_view> spelled) {
        std::vector<std::string> folded;
        for (const std::string_view code : spelled) {
            pace.step(8 * code.size());  // byte by byte
            folded.push_back(ascii_lower(code));
        }
        std::sort(folded.begin(), folded.end(), is_less);
        return folded;
    };
    const std::vector<std::string> folded = fold(codes), other = fold(others);
    std::vector<std::string> result;
    std::set_difference(folded.begin(), folded.end(), other.begin(), other.end(), std::back_inserter(result), is_less);
    return result;
}

bool holds_as_spelled(std::span<const std::string_view> held, std::span<const std::string_view> codes,
                      InterruptCheck check) {
    return std::all_of(codes.begin(), codes.end(), [&](std::string_view code) {
        check();
        bool found = false;
        for (const std::string_view other : held) {
            if (other.size() == code.size()) {
                if (other == code) {
                    found = true;
                } else if (equal_ignoring_ascii_case(other, code)) {
                    return false;
                }
            }
        }
        return found;
    });
}

bool is_role_code(std::string_view code) {
    const auto is_allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
               c == ':' || c == '-';
    };
    return !code.empty() && code.size() <= kMaxRoleCodeBytes && std::all_of(code.begin(), code.end(), is_allowed);
}

}  // namespace customer_import
