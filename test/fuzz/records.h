// Compares records, for the fuzzers.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>

#include "core/batch.h"

namespace customer_import {

inline bool same_codes(std::span<const std::string_view> a, std::span<const std::string_view> b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

inline bool same_record(const Record& a, const Record& b) {
    const auto same_cell = [](const Cell& x, const Cell& y) {
        return x.action == y.action && x.text == y.text && x.whole() == y.whole();
    };
    return a.line == b.line && a.raw == b.raw && a.raw_place.begin == b.raw_place.begin &&
           a.raw_place.size == b.raw_place.size && a.user_name == b.user_name && a.replaces_roles == b.replaces_roles &&
           a.doubtful_name == b.doubtful_name && a.has_doubtful_cells == b.has_doubtful_cells &&
           same_codes(a.add_roles, b.add_roles) && same_codes(a.remove_roles, b.remove_roles) &&
           same_codes(a.lost_roles, b.lost_roles) && same_codes(a.replace_roles, b.replace_roles) &&
           std::equal(a.cells.begin(), a.cells.end(), b.cells.begin(), b.cells.end(), same_cell);
}

}  // namespace customer_import
