#include "core/header_names.h"

#include <algorithm>
#include <cstddef>

#include "core/text.h"
#include "core/user_name.h"
#include "core/visible_text.h"

namespace customer_import {

namespace {

constexpr std::size_t kShortName = 3;  // up to this length nothing is a near miss
constexpr std::size_t kLongName = 8;   // from this length on two edits are still a near miss

// The text without what cannot be seen, and each blank that is not ASCII as a space.
std::string without_invisible(std::string_view text) {
    std::string result;
    std::string_view character;
    while (!text.empty()) {
        if (is_ignorable(take_character(text, character))) {
            continue;
        }
        if (character.size() > 1 && trim(character).empty()) {
            result += ' ';
        } else {
            result += character;
        }
    }
    return result;
}

}  // namespace

const std::vector<Field>& standard_fields() {
    // Names as other systems give them to the same thing; none whose meaning could be another one. doc/csv_file.md lists
    // them. Never deleted: a global with a destructor would run when the server is already partly shut down.
    static const auto* const fields = new std::vector<Field>{
        {"userName", {"login", "loginName", "userLogin", "userPrincipalName"}, FieldKind::user_name, false},
        {"addRoles", {"rolesToAdd"}, FieldKind::add_roles, false},
        {"removeRoles", {"rolesToRemove"}, FieldKind::remove_roles, false},
        {"roles", {}, FieldKind::roles, true},
        {"email", {"mail", "emailAddress", "mailAddress", "userEmail"}, FieldKind::text, true},
        {"firstName", {"givenName", "forename"}, FieldKind::text, true},
        {"lastName", {"surname", "familyName"}, FieldKind::text, true},
        {"phone", {"phoneNumber", "telephone", "telephoneNumber", "tel"}, FieldKind::text, true},
        {"company", {"companyName", "organization", "organisation"}, FieldKind::text, true},
        {"active", {"isActive"}, FieldKind::boolean, false},
    };
    return *fields;
}

std::string visible_header(std::string_view name) {
    return std::string(trim(is_ascii(name) ? std::string(name) : without_invisible(name)));
}

std::string header_key(std::string_view name) {
    std::string result;
    fold_user_name(visible_header(name), result);
    std::erase_if(result, [](char c) { return c == ' ' || c == '_' || c == '-'; });
    return result;
}

std::size_t near_miss_limit(std::string_view name) {
    return name.size() <= kShortName ? 0 : name.size() >= kLongName ? 2 : 1;
}

FieldFinder::FieldFinder(const std::vector<Field>& fields) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
        names_.push_back({header_key(fields[i].name), static_cast<int>(i)});
        for (const std::string& alias : fields[i].aliases) {
            names_.push_back({header_key(alias), static_cast<int>(i)});
        }
    }
}

int FieldFinder::find(std::string_view name) const {
    const std::string key = header_key(name);
    const auto found = std::find_if(names_.begin(), names_.end(), [&](const KnownName& n) { return n.key == key; });
    return found == names_.end() ? kNoField : found->field;
}

int FieldFinder::find_near_miss(std::string_view name) const {
    const std::string key = header_key(name);
    int nearest = kNoField;
    std::size_t nearest_distance = 0;
    for (const KnownName& known : names_) {
        const std::size_t limit = near_miss_limit(known.key);
        if (limit == 0) {
            continue;
        }
        const std::size_t distance = edit_distance(key, known.key, limit);
        if (distance > limit || (nearest != kNoField && distance >= nearest_distance)) {
            continue;
        }
        nearest = known.field;
        nearest_distance = distance;
    }
    return nearest;
}

}  // namespace customer_import
