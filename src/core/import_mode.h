// The three modes of an import.
#pragma once

#include <optional>
#include <string_view>

namespace customer_import {

enum class ImportMode { create_and_update, create_only, update_only };

// Reads 'Create & Update', 'Create Only', 'Update Only' or the names below: any case, blank or - for _.
std::optional<ImportMode> parse_import_mode(std::string_view text);

// Returns create_and_update, create_only or update_only.
std::string_view import_mode_name(ImportMode mode);

}  // namespace customer_import
