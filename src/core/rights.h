// What operators may do: the rights that follow from their portal codes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace customer_import {

// The codes that operators may have, in byte order.
inline constexpr std::string_view kOperatorCodes[] = {"administrator", "customerEdit", "customerView",
                                                      "importEdit",    "importView",   "superuser"};

enum class Right : std::uint8_t { administer, view_customers, edit_customers, import_customers, view_imports };

class Rights {
public:
    // No right.
    Rights() = default;

    // All rights: those of the database's own superusers.
    static Rights all();

    // The rights of an operator with these codes, in the catalog's spelling. Unknown codes give nothing.
    static Rights of(std::span<const std::string_view> codes);

    bool has(Right right) const;

    // Names the codes that are missing for a right: "customerEdit and importEdit". `administer` misses "administrator".
    std::string missing(Right right) const;

private:
    std::uint8_t codes_ = 0;  // a bit for each of kOperatorCodes
};

// The name that the install script uses for a right: view_customers.
std::string_view right_name(Right right);
inline constexpr Right kRights[] = {Right::administer, Right::view_customers, Right::edit_customers,
                                    Right::import_customers, Right::view_imports};

// Returns the spelling of an operator's code that is given in any case, or an empty view.
std::string_view find_operator_code(std::string_view code);

}  // namespace customer_import
