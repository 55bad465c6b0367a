#include "core/header_map.h"

#include <algorithm>
#include <optional>

#include "core/format.h"
#include "core/spreadsheet_csv.h"
#include "core/text.h"
#include "core/user_name.h"

namespace customer_import {

namespace {

constexpr std::size_t kMaxShownColumns = 1000;
constexpr std::size_t kLongName = 8;  // from this length on two edits are still a near miss

// A spelling that a header may use for fields[field].
struct KnownName {
    std::string name;  // its header_key()
    int field;
};

std::vector<KnownName> known_names(const std::vector<Field>& fields) {
    std::vector<KnownName> names;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        names.push_back({header_key(fields[i].name), static_cast<int>(i)});
        for (const std::string& alias : fields[i].aliases) {
            names.push_back({header_key(alias), static_cast<int>(i)});
        }
    }
    return names;
}

int find_field(const std::vector<KnownName>& names, const std::string& name) {
    const auto found = std::find_if(names.begin(), names.end(), [&](const KnownName& n) { return n.name == name; });
    return found == names.end() ? HeaderMap::kIgnored : found->field;
}

// The field that `name` is a misspelling of, as far as one can tell.
int find_near_miss(const std::vector<KnownName>& names, const std::string& name) {
    int nearest = HeaderMap::kIgnored;
    std::size_t nearest_distance = 0;
    for (const KnownName& known : names) {
        const std::size_t limit = known.name.size() >= kLongName ? 2 : 1;
        const std::size_t distance = edit_distance(name, known.name, limit);
        if (distance > limit || (nearest != HeaderMap::kIgnored && distance >= nearest_distance)) {
            continue;
        }
        nearest = known.field;
        nearest_distance = distance;
    }
    return nearest;
}

std::string columns_found(std::span<const std::string_view> header) {
    std::string list;
    for (const std::string_view cell : header) {
        if (!list.empty()) {
            list += ", ";
        }
        list += trim(cell);
        if (list.size() > kMaxShownColumns) {
            break;
        }
    }
    return format("Columns found: {}.", shorten(list, kMaxShownColumns));
}

Refusal misspelled(std::string_view name, const std::string& meant) {
    return broken_file(format("the header column {} is not known", quoted(name)), {},
                       format("Did you mean \"{}\"? Begin its name with \"_\" to have it ignored.", meant));
}

Refusal named_twice(const std::string& name, std::size_t first, std::size_t second) {
    return broken_file(format("column \"{}\" appears twice in the header", name),
                       format("Columns {} and {} both mean \"{}\".", first + 1, second + 1, name));
}

Refusal no_user_name(const std::string& name, std::span<const std::string_view> header) {
    std::string hint = format("Name the column with the user names \"{}\".", name);
    if (header.size() == 1) {
        hint += " If another character separates the columns, name it with the option \"delimiter\".";
    }
    return broken_file(format("the header has no column \"{}\"", name), columns_found(header), std::move(hint));
}

Refusal nothing_to_import(const std::string& user_name, const std::vector<Field>& fields,
                          std::span<const std::string_view> header) {
    std::string known;
    for (const Field& field : fields) {
        if (field.kind == FieldKind::user_name) {
            continue;
        }
        known.append(known.empty() ? "" : ", ").append(field.name);
    }
    return broken_file(format("the header has no column to import beside \"{}\"", user_name), columns_found(header),
                       format("Known columns: {}.", known));
}

}  // namespace

const std::vector<Field>& standard_fields() {
    // Never deleted: a global with a destructor would run when the server is already partly shut down.
    static const auto* const fields = new std::vector<Field>{
        {"userName", {"login", "username"}, FieldKind::user_name, false},
        {"addRoles", {"rolesToAdd"}, FieldKind::add_roles, false},
        {"removeRoles", {"rolesToRemove"}, FieldKind::remove_roles, false},
        {"roles", {}, FieldKind::roles, true},
        {"email", {"mail"}, FieldKind::text, true},
        {"firstName", {}, FieldKind::text, true},
        {"lastName", {}, FieldKind::text, true},
        {"phone", {}, FieldKind::text, true},
        {"company", {}, FieldKind::text, true},
        {"active", {}, FieldKind::boolean, false},
    };
    return *fields;
}

std::string header_key(std::string_view name) {
    std::string result;
    fold_user_name(name, result);
    std::erase_if(result, [](char c) { return c == ' ' || c == '_' || c == '-'; });
    return result;
}

std::variant<HeaderMap, Refusal> HeaderMap::create(std::span<const std::string_view> header,
                                                   const std::vector<Field>& fields) {
    HeaderMap map;
    map.fields_ = &fields;
    const std::vector<KnownName> names = known_names(fields);
    std::vector<std::optional<std::size_t>> column_of(fields.size());
    for (std::size_t column = 0; column < header.size(); ++column) {
        map.columns_.push_back(kIgnored);
        const std::string_view name = trim(header[column]);
        if (name.empty()) {
            map.warnings_.push_back(format("column {} has no name and was ignored", column + 1));
            continue;
        }
        if (name.starts_with('_')) {
            if (equal_ignoring_ascii_case(name, kEscapedColumn)) {
                map.escaped_column_ = static_cast<int>(column);
            }
            continue;
        }
        const std::string wanted = header_key(name);
        const int index = find_field(names, wanted);
        if (index == kIgnored) {
            const int meant = find_near_miss(names, wanted);
            if (meant != kIgnored) {
                return misspelled(name, fields[static_cast<std::size_t>(meant)].name);
            }
            map.warnings_.push_back(format("column {} is not known and was ignored", quoted(name)));
            continue;
        }
        const Field& field = fields[static_cast<std::size_t>(index)];
        std::optional<std::size_t>& first = column_of[static_cast<std::size_t>(index)];
        if (first) {
            return named_twice(field.name, *first, column);
        }
        first = column;
        map.columns_.back() = index;
        if (is_value(field.kind)) {
            map.value_fields_.push_back(index);
        }
    }
    const auto key = std::find_if(fields.begin(), fields.end(),
                                  [](const Field& field) { return field.kind == FieldKind::user_name; });
    if (!map.has(FieldKind::user_name)) {
        return no_user_name(key->name, header);
    }
    if (std::count(map.columns_.begin(), map.columns_.end(), kIgnored) + 1 == std::ssize(map.columns_)) {
        return nothing_to_import(key->name, fields, header);
    }
    return map;
}

bool HeaderMap::has(FieldKind kind) const {
    return std::any_of(columns_.begin(), columns_.end(), [&](int index) {
        return index != kIgnored && (*fields_)[static_cast<std::size_t>(index)].kind == kind;
    });
}

}  // namespace customer_import
