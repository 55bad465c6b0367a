#include "core/united_roles.h"

#include "row_validator_fixture.h"

namespace customer_import {
namespace {

class UnitedRolesTest : public RowValidatorTest {
protected:
    void use_role_columns(const Cells& header, std::string begin = "*", const ValidatorOptions& options = {}) {
        header_options_.role_columns = std::move(begin);
        header_options_.catalog = &catalog_;
        header_options_.may_create_codes = options.collect_unknown_codes;
        use_header(header, options);
    }
};

TEST_F(UnitedRolesTest, AddUpSeveralColumns) {
    use_header({"userName", "addRoles", "removeRoles", "addRoles", "removeRoles", "addRoles"});
    ASSERT_TRUE(check({"ann", "buyer, approver", "Viewer", "companyAdmin;BUYER", "", " "}));
    EXPECT_EQ(codes(last().add_roles), (Cells{"approver", "buyer", "companyAdmin"}));
    EXPECT_EQ(codes(last().remove_roles), (Cells{"Viewer"}));
    ASSERT_TRUE(check({"bob", "", "", "", "", ""}));
    EXPECT_TRUE(last().add_roles.empty() && last().remove_roles.empty());
    ASSERT_TRUE(check({"cleo", "", "", "", "", "buyer"}));
    EXPECT_EQ(codes(last().add_roles), (Cells{"buyer"}));
}

TEST_F(UnitedRolesTest, KeepTheirFaults) {
    use_header({"userName", "addRoles", "removeRoles", "addRoles"});
    EXPECT_FALSE(check({"ann", "byer", "", "_EMPTY_VALUE_"}));
    ASSERT_EQ(issues_.size(), 2u);
    expect_issue(0, IssueCode::invalid_value, "addRoles", "_EMPTY_VALUE_", "\"addRoles\" cannot be cleared");
    expect_issue(1, IssueCode::unknown_role, "addRoles", "byer", "role code \"byer\" is not in the catalog",
                 "Did you mean \"buyer\"?");
    EXPECT_FALSE(check({"ann", "", "buyer", "buyer"}));
    EXPECT_EQ(issues_.at(0).code, IssueCode::conflicting_roles);
}

TEST_F(UnitedRolesTest, ReadOneColumnARole) {
    use_role_columns({"userName", "buyer", "approver", "Viewer"});
    for (const char* yes : {"x", "X", "yes", "Yes", "1", "true", "TRUE", " y "}) {
        ASSERT_TRUE(check({"ann", yes, "", ""})) << yes;
        EXPECT_EQ(codes(last().add_roles), (Cells{"buyer"})) << yes;
    }
    for (const char* no : {"", " ", "no", "0", "false", "F"}) {
        ASSERT_TRUE(check({"ann", "x", no, "x"})) << no;
        EXPECT_EQ(codes(last().add_roles), (Cells{"Viewer", "buyer"})) << no;
        EXPECT_TRUE(last().remove_roles.empty()) << no;
    }
    ASSERT_TRUE(check({"ann", "no", "", "0"}));
    EXPECT_TRUE(last().add_roles.empty() && !last().replaces_roles);
}

TEST_F(UnitedRolesTest, RejectWhatSaysNeither) {
    use_role_columns({"userName", "buyer", "approver"});
    for (const char* cell : {"maybe", "buyer", "2", "xx", "_EMPTY_VALUE_"}) {
        EXPECT_FALSE(check({"ann", "x", cell})) << cell;
        ASSERT_EQ(issues_.size(), 1u) << cell;
        expect_issue(0, IssueCode::invalid_value, "approver", cell,
                     "the cell of role code \"approver\" says neither yes nor no",
                     "Use x, yes, true or 1 to add the role; no, false, 0 and an empty cell change nothing.");
    }
}

TEST_F(UnitedRolesTest, AddToAColumnOfRoles) {
    use_role_columns({"userName", "role:buyer", "addRoles", "removeRoles"}, "role:");
    ASSERT_TRUE(check({"ann", "x", "approver", "Viewer"}));
    EXPECT_EQ(codes(last().add_roles), (Cells{"approver", "buyer"}));
    EXPECT_EQ(codes(last().remove_roles), (Cells{"Viewer"}));
    EXPECT_FALSE(check({"ann", "x", "", "buyer"}));
    EXPECT_EQ(issues_.at(0).code, IssueCode::conflicting_roles);
}

TEST_F(UnitedRolesTest, CollectCodesToCreate) {
    ValidatorOptions options;
    options.collect_unknown_codes = true;
    use_role_columns({"userName", "role:gardener", "role:florist"}, "role:", options);
    ASSERT_TRUE(check({"ann", "x", "no"}));
    EXPECT_EQ(validator_->unknown_codes(), (std::vector<std::string>{"gardener"}));
}

TEST_F(UnitedRolesTest, FeedTwoFieldsFromOneCell) {
    header_options_.columns = {{"Email", {"userName", "email"}}};
    use_header({"Email", "phone"});
    ASSERT_TRUE(check({"Ann@Example.com", "1"}));
    EXPECT_EQ(last().user_name, "ann@example.com");
    ASSERT_EQ(last().cells.size(), 2u);
    EXPECT_EQ(last().cells[0].text, "Ann@Example.com");
    EXPECT_EQ(last().cells[1].text, "1");
}

TEST_F(UnitedRolesTest, UnescapeTheCellOfAColumnForAllThatItFeeds) {
    header_options_.columns = {{"Email", {"userName", "email"}}, {"Firm", {"company"}}};
    use_header({"Email", "Firm", "_escaped"});
    ASSERT_TRUE(check({"'=ann", "'=x", "email;Firm"}));
    EXPECT_EQ(last().user_name, "=ann");
    EXPECT_EQ(last().cells[0].text, "=ann");
    EXPECT_EQ(last().cells[1].text, "=x");
    ASSERT_TRUE(check({"'=ann", "'=x", "userName;company"}));
    EXPECT_EQ(last().user_name, "'=ann");
    EXPECT_EQ(last().cells[1].text, "'=x");
}

}  // namespace
}  // namespace customer_import
