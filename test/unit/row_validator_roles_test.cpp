// What the validator makes of addRoles, removeRoles and roles.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "row_validator_fixture.h"

namespace customer_import {
namespace {

using RowValidatorRolesTest = RowValidatorTest;

// Role cells.

TEST_F(RowValidatorRolesTest, UnknownCodesAreNamedOneByOne) {
    use_header({"addRoles", "userName"});
    EXPECT_FALSE(check({"byer, buyer ;zzzzzz|APROVER", "ann"}));
    ASSERT_EQ(issues_.size(), 3u);
    expect_issue(0, IssueCode::unknown_role, "addRoles", "byer", "role code \"byer\" is not in the catalog",
                 "Did you mean \"buyer\"?");
    expect_issue(1, IssueCode::unknown_role, "addRoles", "zzzzzz", "role code \"zzzzzz\" is not in the catalog");
    expect_issue(2, IssueCode::unknown_role, "addRoles", "APROVER", "role code \"APROVER\" is not in the catalog",
                 "Did you mean \"approver\"?");
}

TEST_F(RowValidatorRolesTest, TheFirstUnknownCodesGetSuggestions) {
    std::string codes;
    for (int number = 10; number < 70; ++number) {
        codes += "buyer" + std::to_string(number) + ",";
    }
    use_header({"userName", "addRoles"});
    EXPECT_FALSE(check({"ann", codes}));
    ASSERT_EQ(issues_.size(), 60u);
    EXPECT_EQ(issues_.at(49).hint, "Did you mean \"buyer\"?");
    EXPECT_EQ(issues_.at(50).hint, "");
    EXPECT_EQ(issues_.at(59).message, "role code \"buyer69\" is not in the catalog");
}

TEST_F(RowValidatorRolesTest, UnknownCodesAreNamedOnceIgnoringCase) {
    use_header({"userName", "addRoles"});
    EXPECT_FALSE(check({"ann", "Byer,byer,BYER"}));
    ASSERT_EQ(issues_.size(), 1u);
    expect_issue(0, IssueCode::unknown_role, "addRoles", "Byer", "role code \"Byer\" is not in the catalog",
                 "Did you mean \"buyer\"?");
}

TEST_F(RowValidatorRolesTest, IllFormedCodesAreUnknown) {
    use_header({"userName", "addRoles"});
    EXPECT_FALSE(check({"ann", "a b"}));
    EXPECT_EQ(issues_.at(0).code, IssueCode::unknown_role);
    EXPECT_EQ(issues_.at(0).value, "a b");
}

TEST_F(RowValidatorRolesTest, UnknownCodesToRemoveAreKept) {
    use_header({"userName", "removeRoles"});
    ASSERT_TRUE(check({"ann", " gone ,buyer,GONE,a b, Lost "}));
    EXPECT_EQ(codes(last().remove_roles), (Cells{"buyer"}));
    EXPECT_EQ(codes(last().lost_roles), (Cells{"gone", "a b", "Lost"}));
}

TEST_F(RowValidatorRolesTest, UnknownCodesOfRolesMayBeHeld) {
    use_header({"userName", "roles"});
    ASSERT_TRUE(check({"ann", " gone ,buyer,GONE, Lost "}));
    EXPECT_TRUE(last().replaces_roles);
    EXPECT_EQ(codes(last().replace_roles), (Cells{"buyer"}));
    EXPECT_EQ(codes(last().lost_roles), (Cells{"gone", "Lost"}));
    EXPECT_FALSE(check({"cid", "gone,a b"}));  // no customer can hold the second one
    ASSERT_EQ(issues_.size(), 2u);
    ASSERT_TRUE(check({"bob", "buyer"}));
    EXPECT_TRUE(last().lost_roles.empty());
}

TEST_F(RowValidatorRolesTest, UnknownCodesOfRolesAreNamedBesideOtherFaults) {
    use_header({"roles", "active", "userName"});
    EXPECT_FALSE(check({"byer,gone", "maybe", "ann"}));
    ASSERT_EQ(issues_.size(), 3u);
    expect_issue(0, IssueCode::unknown_role, "roles", "byer", "role code \"byer\" is not in the catalog",
                 "Did you mean \"buyer\"?");
    EXPECT_EQ(issues_[1].code, IssueCode::unknown_role);
    EXPECT_EQ(issues_[2].code, IssueCode::invalid_value);
}

TEST_F(RowValidatorRolesTest, IllFormedCodesOfRolesAreUnknownWhereCodesAreCreated) {
    ValidatorOptions options;
    options.collect_unknown_codes = true;
    use_header({"userName", "roles"}, options);
    EXPECT_FALSE(check({"ann", "fresh,a b"}));
    ASSERT_EQ(issues_.size(), 1u);
    EXPECT_EQ(issues_[0].value, "a b");
    EXPECT_TRUE(check({"ann", "fresh"}));
}

TEST_F(RowValidatorRolesTest, AddAndRemoveCannotBeCleared) {
    use_header({"userName", "addRoles", "removeRoles"});
    EXPECT_FALSE(check({"ann", "_EMPTY_VALUE_", " _EMPTY_VALUE_"}));
    ASSERT_EQ(issues_.size(), 2u);
    expect_issue(0, IssueCode::invalid_value, "addRoles", "_EMPTY_VALUE_", "\"addRoles\" cannot be cleared");
    expect_issue(1, IssueCode::invalid_value, "removeRoles", "_EMPTY_VALUE_", "\"removeRoles\" cannot be cleared");
}

TEST_F(RowValidatorRolesTest, RolesCannotBeCombined) {
    use_header({"userName", "roles", "addRoles", "removeRoles"});
    for (const Cells& cells : {Cells{"ann", "buyer", "approver", ""}, Cells{"ann", "buyer", "", "approver"},
                               Cells{"ann", "_EMPTY_VALUE_", "buyer", ""}}) {
        EXPECT_FALSE(check(cells));
        ASSERT_EQ(issues_.size(), 1u);
        expect_issue(0, IssueCode::conflicting_roles, "roles", std::nullopt,
                     "\"roles\" cannot be combined with \"addRoles\" or \"removeRoles\"");
    }
    EXPECT_FALSE(check({"ann", "_EMPTY_VALUE_", "", "lost"}));
    ASSERT_EQ(issues_.size(), 2u);
    expect_issue(0, IssueCode::unknown_role, "removeRoles", "lost", "role code \"lost\" is not in the catalog");
    expect_issue(1, IssueCode::conflicting_roles, "roles", std::nullopt,
                 "\"roles\" cannot be combined with \"addRoles\" or \"removeRoles\"");
    EXPECT_TRUE(check({"ann", "", "buyer", "approver"}));
    EXPECT_TRUE(check({"ann", "buyer", " ", ",;"}));
    EXPECT_TRUE(check({"ann", " , ", "buyer", ""}));
}

TEST_F(RowValidatorRolesTest, OneCodeCannotBeAddedAndRemoved) {
    use_header({"userName", "addRoles", "removeRoles"});
    EXPECT_FALSE(check({"ann", "Buyer,APPROVER,viewer", "approver;BUYER"}));
    ASSERT_EQ(issues_.size(), 2u);
    expect_issue(0, IssueCode::conflicting_roles, "removeRoles", "approver",
                 "role code \"approver\" is both added and removed");
    expect_issue(1, IssueCode::conflicting_roles, "removeRoles", "buyer",
                 "role code \"buyer\" is both added and removed");
}

TEST_F(RowValidatorRolesTest, OneUnknownCodeCannotBeAddedAndRemoved) {
    ValidatorOptions options;
    options.collect_unknown_codes = true;
    use_header({"userName", "addRoles", "removeRoles"}, options);
    EXPECT_FALSE(check({"ann", "fresh,other", "FRESH"}));
    ASSERT_EQ(issues_.size(), 2u);
    expect_issue(0, IssueCode::unknown_role, "removeRoles", "FRESH", "role code \"FRESH\" is not in the catalog");
    expect_issue(1, IssueCode::conflicting_roles, "removeRoles", "fresh",
                 "role code \"fresh\" is both added and removed");
}

TEST_F(RowValidatorRolesTest, ConflictsComeLast) {
    use_header({"removeRoles", "addRoles", "active", "userName"});
    EXPECT_FALSE(check({"buyer", "buyer,byer", "maybe", ""}));
    ASSERT_EQ(issues_.size(), 4u);
    EXPECT_EQ(issues_[0].code, IssueCode::unknown_role);
    EXPECT_EQ(issues_[1].code, IssueCode::invalid_value);
    EXPECT_EQ(issues_[2].code, IssueCode::missing_user_name);
    EXPECT_EQ(issues_[3].code, IssueCode::conflicting_roles);
}

std::string many_codes(std::size_t count) {
    std::string cell;
    for (std::size_t i = 0; i < count; ++i) {
        cell += "code" + std::to_string(i) + ",";
    }
    return cell;
}

TEST_F(RowValidatorRolesTest, TooManyCodesRefuseTheFile) {
    use_header({"userName", "addRoles", "removeRoles"});
    EXPECT_FALSE(check({"ann", "", many_codes(1001)}));
    ASSERT_TRUE(refusal_.has_value());
    EXPECT_EQ(refusal_->fault, Refusal::Fault::broken_file);
    EXPECT_EQ(refusal_->message, "the cell \"removeRoles\" at line 7 has more than 1000 role codes");
    EXPECT_TRUE(check({"ann", "", many_codes(1000)}));
    EXPECT_EQ(last().lost_roles.size(), 1000u);
}

TEST_F(RowValidatorRolesTest, RepeatsDoNotCountAsCodes) {
    use_header({"userName", "addRoles"});
    std::string cell;
    for (int i = 0; i < 5000; ++i) {
        cell += "buyer,";
    }
    EXPECT_TRUE(check({"ann", cell}));
}

TEST_F(RowValidatorRolesTest, RoleCellsAreCanonicalSetsInTheSpellingOfTheCatalog) {
    use_header({"userName", "addRoles"});
    ASSERT_TRUE(check({"ann", "viewer,COMPANYADMIN|Buyer;approver,buyer\nviewer"}));
    EXPECT_EQ(codes(last().add_roles), (Cells{"Viewer", "approver", "buyer", "companyAdmin"}));
    EXPECT_FALSE(last().replaces_roles);
}

TEST_F(RowValidatorRolesTest, EmptyRoleCellsChangeNothing) {
    use_header({"userName", "addRoles", "removeRoles", "roles"});
    for (const std::string_view cell : {"", " ", ",", " ; | ", "\n"}) {
        ASSERT_TRUE(check({"ann", cell, cell, cell}));
        EXPECT_TRUE(last().add_roles.empty());
        EXPECT_TRUE(last().remove_roles.empty());
        EXPECT_TRUE(last().lost_roles.empty());
        EXPECT_TRUE(last().replace_roles.empty());
        EXPECT_FALSE(last().replaces_roles);
    }
}

TEST_F(RowValidatorRolesTest, RolesReplaceOrClear) {
    use_header({"userName", "roles"});
    ASSERT_TRUE(check({"ann", "buyer"}));
    EXPECT_TRUE(last().replaces_roles);
    EXPECT_EQ(codes(last().replace_roles), (Cells{"buyer"}));
    ASSERT_TRUE(check({"ann", " _EMPTY_VALUE_ "}));
    EXPECT_TRUE(last().replaces_roles);
    EXPECT_TRUE(last().replace_roles.empty());
}

TEST_F(RowValidatorRolesTest, EscapedEmptyValueIsACode) {
    catalog_.add("_EMPTY_VALUE_");
    use_header({"userName", "roles"});
    ASSERT_TRUE(check({"ann", "\\_EMPTY_VALUE_"}));
    EXPECT_EQ(codes(last().replace_roles), (Cells{"_EMPTY_VALUE_"}));
    ASSERT_TRUE(check({"ann", "_EMPTY_VALUE_,buyer"}));
    EXPECT_EQ(codes(last().replace_roles), (Cells{"_EMPTY_VALUE_", "buyer"}));
}

TEST_F(RowValidatorRolesTest, RepeatedCellsGiveTheSame) {
    use_header({"userName", "addRoles"});
    for (int i = 0; i < 3; ++i) {
        EXPECT_FALSE(check({"ann", "byer"}));
        EXPECT_EQ(issues_.at(0).hint, "Did you mean \"buyer\"?");
        ASSERT_TRUE(check({"ann", "approver,buyer"}));
        EXPECT_EQ(codes(last().add_roles), (Cells{"approver", "buyer"}));
    }
}

TEST_F(RowValidatorRolesTest, CodesThatAreAddedLaterAreFound) {
    use_header({"userName", "addRoles"});
    EXPECT_FALSE(check({"ann", "fresh"}));
    catalog_.add("Fresh");
    ASSERT_TRUE(check({"ann", "fresh"}));
    EXPECT_EQ(codes(last().add_roles), (Cells{"Fresh"}));
}

TEST_F(RowValidatorRolesTest, MoreCellsThanTheCacheHoldsGiveTheSame) {
    for (int i = 0; i < 10000; ++i) {
        catalog_.add("role" + std::to_string(i));
    }
    use_header({"userName", "addRoles", "removeRoles"});
    for (int i = 0; i < 10000; ++i) {
        const std::string add = "role" + std::to_string(i);
        const std::string remove = "role" + std::to_string((i + 1) % 10000) + ",gone" + std::to_string(i);
        ASSERT_TRUE(check({"ann", add, remove}));
        ASSERT_EQ(codes(last().add_roles), (Cells{add}));
        ASSERT_EQ(last().remove_roles.size(), 1u);
        ASSERT_EQ(codes(last().lost_roles), (Cells{"gone" + std::to_string(i)}));
    }
}

TEST_F(RowValidatorRolesTest, HugeCellsOfOneRecordDoNotDisplaceEachOther) {
    use_header({"userName", "addRoles", "removeRoles"});
    const std::string blanks(700000, ' ');
    ASSERT_TRUE(check({"ann", "buyer," + blanks + ",approver", "viewer," + blanks + ",companyAdmin"}));
    EXPECT_EQ(codes(last().add_roles), (Cells{"approver", "buyer"}));
    EXPECT_EQ(codes(last().remove_roles), (Cells{"Viewer", "companyAdmin"}));
}

// Unknown codes to be created.

TEST_F(RowValidatorRolesTest, CollectsUnknownCodes) {
    ValidatorOptions options;
    options.collect_unknown_codes = true;
    use_header({"userName", "addRoles", "removeRoles", "roles"}, options);
    EXPECT_TRUE(check({"ann", "Fresh,buyer,second", "gone", ""}));
    EXPECT_EQ(codes(last().add_roles), (Cells{"buyer"}));
    EXPECT_TRUE(check({"bob", "fresh", "", ""}));
    EXPECT_TRUE(check({"cid", "", "", "third,FRESH"}));
    EXPECT_EQ(validator_->unknown_codes(), (std::vector<std::string>{"Fresh", "second", "third"}));
}

TEST_F(RowValidatorRolesTest, CollectsNothingOfRecordsWithIssues) {
    ValidatorOptions options;
    options.collect_unknown_codes = true;
    use_header({"userName", "addRoles", "active"}, options);
    EXPECT_FALSE(check({"", "fresh", ""}));
    EXPECT_FALSE(check({"ann", "fresh", "maybe"}));
    EXPECT_FALSE(check({"ann", "fresh,a b", ""}));
    ASSERT_EQ(issues_.size(), 1u);
    EXPECT_EQ(issues_[0].value, "a b");
    EXPECT_TRUE(validator_->unknown_codes().empty());
}

TEST_F(RowValidatorRolesTest, CollectsNothingUnasked) {
    use_header({"userName", "addRoles"});
    EXPECT_FALSE(check({"ann", "fresh"}));
    EXPECT_TRUE(validator_->unknown_codes().empty());
}

}  // namespace
}  // namespace customer_import
