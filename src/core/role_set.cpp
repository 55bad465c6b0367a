#include "core/role_set.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "core/text.h"

namespace customer_import {

namespace {

void make_canonical(std::vector<std::string_view>& codes) {
    if (RoleSet::is_canonical(codes.data(), codes.size())) return;
    std::sort(codes.begin(), codes.end());
    codes.erase(std::unique(codes.begin(), codes.end()), codes.end());
    if (!codes.empty() && codes.front().empty()) codes.erase(codes.begin());
}

// Drops all but the first of equal codes without changing the order.
void drop_repeats(std::vector<std::string_view>& codes) {
    std::vector<std::string_view> sorted = codes;
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    if (sorted.size() == codes.size()) return;
    std::vector<bool> seen(sorted.size());
    const auto is_repeat = [&](std::string_view code) {
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

RoleSet::RoleSet(std::vector<std::string_view> codes) : codes_(std::move(codes)) {
    make_canonical(codes_);
}

void RoleSet::assign(const std::string_view* codes, std::size_t count) {
    codes_.assign(codes, codes + count);
    make_canonical(codes_);
}

bool RoleSet::contains(std::string_view code) const {
    return std::binary_search(codes_.begin(), codes_.end(), code);
}

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

bool RoleSet::is_canonical(const std::string_view* codes, std::size_t count) {
    if (count > 0 && codes[0].empty()) return false;
    return std::adjacent_find(codes, codes + count, std::greater_equal<>()) == codes + count;
}

std::vector<std::string_view> split_role_cell(std::string_view cell) {
    std::vector<std::string_view> codes;
    for (std::size_t begin = 0; begin <= cell.size();) {
        const std::size_t end = std::min(cell.find_first_of(kRoleSeparators, begin), cell.size());
        const std::string_view code = trim(cell.substr(begin, end - begin));
        if (!code.empty()) codes.push_back(code);
        begin = end + 1;
    }
    drop_repeats(codes);
    return codes;
}

std::vector<std::string> codes_without(std::span<const std::string_view> codes, std::span<const std::string_view> others) {
    const auto fold = [](std::span<const std::string_view> spelled) {
        std::vector<std::string> folded;
        for (const std::string_view code : spelled) folded.push_back(ascii_lower(code));
        std::sort(folded.begin(), folded.end());
        return folded;
    };
    const std::vector<std::string> folded = fold(codes), other = fold(others);
    std::vector<std::string> result;
    std::set_difference(folded.begin(), folded.end(), other.begin(), other.end(), std::back_inserter(result));
    return result;
}

bool is_role_code(std::string_view code) {
    const auto is_allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
               c == ':' || c == '-';
    };
    return !code.empty() && code.size() <= 63 && std::all_of(code.begin(), code.end(), is_allowed);
}

}  // namespace customer_import
