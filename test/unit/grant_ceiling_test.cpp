#include "core/grant_ceiling.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace customer_import {
namespace {

using Codes = std::vector<std::string_view>;

class CeilingTest : public testing::Test {
protected:
    CeilingTest() {
        catalog_.add("administrator", true);
        catalog_.add("superuser", true);
        catalog_.add("buyer");
        catalog_.add("approver");
    }

    std::string change(std::string_view user_name, const Codes& before, const Codes& after) const {
        return text(ceiling_.check_change(user_name, before, after));
    }
    std::string arrival(std::string_view user_name, const Codes& roles) const {
        return text(ceiling_.check_arrival(user_name, roles));
    }
    std::string departure(std::string_view user_name, const Codes& roles) const {
        return text(ceiling_.check_departure(user_name, roles));
    }
    static std::string text(const GrantCeiling::Violations& violations) {
        std::string text;
        for (const GrantCeiling::Violation& violation : violations) {
            text += (text.empty() ? "" : "; ") + violation.message;
        }
        return text;
    }

    RoleCatalog catalog_;
    std::vector<std::string> own_names_ = {"ann",
                                           "stra\xc3\x9f"
                                           "e@example.com"};
    GrantCeiling ceiling_{catalog_, own_names_};
};

TEST_F(CeilingTest, LetsOrdinaryCodesPass) {
    EXPECT_EQ(change("bob", {}, {"approver", "buyer"}), "");
    EXPECT_EQ(change("bob", {"approver", "buyer"}, {}), "");
    EXPECT_EQ(arrival("bob", {"buyer"}), "");
    EXPECT_EQ(departure("bob", {"buyer"}), "");
}

TEST_F(CeilingTest, RefusesToGivePrivilegedCodes) {
    EXPECT_EQ(change("bob", {"buyer"}, {"administrator", "buyer"}),
              "only administrators may give role code \"administrator\"");
    EXPECT_EQ(change("bob", {}, {"ADMINISTRATOR"}), "only administrators may give role code \"ADMINISTRATOR\"");
    EXPECT_EQ(arrival("bob", {"superuser"}), "only administrators may give role code \"superuser\"");
}

TEST_F(CeilingTest, RefusesToTakePrivilegedCodes) {
    EXPECT_EQ(change("bob", {"administrator", "buyer"}, {"buyer"}),
              "only administrators may take role code \"administrator\"");
    EXPECT_EQ(change("bob", {"Administrator"}, {}), "only administrators may take role code \"Administrator\"");
}

TEST_F(CeilingTest, FindsPrivilegedCodesInAnyPlace) {
    EXPECT_NE(change("bob", {"approver", "buyer"}, {"approver", "buyer", "superuser"}), "");
    EXPECT_NE(change("bob", {"administrator", "buyer"}, {"approver", "buyer", "clerk"}), "");
    EXPECT_NE(change("bob", {"superuser", "buyer"}, {"buyer"}), "");  // not sorted
    EXPECT_NE(change("bob", {"buyer"}, {"buyer", "ADMINISTRATOR"}), "");
    EXPECT_EQ(change("bob", {"buyer", "superuser"}, {"superuser", "approver"}), "");
}

TEST_F(CeilingTest, JudgesTheEffectiveChange) {
    EXPECT_EQ(change("bob", {"administrator"}, {"administrator", "buyer"}), "");
    EXPECT_EQ(change("bob", {"ADMINISTRATOR"}, {"administrator"}), "");
    EXPECT_EQ(change("ann", {"buyer"}, {"buyer"}), "");
    EXPECT_EQ(change("ann", {"BUYER"}, {"buyer"}), "");
}

TEST_F(CeilingTest, NamesTheCodeAndTheWay) {
    const Codes none, admin = {"administrator"};
    const auto given = ceiling_.check_change("bob", none, admin);
    ASSERT_EQ(given.size(), 1u);
    EXPECT_EQ(given.front().code, "administrator");
    EXPECT_TRUE(given.front().code_is_added);
    const auto taken = ceiling_.check_change("bob", admin, none);
    ASSERT_EQ(taken.size(), 1u);
    EXPECT_FALSE(taken.front().code_is_added);
}

TEST_F(CeilingTest, NamesAllCodesAtOnce) {
    EXPECT_EQ(
        change("ann", {"superuser"}, {"administrator", "buyer"}),
        "only administrators may give role code \"administrator\"; only administrators may take role code \"superuser\"; "
        "only administrators may change their own roles");
    EXPECT_EQ(
        arrival("bob", {"administrator", "superuser"}),
        "only administrators may give role code \"administrator\"; only administrators may give role code \"superuser\"");
}

TEST_F(CeilingTest, ProtectsTheOperatorsOwnRoles) {
    EXPECT_EQ(change("ann", {}, {"buyer"}), "only administrators may change their own roles");
    EXPECT_EQ(change("ann", {"buyer"}, {}), "only administrators may change their own roles");
    EXPECT_EQ(change("ANN", {"buyer"}, {}), "only administrators may change their own roles");
}

TEST_F(CeilingTest, FoldsNamesBeforeItComparesThem) {
    own_names_ = {"strasse@example.com"};
    EXPECT_NE(change("Stra\xc3\x9f"
                     "e@Example.com",
                     {}, {"buyer"}),
              "");
    EXPECT_EQ(change("strase@example.com", {}, {"buyer"}), "");
}

TEST_F(CeilingTest, ProtectsTheOperatorsOwnName) {
    EXPECT_EQ(arrival("ann", {}), "only administrators may become a customer themselves");
    EXPECT_EQ(departure("ann", {}), "only administrators may delete or rename themselves");
}

TEST_F(CeilingTest, ProtectsHoldersOfPrivilegedCodes) {
    EXPECT_EQ(departure("bob", {"buyer", "superuser"}),
              "only administrators may delete or rename a customer with role code \"superuser\"");
    EXPECT_NE(departure("bob", {"SuperUser"}), "");
}

TEST_F(CeilingTest, KnowsNobodyWithoutOwnNames) {
    own_names_.clear();
    EXPECT_EQ(change("", {}, {"buyer"}), "");
    EXPECT_EQ(departure("ann", {}), "");
}

TEST_F(CeilingTest, MakesIssues) {
    const Codes none, admin = {"administrator"}, buyer = {"buyer"};
    const Issue privileged = role_not_grantable_issue(ceiling_.check_change("bob", none, admin).at(0), "addRoles",
                                                      "bob");
    EXPECT_EQ(privileged.code, IssueCode::role_not_grantable);
    EXPECT_EQ(privileged.column, "addRoles");
    EXPECT_EQ(privileged.value, "administrator");
    const Issue own = role_not_grantable_issue(ceiling_.check_change("ann", none, buyer).at(0), "addRoles", "ann");
    EXPECT_EQ(own.column, "userName");
    EXPECT_EQ(own.value, "ann");
}

}  // namespace
}  // namespace customer_import
