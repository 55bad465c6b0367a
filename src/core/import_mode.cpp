#include "core/import_mode.h"

#include <algorithm>
#include <string>

#include "core/text.h"

namespace customer_import {

std::optional<ImportMode> parse_import_mode(std::string_view text) {
    std::string name = ascii_lower(trim(text));
    const auto separates = [](char c) { return c == ' ' || c == '-'; };
    std::replace_if(name.begin(), name.end(), separates, '_');
    if (name == "create_and_update" || name == "create_&_update" || name == "create&update") {
        return ImportMode::create_and_update;
    }
    if (name == "create_only") {
        return ImportMode::create_only;
    }
    if (name == "update_only") {
        return ImportMode::update_only;
    }
    return std::nullopt;
}

std::string_view import_mode_name(ImportMode mode) {
    switch (mode) {
        case ImportMode::create_and_update: return "create_and_update";
        case ImportMode::create_only: return "create_only";
        case ImportMode::update_only: return "update_only";
    }
    return {};
}

}  // namespace customer_import
