// What people and programs write for true and false.
#pragma once

#include <string_view>

namespace customer_import {

// Reads a boolean cell, any case, trimmed: true, yes, on, false, no, off and their beginnings as PostgreSQL's type reads
// them, 1 and 0, and the words of Excel and of people in German, French, Spanish, Italian and Dutch. Returns "true",
// "false" or an empty view.
std::string_view parse_boolean(std::string_view cell);

// What invalid cells are told.
inline constexpr std::string_view kBooleanHint = "Use true, false, yes, no, on, off, 1 or 0.";

}  // namespace customer_import
