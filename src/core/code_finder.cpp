#include "core/code_finder.h"

#include <algorithm>

#include "core/text.h"

namespace customer_import {

namespace {

constexpr std::size_t kFew = 16;  // so few are scanned faster than sorted

std::string_view first_of(std::span<const std::string_view> codes, std::string_view wanted) {
    std::string_view found;
    for (const std::string_view code : codes) {
        if (equal_ignoring_ascii_case(code, wanted) && (found.empty() || code < found)) {
            found = code;
        }
    }
    return found;
}

}  // namespace

CodeFinder::CodeFinder(std::span<const std::string_view> codes, InterruptCheck check) : codes_(codes) {
    if (codes.size() <= kFew) {
        return;
    }
    sorted_.assign(codes.begin(), codes.end());
    Pace pace(check);
    std::sort(sorted_.begin(), sorted_.end(), [&](std::string_view a, std::string_view b) {
        pace.step(8 * std::min(a.size(), b.size()));  // byte by byte
        const int order = compare_ignoring_ascii_case(a, b);
        return order != 0 ? order < 0 : a < b;
    });
}

std::string_view CodeFinder::find(std::string_view code) const {
    if (sorted_.empty()) {
        return first_of(codes_, code);
    }
    const auto place = std::lower_bound(
        sorted_.begin(), sorted_.end(), code,
        [](std::string_view a, std::string_view b) { return compare_ignoring_ascii_case(a, b) < 0; });
    return place != sorted_.end() && equal_ignoring_ascii_case(*place, code) ? *place : std::string_view();
}

}  // namespace customer_import
