// Role cells of one record that several columns hold: put together as one cell each of addRoles and removeRoles.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/header_map.h"

namespace customer_import {

class UnitedRoles {
public:
    // Begins a record.
    void clear() {
        added_.clear();
        removed_.clear();
    }

    void add(FieldKind kind, std::string_view codes);

    // What the columns of that kind say together. Lives until clear().
    std::string_view text(FieldKind kind) const { return kind == FieldKind::remove_roles ? removed_ : added_; }

private:
    std::string added_, removed_;
};

// Reads the cell of a column of one role: whether the role is added; nothing for a text that says neither.
std::optional<bool> parse_role_choice(std::string_view cell);

}  // namespace customer_import
