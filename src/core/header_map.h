// Step 2: header mapping. Says which CSV column feeds which field of the customers table.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/result.h"

namespace customer_import {

enum class FieldKind { user_name, add_roles, remove_roles, roles, text, boolean, other };

// Whether a field of this kind is a column of the customers table that a file may set: neither the user name nor roles.
constexpr bool is_value(FieldKind kind) {
    switch (kind) {
        case FieldKind::text:
        case FieldKind::boolean:
        case FieldKind::other: return true;
        case FieldKind::user_name:
        case FieldKind::add_roles:
        case FieldKind::remove_roles:
        case FieldKind::roles: return false;
    }
    return false;
}

// A field that a header may name. `other` is a column of any other type: its cell is passed on as text.
struct Field {
    std::string name;  // as files spell it, e.g. addRoles
    std::vector<std::string> aliases;
    FieldKind kind = FieldKind::text;
    bool clearable = false;  // _EMPTY_VALUE_ may clear it
};

// The fields of a created customers table, in the order of templates and exports. What a table itself takes follows from
// its columns, kind and `clearable` included: see Target::fields().
const std::vector<Field>& standard_fields();

// What is left of a header name without case, blanks, _ and -: two headers with the same key are the same.
std::string header_key(std::string_view name);

class HeaderMap {
public:
    static constexpr int kIgnored = -1;

    // Maps header cells to `fields` (which must outlive the map) by the rules of doc/csv_file.md: case, blanks, _ and -
    // are ignored, near misses are refused. Cells must be valid UTF-8.
    static std::variant<HeaderMap, Refusal> create(std::span<const std::string_view> header,
                                                   const std::vector<Field>& fields);

    // For each CSV column the index into fields(), or kIgnored.
    const std::vector<int>& columns() const { return columns_; }
    const std::vector<Field>& fields() const { return *fields_; }

    // The fields of kind text, boolean and other that the header names, as indexes into fields(), in header order. A
    // record's cells follow this order.
    const std::vector<int>& value_fields() const { return value_fields_; }

    // True when the header names a field of that kind.
    bool has(FieldKind kind) const;

    // The column `_escaped`, or kIgnored: it says which cells of a record are escaped (core/spreadsheet_csv).
    int escaped_column() const { return escaped_column_; }

    const std::vector<std::string>& warnings() const { return warnings_; }

private:
    const std::vector<Field>* fields_ = nullptr;
    std::vector<int> columns_;
    std::vector<int> value_fields_;
    int escaped_column_ = kIgnored;
    std::vector<std::string> warnings_;
};

}  // namespace customer_import
