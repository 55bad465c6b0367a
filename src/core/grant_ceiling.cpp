#include "core/grant_ceiling.h"

#include <algorithm>

#include "core/code_finder.h"
#include "core/format.h"
#include "core/text.h"
#include "core/user_name.h"

namespace customer_import {

namespace {

// The codes of `codes` that are not in `others`.
std::vector<std::string_view> find_beyond(GrantCeiling::Codes codes, GrantCeiling::Codes others, InterruptCheck check) {
    std::vector<std::string_view> beyond;
    const CodeFinder held(others, check);
    Pace pace(check);
    for (const std::string_view code : codes) {
        pace.step(8 * code.size());
        if (!held.contains(code)) {
            beyond.push_back(code);
        }
    }
    return beyond;
}

// Whether a code that only administrators may give or take is on one side alone, as it is spelled. Both sides are sorted
// as bytes; one that is not may give true for nothing.
bool may_move_privileged(const RoleCatalog& catalog, GrantCeiling::Codes before, GrantCeiling::Codes after,
                         InterruptCheck check) {
    Pace pace(check);
    auto old_code = before.begin(), new_code = after.begin();
    while (old_code != before.end() || new_code != after.end()) {
        const int order = old_code == before.end() ? 1 : new_code == after.end() ? -1 : old_code->compare(*new_code);
        const std::string_view code = order <= 0 ? *old_code : *new_code;
        pace.step(8 * code.size());
        if (order != 0 && catalog.is_privileged(code)) {
            return true;
        }
        old_code += order <= 0 ? 1 : 0;
        new_code += order >= 0 ? 1 : 0;
    }
    return false;
}

}  // namespace

bool Preparers::limit_somebody() const {
    return (of_others && of_others->is_limited) ||
           std::any_of(by_line.begin(), by_line.end(), [](const auto& line) { return line.second.is_limited; });
}

GrantCeiling::Violations GrantCeiling::check_change(std::string_view user_name, Codes before, Codes after,
                                                    std::int64_t line) const {
    const Preparer* other = preparer(line);
    return attribute(find_change(user_name, before, after, other), other);
}

GrantCeiling::Violations GrantCeiling::check_arrival(std::string_view user_name, Codes roles, std::int64_t line) const {
    const Preparer* other = preparer(line);
    Violations violations = find_change(user_name, {}, roles, other);
    if (limits(other) && roles.empty() && is_own(user_name, other)) {
        violations.push_back({{}, false, "only administrators may become a customer themselves"});
    }
    return attribute(std::move(violations), other);
}

GrantCeiling::Violations GrantCeiling::find_change(std::string_view user_name, Codes before, Codes after,
                                                   const Preparer* preparer) const {
    Violations violations;
    if (!limits(preparer)) {
        return violations;
    }
    // Nearly all changes end here.
    if (!may_move_privileged(catalog_, before, after, check_interrupts_) && !is_own(user_name, preparer)) {
        return violations;
    }
    const std::vector<std::string_view> added = find_beyond(after, before, check_interrupts_),
                                        removed = find_beyond(before, after, check_interrupts_);
    Pace pace(check_interrupts_);
    for (const std::string_view code : added) {
        pace.step(8 * code.size());
        if (catalog_.is_privileged(code)) {
            violations.push_back({code, true, format("only administrators may give role code {}", quoted(code))});
        }
    }
    for (const std::string_view code : removed) {
        pace.step(8 * code.size());
        if (catalog_.is_privileged(code)) {
            violations.push_back({code, false, format("only administrators may take role code {}", quoted(code))});
        }
    }
    if ((!added.empty() || !removed.empty()) && is_own(user_name, preparer)) {
        violations.push_back({{}, false, "only administrators may change their own roles"});
    }
    return violations;
}

GrantCeiling::Violations GrantCeiling::attribute(Violations violations, const Preparer* preparer) const {
    if (!is_limited_ && preparer != nullptr) {
        for (Violation& violation : violations) {
            violation.message = format("{}, and the record is by operator {}", violation.message,
                                       quoted(preparer->name));
        }
    }
    return violations;
}

GrantCeiling::Violations GrantCeiling::check_departure(std::string_view user_name, Codes roles) const {
    Violations violations;
    if (!limits(nullptr)) {
        return violations;
    }
    Pace pace(check_interrupts_);
    for (const std::string_view code : roles) {
        pace.step(8 * code.size());
        if (catalog_.is_privileged(code)) {
            violations.push_back(
                {code, false,
                 format("only administrators may delete or rename a customer with role code {}", quoted(code))});
        }
    }
    if (is_own(user_name, nullptr)) {
        violations.push_back({{}, false, "only administrators may delete or rename themselves"});
    }
    return violations;
}

bool GrantCeiling::is_own(std::string_view user_name, const Preparer* preparer) const {
    if (own_names_.empty() && preparer == nullptr) {
        return false;
    }
    std::string folded;
    fold_user_name(user_name, folded);
    const auto among = [&](const std::vector<std::string>& names) {
        return std::find(names.begin(), names.end(), folded) != names.end();
    };
    return among(own_names_) || (preparer != nullptr && among(preparer->own_names));
}

Issue role_not_grantable_issue(const GrantCeiling::Violation& violation, std::string_view column,
                               std::string_view user_name) {
    return violation.code.empty()
               ? make_issue(IssueCode::role_not_grantable, "userName", user_name, violation.message)
               : make_issue(IssueCode::role_not_grantable, column, violation.code, violation.message);
}

}  // namespace customer_import
