// The fields that headers name, and when two names are the same, or nearly.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

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

// Whether several columns may feed a field of this kind: what they say is added up.
constexpr bool is_united(FieldKind kind) { return kind == FieldKind::add_roles || kind == FieldKind::remove_roles; }

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

// A header as it looks: without blanks at its ends, and without what cannot be seen.
std::string visible_header(std::string_view name);

// What is left of a header name without case, blanks, _ and -, and without what cannot be seen: two headers with the same
// key are the same.
std::string header_key(std::string_view name);

// How many edits at most make a near miss of a name.
std::size_t near_miss_limit(std::string_view name);

inline constexpr int kNoField = -1;

// Finds fields by the names that headers give them.
class FieldFinder {
public:
    // `fields` must outlive the object.
    explicit FieldFinder(const std::vector<Field>& fields);

    // The field of that name or alias, or kNoField.
    int find(std::string_view name) const;
    // The field that `name` is a misspelling of, as far as one can tell, or kNoField.
    int find_near_miss(std::string_view name) const;

private:
    // A spelling that a header may use for fields[field].
    struct KnownName {
        std::string key;
        int field;
    };

    std::vector<KnownName> names_;
};

}  // namespace customer_import
