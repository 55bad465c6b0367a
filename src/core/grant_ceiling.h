// The grant ceiling: what an operator who is no administrator may not do to a customer. Judged by the effective change
// alone, never by what a file lists.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/issue.h"
#include "core/role_catalogue.h"

namespace customer_import {

class GrantCeiling {
public:
    using Codes = std::span<const std::string_view>;

    // Why something may not be done. `code` is the privileged code in question; empty: the customer is the operator
    // himself. The view lives as long as the codes that were given.
    struct Breach {
        std::string_view code;
        bool code_is_added = false;
        std::string message;
    };
    using Breaches = std::vector<Breach>;

    // `own_names`: the folded user names under which the operator is a customer himself. Both arguments must outlive the
    // object.
    GrantCeiling(const RoleCatalogue& catalogue, const std::vector<std::string>& own_names)
        : catalogue_(catalogue), own_names_(own_names) {}

    // Each of these returns all that may not be done; nothing when it may.

    // A customer whose roles become `after`. Codes that differ only in the case of ASCII letters are the same.
    Breaches check_change(std::string_view user_name, Codes before, Codes after) const;

    // A customer who is created, or takes this name.
    Breaches check_arrival(std::string_view user_name, Codes roles) const;

    // A customer who is deleted, or gives up this name.
    Breaches check_departure(std::string_view user_name, Codes roles) const;

private:
    bool is_own(std::string_view user_name) const;

    const RoleCatalogue& catalogue_;
    const std::vector<std::string>& own_names_;
};

// The issue of a record that breaches the ceiling.
Issue role_not_grantable_issue(const GrantCeiling::Breach& breach, std::string_view column, std::string_view user_name);

}  // namespace customer_import
