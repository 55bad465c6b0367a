#include "core/grant_ceiling.h"

#include <algorithm>

#include "core/code_finder.h"
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
        if (!held.contains(code)) beyond.push_back(code);
    }
    return beyond;
}

}  // namespace

bool Preparers::limit_somebody() const {
    return (of_others && of_others->is_limited) ||
           std::any_of(by_line.begin(), by_line.end(), [](const auto& line) { return line.second.is_limited; });
}

GrantCeiling::Breaches GrantCeiling::check_change(std::string_view user_name, Codes before, Codes after,
                                                  std::int64_t line) const {
    const Preparer* other = preparer(line);
    return attribute(find_change(user_name, before, after, other), other);
}

GrantCeiling::Breaches GrantCeiling::check_arrival(std::string_view user_name, Codes roles, std::int64_t line) const {
    const Preparer* other = preparer(line);
    Breaches breaches = find_change(user_name, {}, roles, other);
    if (limits(other) && roles.empty() && is_own(user_name, other)) {
        breaches.push_back({{}, false, "only administrators may become a customer themselves"});
    }
    return attribute(std::move(breaches), other);
}

GrantCeiling::Breaches GrantCeiling::find_change(std::string_view user_name, Codes before, Codes after,
                                                 const Preparer* preparer) const {
    Breaches breaches;
    if (!limits(preparer)) return breaches;
    const std::vector<std::string_view> added = find_beyond(after, before, check_interrupts_),
                                        removed = find_beyond(before, after, check_interrupts_);
    Pace pace(check_interrupts_);
    for (const std::string_view code : added) {
        pace.step(8 * code.size());
        if (catalogue_.is_privileged(code)) {
            breaches.push_back({code, true, "only administrators may give role code " + quoted(code)});
        }
    }
    for (const std::string_view code : removed) {
        pace.step(8 * code.size());
        if (catalogue_.is_privileged(code)) {
            breaches.push_back({code, false, "only administrators may take role code " + quoted(code)});
        }
    }
    if ((!added.empty() || !removed.empty()) && is_own(user_name, preparer)) {
        breaches.push_back({{}, false, "only administrators may change their own roles"});
    }
    return breaches;
}

GrantCeiling::Breaches GrantCeiling::attribute(Breaches breaches, const Preparer* preparer) const {
    if (!is_limited_ && preparer != nullptr) {
        for (Breach& breach : breaches) breach.message += ", and the record is by operator " + quoted(preparer->name);
    }
    return breaches;
}

GrantCeiling::Breaches GrantCeiling::check_departure(std::string_view user_name, Codes roles) const {
    Breaches breaches;
    if (!limits(nullptr)) return breaches;
    Pace pace(check_interrupts_);
    for (const std::string_view code : roles) {
        pace.step(8 * code.size());
        if (catalogue_.is_privileged(code)) {
            breaches.push_back({code, false,
                                "only administrators may delete or rename a customer with role code " + quoted(code)});
        }
    }
    if (is_own(user_name, nullptr)) breaches.push_back({{}, false, "only administrators may delete or rename themselves"});
    return breaches;
}

bool GrantCeiling::is_own(std::string_view user_name, const Preparer* preparer) const {
    if (own_names_.empty() && preparer == nullptr) return false;
    std::string folded;
    fold_user_name(user_name, folded);
    const auto among = [&](const std::vector<std::string>& names) {
        return std::find(names.begin(), names.end(), folded) != names.end();
    };
    return among(own_names_) || (preparer != nullptr && among(preparer->own_names));
}

Issue role_not_grantable_issue(const GrantCeiling::Breach& breach, std::string_view column,
                               std::string_view user_name) {
    return breach.code.empty() ? make_issue(IssueCode::role_not_grantable, "userName", user_name, breach.message)
                               : make_issue(IssueCode::role_not_grantable, column, breach.code, breach.message);
}

}  // namespace customer_import
