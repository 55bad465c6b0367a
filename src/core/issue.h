// Outcomes and issues: what became of a record, and why.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace customer_import {

enum class Outcome : std::uint8_t { created, updated, unchanged, skipped, rejected, deleted };
std::string_view outcome_name(Outcome outcome);

enum class IssueCode : std::uint8_t {
    // rejected
    missing_user_name,
    invalid_user_name,
    unknown_role,
    role_not_grantable,
    conflicting_roles,
    invalid_value,
    wrong_field_count,
    invalid_encoding,
    malformed_record,
    not_permitted,
    database_error,
    // skipped
    already_exists,
    not_found,
    // left out by an undo or a retry
    changed_since,
    still_referenced,
    superseded,
};
std::string_view issue_code_name(IssueCode code);

// One fault of one record. Empty strings mean NULL, except for `value`, which has its own flag.
struct Issue {
    IssueCode code = IssueCode::invalid_value;
    std::string column;
    std::string value;
    bool has_value = false;
    std::string message;
    std::string detail;
    std::string hint;
    std::string sqlstate;
};

inline constexpr std::size_t kMaxIssueValueBytes = 1000;

// A value as an issue holds it, as data: at most kMaxIssueValueBytes, the "…" for the rest included.
std::string issue_value(std::string_view value);

// The same as messages show it to people: see visible().
std::string shown_value(std::string_view value);

// Replaces line breaks and tabs with blanks, since the text of a trigger may have any and a message is one line, and
// shows what else cannot be seen: see visible().
std::string one_line(std::string text);

// Makes an issue; `value` is shortened to kMaxIssueValueBytes, `message` becomes one line.
Issue make_issue(IssueCode code, std::string_view column, std::string_view value, std::string message,
                 std::string hint = {});

// The issues that only the apply step can find; the texts of all others are in the validator.
Issue unknown_role_issue(std::string_view column, std::string_view code, std::string_view nearest);
// Of a code that the catalog lacks and that an import cannot add.
Issue uncreatable_role_issue(std::string_view column, std::string_view code, std::string_view nearest);
Issue already_exists_issue(std::string_view user_name);
Issue not_found_issue(std::string_view user_name);
Issue not_permitted_issue(std::string_view user_name);

// The issues of an undo or a retry. `column` is the field, or roles; `value` the code, or what the field holds now.
Issue changed_since_issue(std::string_view column, std::string_view value, std::string message);
Issue superseded_issue(std::string_view column, std::string_view value);
Issue still_referenced_issue(std::string_view user_name, std::string_view table);

}  // namespace customer_import
