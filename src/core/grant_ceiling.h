// The grant ceiling: what an operator that is not an administrator may not do to a customer. Judged by the effective
// change alone, never by what a file lists.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/issue.h"
#include "core/pace.h"
#include "core/role_catalog.h"

namespace customer_import {

// An operator whose records another one applies.
struct Preparer {
    std::string name;
    bool is_limited = true;              // it is not an administrator
    std::vector<std::string> own_names;  // folded
};

// The preparers of the records that an operator applies, where these are other operators.
struct Preparers {
    std::map<std::int64_t, Preparer> by_line;
    std::optional<Preparer> of_others;  // of all lines that are not among these

    const Preparer* find(std::int64_t line) const {
        const auto found = by_line.find(line);
        return found != by_line.end() ? &found->second : of_others ? &*of_others : nullptr;
    }
    bool limit_somebody() const;
};

// A record that one operator has prepared and another one applies is subject to the lower of their two ceilings, and
// the customers of both count as its own.
class GrantCeiling {
public:
    using Codes = std::span<const std::string_view>;

    // Why a change is not allowed. `code` is the privileged code in question; empty: the customer is the operator
    // itself. The view lives as long as the codes that were given.
    struct Violation {
        std::string_view code;
        bool code_is_added = false;
        std::string message;
    };
    using Violations = std::vector<Violation>;

    // `own_names`: the folded user names under which the acting operator is a customer itself. `is_limited`: it is not
    // an administrator. All that is referred to must outlive the object.
    GrantCeiling(const RoleCatalog& catalog, const std::vector<std::string>& own_names, bool is_limited = true,
                 const Preparers* preparers = nullptr, InterruptCheck check_interrupts = ask_nobody)
        : catalog_(catalog),
          own_names_(own_names),
          is_limited_(is_limited),
          preparers_(preparers),
          check_interrupts_(check_interrupts) {}

    const RoleCatalog& catalog() const { return catalog_; }

    // Each of these returns every violation; none when the change is allowed. `line`: of the record that asks for it,
    // where another operator may have prepared it.

    // A customer whose roles become `after`. Codes that differ only in the case of ASCII letters are the same.
    Violations check_change(std::string_view user_name, Codes before, Codes after, std::int64_t line = 0) const;

    // A customer that is created, or takes this name.
    Violations check_arrival(std::string_view user_name, Codes roles, std::int64_t line = 0) const;

    // A customer that is deleted, or gives up this name.
    Violations check_departure(std::string_view user_name, Codes roles) const;

private:
    const Preparer* preparer(std::int64_t line) const {
        return preparers_ != nullptr ? preparers_->find(line) : nullptr;
    }
    bool limits(const Preparer* preparer) const { return is_limited_ || (preparer != nullptr && preparer->is_limited); }
    bool is_own(std::string_view user_name, const Preparer* preparer) const;
    Violations find_change(std::string_view user_name, Codes before, Codes after, const Preparer* preparer) const;
    // Names the operator whose ceiling it is, where it is not the acting one's.
    Violations attribute(Violations violations, const Preparer* preparer) const;

    const RoleCatalog& catalog_;
    const std::vector<std::string>& own_names_;
    const bool is_limited_;
    const Preparers* const preparers_;
    const InterruptCheck check_interrupts_;
};

// The issue of a record that violates the ceiling.
Issue role_not_grantable_issue(const GrantCeiling::Violation& violation, std::string_view column,
                               std::string_view user_name);

}  // namespace customer_import
