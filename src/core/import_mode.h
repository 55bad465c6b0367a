// The three modes of an import.
#pragma once

#include <optional>
#include <string_view>

namespace customer_import {

enum class ImportMode { create_and_update, create_only, update_only };

// Whether an import of this mode may change a customer that exists, and may create one that does not.
constexpr bool updates(ImportMode mode) {
    switch (mode) {
        case ImportMode::create_and_update:
        case ImportMode::update_only: return true;
        case ImportMode::create_only: return false;
    }
    return false;
}
constexpr bool creates(ImportMode mode) {
    switch (mode) {
        case ImportMode::create_and_update:
        case ImportMode::create_only: return true;
        case ImportMode::update_only: return false;
    }
    return false;
}

// Reads 'Create & Update', 'Create Only', 'Update Only' or the names below: any case, blank or - for _.
std::optional<ImportMode> parse_import_mode(std::string_view text);

// Returns create_and_update, create_only or update_only.
std::string_view import_mode_name(ImportMode mode);

}  // namespace customer_import
