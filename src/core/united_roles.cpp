#include "core/united_roles.h"

#include "core/role_set.h"
#include "core/row_validator.h"
#include "core/text.h"

namespace customer_import {

void UnitedRoles::add(FieldKind kind, std::string_view codes) {
    std::string& text = kind == FieldKind::remove_roles ? removed_ : added_;
    if (!text.empty()) {
        text += kRoleSeparators.front();
    }
    text += codes;
}

std::optional<bool> parse_role_choice(std::string_view cell) {
    cell = trim(cell);
    if (cell.empty()) {
        return false;
    }
    if (cell == "x" || cell == "X") {
        return true;
    }
    const std::string_view value = parse_boolean(cell);
    return value.empty() ? std::nullopt : std::optional(value == "true");
}

}  // namespace customer_import
