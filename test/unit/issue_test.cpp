#include "core/issue.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace customer_import {
namespace {

TEST(MakeIssue, WithoutValueHasNone) {
    const Issue issue = make_issue(IssueCode::wrong_field_count, {}, {}, "the record has 3 fields");
    EXPECT_FALSE(issue.has_value);
    EXPECT_EQ(issue.value, "");
    EXPECT_EQ(issue.column, "");
    EXPECT_EQ(issue.hint, "");
}

TEST(MakeIssue, ShortensTheValueAtACharacter) {
    const Issue issue = make_issue(IssueCode::invalid_value, "active", std::string(999, 'x') + "éé", "m");
    EXPECT_EQ(issue.value, std::string(997, 'x') + "…");
    EXPECT_EQ(make_issue(IssueCode::invalid_value, "active", std::string(1000, 'x'), "m").value,
              std::string(1000, 'x'));
}

TEST(MakeIssue, MakesTheMessageOneLine) {
    const auto message = [](const char* text) { return make_issue(IssueCode::database_error, {}, {}, text).message; };
    EXPECT_EQ(message("one\ntwo\r\nthree\rfour\n"), "one two three four ");
    EXPECT_EQ(message("\r\r\n"), "  ");
    EXPECT_EQ(message("one line"), "one line");
}

TEST(MakeIssue, KeepsAllParts) {
    const Issue issue = make_issue(IssueCode::invalid_value, "active", "maybe", "must be true", "Use true.");
    EXPECT_EQ(issue.code, IssueCode::invalid_value);
    EXPECT_EQ(issue.column, "active");
    EXPECT_TRUE(issue.has_value);
    EXPECT_EQ(issue.value, "maybe");
    EXPECT_EQ(issue.message, "must be true");
    EXPECT_EQ(issue.hint, "Use true.");
}

TEST(UnknownRoleIssue, SuggestsTheNearestIfThereIsOne) {
    const Issue issue = unknown_role_issue("addRoles", "byer", "buyer");
    EXPECT_EQ(issue.code, IssueCode::unknown_role);
    EXPECT_EQ(issue.column, "addRoles");
    EXPECT_EQ(issue.value, "byer");
    EXPECT_EQ(issue.message, "role code \"byer\" is not in the catalog");
    EXPECT_EQ(issue.hint, "Did you mean \"buyer\"?");
    EXPECT_EQ(unknown_role_issue("addRoles", "zzz", {}).hint, "");
}

TEST(UnknownRoleIssue, ShortensTheCodeInTheMessage) {
    EXPECT_LT(unknown_role_issue("roles", std::string(100000, 'x'), {}).message.size(), 1100u);
}

TEST(SkippedIssues, NameTheUser) {
    EXPECT_EQ(already_exists_issue("ann").message, "customer already exists");
    EXPECT_EQ(already_exists_issue("ann").value, "ann");
    EXPECT_EQ(already_exists_issue("ann").column, "userName");
    EXPECT_EQ(already_exists_issue("ann").code, IssueCode::already_exists);
    EXPECT_EQ(not_found_issue("bob").message, "customer does not exist");
    EXPECT_EQ(not_found_issue("bob").value, "bob");
    EXPECT_EQ(not_found_issue("bob").code, IssueCode::not_found);
}

TEST(NotPermittedIssue, NamesTheUser) {
    const Issue issue = not_permitted_issue("ann");
    EXPECT_EQ(issue.code, IssueCode::not_permitted);
    EXPECT_EQ(issue.column, "userName");
    EXPECT_EQ(issue.value, "ann");
    EXPECT_EQ(issue.message, "the customer is not visible to you, or its row may not be written");
}

TEST(Names, AreThoseOfTheContract) {
    EXPECT_EQ(outcome_name(Outcome::created), "created");
    EXPECT_EQ(outcome_name(Outcome::updated), "updated");
    EXPECT_EQ(outcome_name(Outcome::unchanged), "unchanged");
    EXPECT_EQ(outcome_name(Outcome::skipped), "skipped");
    EXPECT_EQ(outcome_name(Outcome::rejected), "rejected");
    EXPECT_EQ(issue_code_name(IssueCode::missing_user_name), "missing_user_name");
    EXPECT_EQ(issue_code_name(IssueCode::database_error), "database_error");
    EXPECT_EQ(issue_code_name(IssueCode::not_found), "not_found");
}

TEST(Names, OfIssueCodesDiffer) {
    std::set<std::string_view> names;
    for (int code = 0; code <= static_cast<int>(IssueCode::not_found); ++code) {
        names.insert(issue_code_name(static_cast<IssueCode>(code)));
    }
    EXPECT_EQ(names.size(), static_cast<std::size_t>(IssueCode::not_found) + 1);
    EXPECT_EQ(names.count(""), 0u);
}

}  // namespace
}  // namespace customer_import
