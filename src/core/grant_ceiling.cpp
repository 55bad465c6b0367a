#include "core/grant_ceiling.h"

#include <algorithm>

#include "core/text.h"
#include "core/user_name.h"

namespace customer_import {

namespace {

bool holds(GrantCeiling::Codes codes, std::string_view code) {
    return std::any_of(codes.begin(), codes.end(),
                       [&](std::string_view held) { return equal_ignoring_ascii_case(held, code); });
}

// Returns the first code of `codes` that is not in `others` and that `wanted` accepts.
template <class Wanted>
std::optional<std::string_view> find_beyond(GrantCeiling::Codes codes, GrantCeiling::Codes others, Wanted wanted) {
    for (const std::string_view code : codes) {
        if (wanted(code) && !holds(others, code)) return code;
    }
    return std::nullopt;
}

}  // namespace

std::optional<GrantCeiling::Breach> GrantCeiling::check_change(std::string_view user_name, Codes before,
                                                               Codes after) const {
    const auto privileged = [&](std::string_view code) { return catalogue_.is_privileged(code); };
    if (const auto code = find_beyond(after, before, privileged)) {
        return Breach{*code, true, "only administrators may give role code " + quoted(*code)};
    }
    if (const auto code = find_beyond(before, after, privileged)) {
        return Breach{*code, false, "only administrators may take role code " + quoted(*code)};
    }
    const auto any = [](std::string_view) { return true; };
    if ((find_beyond(after, before, any) || find_beyond(before, after, any)) && is_own(user_name)) {
        return Breach{{}, false, "only administrators may change their own roles"};
    }
    return std::nullopt;
}

std::optional<GrantCeiling::Breach> GrantCeiling::check_arrival(std::string_view user_name, Codes roles) const {
    if (auto breach = check_change(user_name, {}, roles)) return breach;
    if (is_own(user_name)) return Breach{{}, false, "only administrators may become a customer themselves"};
    return std::nullopt;
}

std::optional<GrantCeiling::Breach> GrantCeiling::check_departure(std::string_view user_name, Codes roles) const {
    for (const std::string_view code : roles) {
        if (catalogue_.is_privileged(code)) {
            return Breach{code, false,
                          "only administrators may delete or rename a customer with role code " + quoted(code)};
        }
    }
    if (is_own(user_name)) return Breach{{}, false, "only administrators may delete or rename themselves"};
    return std::nullopt;
}

bool GrantCeiling::is_own(std::string_view user_name) const {
    if (own_names_.empty()) return false;
    std::string folded;
    fold_user_name(user_name, folded);
    return std::find(own_names_.begin(), own_names_.end(), folded) != own_names_.end();
}

Issue role_not_grantable_issue(const GrantCeiling::Breach& breach, std::string_view column,
                               std::string_view user_name) {
    return breach.code.empty() ? make_issue(IssueCode::role_not_grantable, "userName", user_name, breach.message)
                               : make_issue(IssueCode::role_not_grantable, column, breach.code, breach.message);
}

}  // namespace customer_import
