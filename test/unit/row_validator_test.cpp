// What the validator makes of the shape of a record, of user names and of values; roles have a file of their own.
#include "core/row_validator.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "row_validator_fixture.h"

namespace customer_import {
namespace {

// Shape.

TEST_F(RowValidatorTest, MalformedRecordIsTheOnlyIssue) {
    use_header({"userName", "addRoles"});
    EXPECT_FALSE(check_record({7, "\xFF\"", true, false, {}}));
    ASSERT_EQ(issues_.size(), 1u);
    expect_issue(0, IssueCode::malformed_record, "", std::nullopt,
                 "a quote appears inside an unquoted field, or text follows a closing quote",
                 "Put the field in quotes, and double every quote inside it.");
}

TEST_F(RowValidatorTest, InvalidBytesAreTheOnlyIssue) {
    use_header({"userName", "addRoles"});
    EXPECT_FALSE(check({"", "\xE2(\xA1", "third"}));
    ASSERT_EQ(issues_.size(), 1u);
    expect_issue(0, IssueCode::invalid_encoding, "", std::nullopt,
                 "invalid byte sequence in UTF-8 text: 0xe2 0x28 0xa1");
}

TEST_F(RowValidatorTest, InvalidBytesNameTheEncodingOfTheFile) {
    ValidatorOptions options;
    options.encoding = "SJIS";
    use_header({"userName", "addRoles"}, options);
    EXPECT_FALSE(check({"ann\xFF", "buyer"}));
    expect_issue(0, IssueCode::invalid_encoding, "", std::nullopt, "invalid byte sequence in SJIS text: 0xff");
}

TEST_F(RowValidatorTest, InvalidBytesOfOtherEncodingsAreDescribedByTheOption) {
    ValidatorOptions options;
    options.encoding = "SJIS";
    options.describe_invalid = [](std::string_view text, std::size_t offset) {
        return describe_bytes(text.substr(offset - 1, 2));
    };
    use_header({"userName", "addRoles"}, options);
    EXPECT_FALSE(check({"ann\xED", "buyer"}));
    expect_issue(0, IssueCode::invalid_encoding, "", std::nullopt, "invalid byte sequence in SJIS text: 0x6e 0xed");
}

TEST_F(RowValidatorTest, NulBytesAreAnIssue) {
    use_header({"userName", "email"});
    EXPECT_FALSE(check({"ann", std::string_view("a\0b", 3)}));
    ASSERT_EQ(issues_.size(), 1u);
    expect_issue(0, IssueCode::invalid_encoding, "", std::nullopt, "the record contains a NUL byte");
}

TEST_F(RowValidatorTest, InvalidBytesOfIgnoredColumnsCountToo) {
    use_header({"userName", "email", "_note"});
    EXPECT_FALSE(check({"ann", "a", "\xC0"}));
    EXPECT_EQ(issues_.at(0).code, IssueCode::invalid_encoding);
}

TEST_F(RowValidatorTest, OtherFieldCountsAreTheOnlyIssue) {
    use_header({"userName", "addRoles"});
    EXPECT_FALSE(check({""}));
    ASSERT_EQ(issues_.size(), 1u);
    expect_issue(0, IssueCode::wrong_field_count, "", std::nullopt, "the record has 1 field, the header has 2",
                 "Give it 2 fields; empty ones change nothing.");
    EXPECT_FALSE(check({"ann", "byer", ""}));
    ASSERT_EQ(issues_.size(), 1u);
    expect_issue(0, IssueCode::wrong_field_count, "", std::nullopt, "the record has 3 fields, the header has 2",
                 "Remove the empty fields at its end.");
}

TEST_F(RowValidatorTest, TooManyFieldsAreTheOnlyIssue) {
    use_header({"userName", "addRoles"});
    const Cells cells = {"ann", "buyer"};
    EXPECT_FALSE(check_record({7, "ann,buyer", false, true, cells}));
    ASSERT_EQ(issues_.size(), 1u);
    expect_issue(0, IssueCode::wrong_field_count, "", std::nullopt,
                 "the record has more than 1616 fields, the header has 2", "Remove the empty fields at its end.");
}

// A word for a missing or wrong value in a column that adds or removes roles.

TEST_F(RowValidatorTest, WordsForNothingNameNoRole) {
    FileWarnings warnings;
    ValidatorOptions options;
    options.warnings = &warnings;
    use_header({"userName", "addRoles", "removeRoles"}, options);
    EXPECT_TRUE(check({"ann", "NULL", " \\N"}));
    EXPECT_TRUE(last().add_roles.empty() && last().remove_roles.empty());
    EXPECT_TRUE(check({"ann", "NULL", "#N/A"}));
    EXPECT_FALSE(check({"ann", "buyer,NULL", ""})) << "beside another code";
    EXPECT_FALSE(check({"ann", "1E+11", ""})) << "a number is no word for nothing";
    EXPECT_EQ(warnings.texts(), (std::vector<std::string>{"\"addRoles\": 2 cells hold \"NULL\", first at line 7",
                                                          "\"removeRoles\": one cell holds \"\\N\", at line 7",
                                                          "\"removeRoles\": one cell holds \"#N/A\", at line 7"}));
    use_header({"userName", "roles"}, options);
    EXPECT_FALSE(check({"ann", "#N/A"})) << "all roles would be replaced";
    EXPECT_TRUE(check({"ann", "NULL"})) << "the customer may hold it";
    EXPECT_TRUE(last().replaces_roles);
    options.keep_damaged = true;
    use_header({"userName", "addRoles"}, options);
    EXPECT_FALSE(check({"ann", "NULL"}));
}

// What went through a spreadsheet.

TEST_F(RowValidatorTest, ReadsGuardedCells) {
    use_header({"Login", "email", "company", "note", "_escaped"});
    EXPECT_TRUE(check({"'0049", "'a\\nb\\\\", "'=1", "'x", "userName;email\\;Note"}));
    EXPECT_EQ(last().user_name, "0049");
    EXPECT_EQ(last().cells[0].text, "a\nb\\");
    EXPECT_EQ(last().cells[1].text, "'=1") << "it is not named";
    EXPECT_TRUE(check({"bob", "'1/2", "'x\\ty", "", "LOGIN;email;company\\"})) << "by the name in the file, too";
    EXPECT_EQ(last().cells[0].text, "1/2");
    EXPECT_EQ(last().cells[1].text, "x\ty");
}

TEST_F(RowValidatorTest, BrokenRecordsAreRejectedUntilTheyAreCorrected) {
    use_header({"userName", "addRoles", "_broken"});
    for (const std::string_view mark : {"ann,\"x\"y", "x"}) {
        EXPECT_FALSE(check({"ann", "byer", mark}));
        ASSERT_EQ(issues_.size(), 1u);
        expect_issue(0, IssueCode::malformed_record, "_broken", std::nullopt,
                     "the record is marked as broken in the column \"_broken\"",
                     "Correct its cells, then empty the cell \"_broken\".");
    }
    EXPECT_TRUE(check({"ann", "buyer", " \u00A0"}));
}

TEST_F(RowValidatorTest, AGuardWithoutItsListIsOfACustomerOfThatName) {
    use_header({"userName", "addRoles", "_escaped"});
    EXPECT_TRUE(check({" '0049 ", "buyer", "addRoles"}));
    EXPECT_EQ(last().doubtful_name, "'0049");
    EXPECT_FALSE(check({"'0049", "byer", ""}));
    ASSERT_EQ(issues_.size(), 2u);
    expect_issue(
        0, IssueCode::invalid_user_name, "userName", "'0049",
        "the user name begins with an apostrophe that guarded it in a spreadsheet, and the column \"_escaped\" "
        "does not name it: \"'0049\"",
        "Remove the apostrophe.");
    EXPECT_TRUE(check({"'0049", "buyer", "userName"}));
    EXPECT_EQ(last().user_name, "0049");
    EXPECT_EQ(last().doubtful_name, "");
    EXPECT_TRUE(check({"'oneil", "buyer", ""}));
    EXPECT_EQ(last().doubtful_name, "");
}

// User names.

TEST_F(RowValidatorTest, MissingUserNames) {
    use_header({"userName", "addRoles"});
    for (const std::string_view name : {"", "  ", "\t\r\n", "\u00A0\u3000"}) {
        EXPECT_FALSE(check({name, "buyer"}));
        ASSERT_EQ(issues_.size(), 1u);
        expect_issue(0, IssueCode::missing_user_name, "userName", std::nullopt, "the user name is empty",
                     "Fill \"userName\", or remove the record.");
    }
}

TEST_F(RowValidatorTest, LongUserNames) {
    use_header({"userName", "addRoles"});
    const std::string name(321, 'A');
    EXPECT_FALSE(check({name, "buyer"}));
    expect_issue(0, IssueCode::invalid_user_name, "userName", name, "the user name is longer than 320 bytes");
    EXPECT_TRUE(check({std::string(320, 'A'), "buyer"}));
    EXPECT_FALSE(check({std::string(5000, 'A'), "buyer"}));
    EXPECT_EQ(issues_.at(0).value, std::string(997, 'A') + "…");  // 1,000 bytes
}

TEST_F(RowValidatorTest, LengthCountsBeforeAndAfterFolding) {
    use_header({"userName", "addRoles"});
    std::string shrinks, grows;
    for (int i = 0; i < 106; ++i) {
        shrinks += "\u1E9E";  // 3 bytes, folds to ss
        grows += "\u0130";    // 2 bytes, folds to 3
    }
    EXPECT_TRUE(check({shrinks, "buyer"}));
    EXPECT_FALSE(check({shrinks + "\u1E9E", "buyer"}));
    EXPECT_TRUE(check({grows, "buyer"}));
    EXPECT_FALSE(check({grows + "\u0130", "buyer"}));
}

TEST_F(RowValidatorTest, ControlCharactersInUserNames) {
    use_header({"userName", "addRoles"});
    for (const std::string_view name : {"a\tb", "a\nb", "a\x7F", "\x01", "a\u0085b", "a\u009F"}) {
        EXPECT_FALSE(check({name, "buyer"})) << name;
        expect_issue(0, IssueCode::invalid_user_name, "userName", std::string(name),
                     "the user name contains a control character");
    }
}

TEST_F(RowValidatorTest, UserNameCannotBeCleared) {
    use_header({"userName", "addRoles"});
    EXPECT_FALSE(check({" _EMPTY_VALUE_ ", "buyer"}));
    ASSERT_EQ(issues_.size(), 1u);
    expect_issue(0, IssueCode::invalid_value, "userName", "_EMPTY_VALUE_", "\"userName\" cannot be cleared");
}

TEST_F(RowValidatorTest, UserNamesAreFolded) {
    use_header({"userName", "addRoles"});
    ASSERT_TRUE(check({"  Ann.SMITH@Example.com ", "buyer"}));
    EXPECT_EQ(last().user_name, "ann.smith@example.com");
    ASSERT_TRUE(check({"JO\u0308RG", "buyer"}));
    EXPECT_EQ(last().user_name, "jörg");
    ASSERT_TRUE(check({"\\_EMPTY_VALUE_", "buyer"}));
    EXPECT_EQ(last().user_name, "_empty_value_");
}

TEST_F(RowValidatorTest, UserNamesOfOtherTablesAreOnlyTrimmed) {
    ValidatorOptions options;
    options.fold_user_names = false;
    use_header({"userName", "addRoles"}, options);
    ASSERT_TRUE(check({"  Ann ", "buyer"}));
    EXPECT_EQ(last().user_name, "Ann");
    EXPECT_FALSE(check({" ", "buyer"}));
    EXPECT_FALSE(check({"a\tb", "buyer"}));
    EXPECT_FALSE(check({std::string(321, 'a'), "buyer"}));
}

// Values.

TEST_F(RowValidatorTest, BooleansMustBeTrueOrFalse) {
    use_header({"userName", "active"});
    for (const std::string_view cell : {"maybe", "2", "trux", "o", "enabled", "\\_EMPTY_VALUE_"}) {
        EXPECT_FALSE(check({"ann", cell}));
        ASSERT_EQ(issues_.size(), 1u);
        expect_issue(0, IssueCode::invalid_value, "active", std::string(cell), "\"active\" must be true or false",
                     "Use true, false, yes, no, on, off, 1 or 0.");
    }
}

TEST_F(RowValidatorTest, ActiveCannotBeCleared) {
    use_header({"userName", "active"});
    EXPECT_FALSE(check({"ann", "_EMPTY_VALUE_"}));
    expect_issue(0, IssueCode::invalid_value, "active", "_EMPTY_VALUE_", "\"active\" cannot be cleared");
}

TEST_F(RowValidatorTest, ColumnsThatAreNotNullCannotBeCleared) {
    const std::vector<Field> fields = {{"userName", {}, FieldKind::user_name, false},
                                       {"score", {}, FieldKind::other, false},
                                       {"flag", {}, FieldKind::boolean, true}};
    use_header({"userName", "score", "flag"}, {}, fields);
    EXPECT_FALSE(check({"ann", "_EMPTY_VALUE_", ""}));
    expect_issue(0, IssueCode::invalid_value, "score", "_EMPTY_VALUE_", "\"score\" cannot be cleared");
    ASSERT_TRUE(check({"ann", " 12 ", "_EMPTY_VALUE_"}));
    EXPECT_EQ(last().cells[0].text, " 12 ");
    EXPECT_EQ(last().cells[1].action, Cell::Action::clear);
}

TEST_F(RowValidatorTest, TextIsTakenAsItIs) {
    use_header({"userName", "phone", "company"});
    ASSERT_TRUE(check({"ann", "  A@b  ", "\nx"}));
    ASSERT_EQ(last().cells.size(), 2u);
    EXPECT_EQ(last().cells[0].action, Cell::Action::set);
    EXPECT_EQ(last().cells[0].text, "  A@b  ");
    EXPECT_EQ(last().cells[1].text, "\nx");
}

TEST_F(RowValidatorTest, TextIsKeptSetOrCleared) {
    use_header({"userName", "email", "company", "phone", "firstName"});
    ASSERT_TRUE(check({"ann", "", "_EMPTY_VALUE_", "\\\\_EMPTY_VALUE_", " _EMPTY_VALUE_"}));
    EXPECT_EQ(last().cells[0].action, Cell::Action::keep);
    EXPECT_EQ(last().cells[1].action, Cell::Action::clear);
    EXPECT_EQ(last().cells[2].action, Cell::Action::set);
    EXPECT_EQ(last().cells[2].text, "\\_EMPTY_VALUE_");
    EXPECT_EQ(last().cells[3].text, " _EMPTY_VALUE_");
}

TEST_F(RowValidatorTest, CellsFollowTheHeader) {
    use_header({"phone", "_x", "userName", "active", "colour", "email"});
    ASSERT_TRUE(check({"1", "2", "ann", " YES ", "5", "6"}));
    ASSERT_EQ(last().cells.size(), 3u);
    EXPECT_EQ(last().cells[0].text, "1");
    EXPECT_EQ(last().cells[1].text, "true");
    EXPECT_EQ(last().cells[2].text, "6");
}

TEST_F(RowValidatorTest, BlankBooleansChangeNothing) {
    use_header({"userName", "active"});
    for (const std::string_view cell : {"", " ", "\u00A0"}) {
        ASSERT_TRUE(check({"ann", cell}));
        EXPECT_EQ(last().cells[0].action, Cell::Action::keep);
    }
}

TEST_F(RowValidatorTest, RecordsOwnWhatTheyView) {
    use_header({"userName", "email", "removeRoles"});
    {
        std::string name = "Somebody With A Long Name";
        std::string email = "somebody@example.com, and more";
        std::string remove = "buyer,lost and never found again";
        ASSERT_TRUE(check({name, email, remove}));
        name.assign(name.size(), '#');
        email.assign(email.size(), '#');
        remove.assign(remove.size(), '#');
    }
    for (int i = 0; i < 5000; ++i) {
        ASSERT_TRUE(check({"bob", "b", "gone" + std::to_string(i)}));
    }
    const Record& record = batch_.records().front();
    EXPECT_EQ(record.line, 7);
    EXPECT_EQ(record.raw, "Somebody With A Long Name,somebody@example.com, and more,buyer,lost and never found again");
    EXPECT_EQ(record.user_name, "somebody with a long name");
    EXPECT_EQ(record.cells[0].text, "somebody@example.com, and more");
    EXPECT_EQ(codes(record.lost_roles), (Cells{"lost and never found again"}));
}

TEST_F(RowValidatorTest, IssuesOfTheLastRecordAreForgotten) {
    use_header({"userName", "addRoles"});
    EXPECT_FALSE(check({"", "buyer"}));
    EXPECT_TRUE(check({"ann", "buyer"}));
    EXPECT_TRUE(issues_.empty());
}

TEST(ParseBoolean, RefusesOtherWords) {
    for (const std::string_view cell :
         {"", " ", "o", "2", "00", "yess", "true false", "enabled", "active", "checked", "x", "s", "v", "verdader"}) {
        EXPECT_EQ(parse_boolean(cell), "") << cell;
    }
}

TEST(ParseBoolean, ReadsWordsOfExcelAndOfPostgresql) {
    for (const char* cell :
         {"WAHR", "Ja", "Oui", "VRAI", "VERDADERO", "Sí", "SÍ", "si", "sì", "VERO", "WAAR", "on", "tr", "ye"}) {
        EXPECT_EQ(parse_boolean(cell), "true") << cell;
    }
    for (const char* cell : {"FALSCH", "Nein", "Non", "FAUX", "FALSO", "ONWAAR", "nee", "off", "of", "fals", "n"}) {
        EXPECT_EQ(parse_boolean(cell), "false") << cell;
    }
    EXPECT_EQ(parse_boolean("\u200Byes\u00A0"), "true");
}

TEST(ParseBoolean, TakesAnyCase) {
    for (const std::string_view cell : {"true", "TRUE", "True", "yes", "Yes", "1", "t", "T", "y", " Y ",
                                        "\u00A0"
                                        "1\t"}) {
        EXPECT_EQ(parse_boolean(cell), "true") << cell;
    }
    for (const std::string_view cell : {"false", "FALSE", "no", "No", "0", "f", "F", "n", " N\n"}) {
        EXPECT_EQ(parse_boolean(cell), "false") << cell;
    }
}

}  // namespace
}  // namespace customer_import
