#include "core/rights.h"

#include <algorithm>
#include <iterator>

#include "core/text.h"

namespace customer_import {

namespace {

constexpr std::uint8_t bit(std::string_view code) {
    for (std::size_t index = 0; index < std::size(kOperatorCodes); ++index) {
        if (kOperatorCodes[index] == code) {
            return static_cast<std::uint8_t>(1U << index);
        }
    }
    return 0;
}

constexpr std::uint8_t kAdmin = bit("administrator") | bit("superuser");

// The codes that together give a right to operators that are not administrators.
constexpr std::uint8_t needed(Right right) {
    switch (right) {
        case Right::administer: return bit("administrator");
        case Right::view_customers: return bit("customerView");
        case Right::edit_customers: return bit("customerView") | bit("customerEdit");
        case Right::import_customers:
            return bit("customerView") | bit("customerEdit") | bit("importView") | bit("importEdit");
        case Right::view_imports: return bit("importView");
    }
    return kAdmin;
}

}  // namespace

Rights Rights::all() {
    Rights rights;
    rights.codes_ = kAdmin;
    return rights;
}

Rights Rights::of(std::span<const std::string_view> codes) {
    Rights rights;
    for (const std::string_view code : codes) {
        rights.codes_ |= bit(code);
    }
    return rights;
}

bool Rights::has(Right right) const { return (codes_ & kAdmin) != 0 || (codes_ & needed(right)) == needed(right); }

std::string Rights::missing(Right right) const {
    std::vector<std::string_view> names;
    for (const std::string_view code : kOperatorCodes) {
        if ((needed(right) & ~codes_ & bit(code)) != 0) {
            names.push_back(code);
        }
    }
    std::string list;
    for (std::size_t index = 0; index < names.size(); ++index) {
        if (index > 0) {
            list += index + 1 == names.size() ? " and " : ", ";
        }
        list += names[index];
    }
    return list;
}

std::string_view right_name(Right right) {
    switch (right) {
        case Right::administer: return "administer";
        case Right::view_customers: return "view_customers";
        case Right::edit_customers: return "edit_customers";
        case Right::import_customers: return "import_customers";
        case Right::view_imports: return "view_imports";
    }
    return {};
}

std::string_view find_operator_code(std::string_view code) {
    const auto found = std::find_if(std::begin(kOperatorCodes), std::end(kOperatorCodes),
                                    [&](std::string_view known) { return equal_ignoring_ascii_case(known, code); });
    return found == std::end(kOperatorCodes) ? std::string_view() : *found;
}

}  // namespace customer_import
