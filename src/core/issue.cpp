#include "core/issue.h"

#include <utility>

#include "core/damaged_text.h"
#include "core/format.h"
#include "core/role_set.h"
#include "core/text.h"
#include "core/visible_text.h"

namespace customer_import {

namespace {

constexpr std::string_view kEllipsis = "…";

}  // namespace

std::string issue_value(std::string_view value) {
    return value.size() <= kMaxIssueValueBytes ? std::string(value)
                                               : shorten(value, kMaxIssueValueBytes - kEllipsis.size());
}

std::string shown_value(std::string_view value) {
    return value.size() <= kMaxIssueValueBytes ? visible(value, kMaxIssueValueBytes)
                                               : visible(value, kMaxIssueValueBytes - kEllipsis.size());
}

std::string one_line(std::string text) {
    std::size_t end = 0;
    for (std::size_t begin = 0; begin < text.size(); ++begin) {
        if (text[begin] == '\r' && begin + 1 < text.size() && text[begin + 1] == '\n') {
            continue;
        }
        const bool is_blank = text[begin] == '\r' || text[begin] == '\n' || text[begin] == '\t';
        text[end++] = is_blank ? ' ' : text[begin];
    }
    text.resize(end);
    return visible(text);
}

std::string_view outcome_name(Outcome outcome) {
    switch (outcome) {
        case Outcome::created: return "created";
        case Outcome::updated: return "updated";
        case Outcome::unchanged: return "unchanged";
        case Outcome::skipped: return "skipped";
        case Outcome::rejected: return "rejected";
        case Outcome::deleted: return "deleted";
    }
    return {};
}

std::string_view issue_code_name(IssueCode code) {
    switch (code) {
        case IssueCode::missing_user_name: return "missing_user_name";
        case IssueCode::invalid_user_name: return "invalid_user_name";
        case IssueCode::unknown_role: return "unknown_role";
        case IssueCode::role_not_grantable: return "role_not_grantable";
        case IssueCode::conflicting_roles: return "conflicting_roles";
        case IssueCode::invalid_value: return "invalid_value";
        case IssueCode::wrong_field_count: return "wrong_field_count";
        case IssueCode::invalid_encoding: return "invalid_encoding";
        case IssueCode::malformed_record: return "malformed_record";
        case IssueCode::not_permitted: return "not_permitted";
        case IssueCode::database_error: return "database_error";
        case IssueCode::already_exists: return "already_exists";
        case IssueCode::not_found: return "not_found";
        case IssueCode::changed_since: return "changed_since";
        case IssueCode::still_referenced: return "still_referenced";
        case IssueCode::superseded: return "superseded";
    }
    return {};
}

Issue make_issue(IssueCode code, std::string_view column, std::string_view value, std::string message,
                 std::string hint) {
    Issue issue;
    issue.code = code;
    issue.column = column;
    issue.value = issue_value(value);
    issue.has_value = !value.empty();
    issue.message = one_line(std::move(message));
    issue.hint = std::move(hint);
    return issue;
}

Issue unknown_role_issue(std::string_view column, std::string_view code, std::string_view nearest) {
    return make_issue(IssueCode::unknown_role, column, code,
                      format("role code \"{}\" is not in the catalog", shown_value(code)),
                      stands_for_no_role(code) ? empty_value_hint(column)
                      : nearest.empty()        ? std::string()
                                               : format("Did you mean \"{}\"?", nearest));
}

Issue uncreatable_role_issue(std::string_view column, std::string_view code, std::string_view nearest) {
    Issue issue = unknown_role_issue(column, code, nearest);
    const std::string shown = shown_value(code);
    issue.message =
        stands_for_no_role(code) ? format("role code \"{}\" cannot be created: it looks like a word for no role", shown)
        : code.size() > kMaxRoleCodeBytes
            ? format("role code \"{}\" cannot be created: it is longer than {} bytes", shown, kMaxRoleCodeBytes)
            : format(
                  "role code \"{}\" cannot be created: it has characters other than letters from A to Z, digits "
                  "and \"_.:-\"",
                  shown);
    return issue;
}

Issue already_exists_issue(std::string_view user_name) {
    return make_issue(IssueCode::already_exists, "userName", user_name, "customer already exists");
}

Issue not_found_issue(std::string_view user_name) {
    return make_issue(IssueCode::not_found, "userName", user_name, "customer does not exist");
}

Issue not_permitted_issue(std::string_view user_name) {
    return make_issue(IssueCode::not_permitted, "userName", user_name,
                      "the customer is not visible to you, or its row may not be written");
}

Issue changed_since_issue(std::string_view column, std::string_view value, std::string message) {
    return make_issue(IssueCode::changed_since, column, value, std::move(message));
}

Issue superseded_issue(std::string_view column, std::string_view value) {
    return make_issue(IssueCode::superseded, column, value,
                      column == "roles" ? format("a later import has changed role \"{}\"", shown_value(value))
                                        : format("a later import has changed field {}", column));
}

Issue still_referenced_issue(std::string_view user_name, std::string_view table) {
    return make_issue(IssueCode::still_referenced, "userName", user_name,
                      format("the customer is still referenced from table \"{}\"", table));
}

}  // namespace customer_import
