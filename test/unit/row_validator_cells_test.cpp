// What the validator makes of cells that are damaged, or have blanks and invisible characters around them.
#include "core/file_warnings.h"
#include "row_validator_fixture.h"

namespace customer_import {
namespace {

TEST_F(RowValidatorTest, UserNamesLoseInvisibleCharactersAtTheirEnds) {
    use_header({"userName", "addRoles"});
    for (const char* cell : {"ann\u200B", "\uFEFFann", "\u00A0ann\u00A0", "\u200B \u2060Ann\u00AD"}) {
        ASSERT_TRUE(check({cell, "buyer"})) << cell;
        EXPECT_EQ(last().user_name, "ann");
        EXPECT_EQ(last().doubtful_name, "");
    }
    EXPECT_FALSE(check({"\u200B\u00A0", "buyer"}));
    expect_issue(0, IssueCode::missing_user_name, "userName", std::nullopt, "the user name is empty",
                 "Fill \"userName\", or remove the record.");
}

TEST_F(RowValidatorTest, OnlyTheTableTellsWhetherADoubtfulNameIsOne) {
    use_header({"userName", "addRoles"});
    for (const char* cell : {"Ann\u200B@x", "a\u00A0b", "NULL", "1.00235E+11", "m\uFFFDller"}) {
        ASSERT_TRUE(check({cell, "buyer"})) << cell;
        EXPECT_EQ(last().doubtful_name, cell);
    }
    ASSERT_TRUE(check({" #N/A", "buyer"}));
    EXPECT_EQ(last().user_name, "#n/a");
    EXPECT_EQ(last().doubtful_name, "#N/A");
    ASSERT_TRUE(check({"ann", "buyer"}));
    EXPECT_EQ(last().doubtful_name, "");
    // With other faults it is told at once.
    EXPECT_FALSE(check({"NULL", "byer"}));
    ASSERT_EQ(issues_.size(), 2U);
    expect_issue(0, IssueCode::invalid_user_name, "userName", "NULL",
                 "the user name looks like a missing value of another program: \"NULL\"",
                 "Write the user name. If this is one, import it with damaged => 'keep'.");
    expect_issue(1, IssueCode::unknown_role, "addRoles", "byer", "role code \"byer\" is not in the catalog",
                 "Did you mean \"buyer\"?");
}

TEST_F(RowValidatorTest, DamagedNamesAreTakenWhereDamageIsKept) {
    ValidatorOptions options;
    options.keep_damaged = true;
    use_header({"userName", "lastName"}, options);
    for (const char* cell : {"NULL", "1.00235E+11", "m\uFFFDller"}) {
        ASSERT_TRUE(check({cell, "M\uFFFDller"})) << cell;
        EXPECT_EQ(last().doubtful_name, "");
        EXPECT_FALSE(last().has_doubtful_cells);
    }
    ASSERT_TRUE(check({"a\u200Bb", "x"}));
    EXPECT_EQ(last().doubtful_name, "a\u200Bb");
}

TEST_F(RowValidatorTest, CellsThatMustNotBeWrittenAreMarked) {
    use_header({"userName", "phone", "lastName"});
    for (const Cells& cells :
         {Cells{"ann", "EMPTY_VALUE", ""}, Cells{"ann", "", "M\uFFFDller"}, Cells{"ann", " _EMPTY_VALUE_", "x"}}) {
        ASSERT_TRUE(check(cells));
        EXPECT_TRUE(last().has_doubtful_cells);
    }
    for (const Cells& cells : {Cells{"ann", "_EMPTY_VALUE_", "x"}, Cells{"ann", "\\_EMPTY_VALUE_", "NULL"}}) {
        ASSERT_TRUE(check(cells));
        EXPECT_FALSE(last().has_doubtful_cells);
    }
}

TEST_F(RowValidatorTest, CellsOfBlanksAreEmpty) {
    use_header({"userName", "roles", "email", "phone", "active"});
    for (const char* blanks : {" ", "\u00A0", "\t\u3000", "\u200B", "\uFEFF "}) {
        ASSERT_TRUE(check({"ann", blanks, blanks, blanks, blanks})) << blanks;
        EXPECT_FALSE(last().replaces_roles);
        for (const Cell& cell : last().cells) {
            EXPECT_EQ(cell.action, Cell::Action::keep);
        }
    }
}

TEST_F(RowValidatorTest, AddressesLoseWhatIsAroundThem) {
    use_header({"userName", "email", "phone"});
    ASSERT_TRUE(check({"ann", "\u00A0A@b.c\u200B ", " 1 "}));
    EXPECT_EQ(last().cells[0].text, "A@b.c");
    EXPECT_EQ(last().cells[0].whole(), "\u00A0A@b.c\u200B ");
    EXPECT_EQ(last().cells[1].text, " 1 ");
    EXPECT_TRUE(last().cells[1].is_whole());
    ASSERT_TRUE(check({"ann", " \\_EMPTY_VALUE_ ", ""}));
    EXPECT_EQ(last().cells[0].text, " \\_EMPTY_VALUE_ ");
    ASSERT_TRUE(check({"ann", " _EMPTY_VALUE_ ", ""}));
    EXPECT_EQ(last().cells[0].action, Cell::Action::set);
    EXPECT_TRUE(last().has_doubtful_cells);
}

TEST_F(RowValidatorTest, DamagedCellsAreCounted) {
    FileWarnings warnings;
    ValidatorOptions options;
    options.warnings = &warnings;
    use_header({"userName", "email", "phone", "addRoles"}, options);
    EXPECT_TRUE(check({"a", "#N/A", "1.2E+11", ""}));
    EXPECT_TRUE(check({"b", "#N/A", "4.9E+17", ""}));
    EXPECT_TRUE(check({"c", "x", "NULL", ""}));
    EXPECT_TRUE(check({"c", "x", "y", "NULL"}));
    EXPECT_EQ(warnings.texts(),
              (std::vector<std::string>{
                  "\"email\": 2 cells hold \"#N/A\", first at line 7", "\"phone\": one cell holds \"NULL\", at line 7",
                  "\"addRoles\": one cell holds \"NULL\", at line 7",
                  "\"phone\": 2 cells look like numbers shortened by a spreadsheet, first at line 7"}));
    options.keep_damaged = true;
    FileWarnings none;
    options.warnings = &none;
    use_header({"userName", "email"}, options);
    EXPECT_TRUE(check({"a", "#N/A"}));
    EXPECT_TRUE(none.texts().empty());
}

TEST_F(RowValidatorTest, WordsForNoRoleAreToldHowThatIsWritten) {
    use_header({"userName", "roles"});
    EXPECT_FALSE(check({"ann", "none,byer!"}));
    ASSERT_EQ(issues_.size(), 2U);
    expect_issue(0, IssueCode::unknown_role, "roles", "none", "role code \"none\" is not in the catalog",
                 "Write _EMPTY_VALUE_ to take all roles, or leave the cell empty to change nothing.");
    use_header({"userName", "addRoles"});
    EXPECT_FALSE(check({"ann", "-"}));
    expect_issue(0, IssueCode::unknown_role, "addRoles", "-", "role code \"-\" is not in the catalog",
                 "Leave the cell empty to change nothing.");
}

TEST_F(RowValidatorTest, CodesThatCannotBeCreatedAreToldWhy) {
    ValidatorOptions options;
    options.collect_unknown_codes = true;
    use_header({"userName", "addRoles"}, options);
    EXPECT_FALSE(check({"ann", "Eink\u00E4ufer"}));
    expect_issue(
        0, IssueCode::unknown_role, "addRoles", "Eink\u00E4ufer",
        "role code \"Eink\u00E4ufer\" cannot be created: it has characters other than letters from A to Z, digits and \"_.:-\"");
    EXPECT_FALSE(check({"ann", std::string(64, 'x')}));
    expect_issue(0, IssueCode::unknown_role, "addRoles", std::string(64, 'x'),
                 "role code \"" + std::string(64, 'x') + "\" cannot be created: it is longer than 63 bytes");
    for (const char* code : {"NULL", "none", "-", "nan", "_empty_value_"}) {
        EXPECT_FALSE(check({"ann", std::string("buyer,") + code})) << code;
        expect_issue(0, IssueCode::unknown_role, "addRoles", code,
                     "role code \"" + std::string(code) + "\" cannot be created: it looks like a word for no role",
                     "Leave the cell empty to change nothing.");
    }
    EXPECT_TRUE(validator_->unknown_codes().empty());
    EXPECT_TRUE(check({"ann", "Einkauf"}));
    EXPECT_EQ(validator_->unknown_codes(), std::vector<std::string>{"Einkauf"});
}

TEST_F(RowValidatorTest, WordsForNoRoleMayBeCodesThatTheCustomerHolds) {
    for (const bool collects : {false, true}) {
        ValidatorOptions options;
        options.collect_unknown_codes = collects;
        use_header({"userName", "roles"}, options);
        ASSERT_TRUE(check({"ann", "none"}));
        EXPECT_EQ(codes(last().lost_roles), (Cells{"none"}));
        EXPECT_TRUE(validator_->unknown_codes().empty());
    }
}

TEST_F(RowValidatorTest, BooleansThatLookLikeTheEmptyValueAreToldSo) {
    use_header({"userName", "active"});
    EXPECT_FALSE(check({"ann", "EMPTY_VALUE"}));
    expect_issue(0, IssueCode::invalid_value, "active", "EMPTY_VALUE",
                 "\"EMPTY_VALUE\" looks like _EMPTY_VALUE_, but is not exactly that",
                 "Write _EMPTY_VALUE_ to clear the value, or leave the cell empty to change nothing.");
}

}  // namespace
}  // namespace customer_import
