#include "core/damaged_text.h"

#include <gtest/gtest.h>

#include <string>

namespace customer_import {
namespace {

TEST(Damage, IsWhatProgramsPutInPlaceOfValues) {
    for (const char* cell : {"#N/A",  "#n/a",    "#REF!",  "#VALUE!",  "#NAME?",   "#DIV/0!", "#NULL!",
                             "#NUM!", "#SPILL!", "#WERT!", "#BEZUG!",  "#VALEUR!", "#¡REF!",  "#¿NOMBRE?",
                             "#NV",   "#N/D",    "###",    "########", "Err:502",  "#ERROR!"}) {
        EXPECT_EQ(find_damage(cell), Damage::error_value) << cell;
    }
    for (const char* cell : {"NULL", "null", "None", "none", "nan", "NaN", "N/A", "n/a", "NA", "\\N", "<NA>", "(null)",
                             "undefined", "-nan", "1.#QNAN", "NaT"}) {
        EXPECT_EQ(find_damage(cell), Damage::missing_value) << cell;
    }
    for (const char* cell : {"1.00235E+11", "1,00235E+11", "1E+11", "4.9e+17", "-1.5E-07", "+1E+05"}) {
        EXPECT_EQ(find_damage(cell), Damage::shortened_number) << cell;
    }
}

TEST(Damage, IsNotWhatPeopleAreCalled) {
    for (const char* cell : {"",
                             "#",
                             "##",
                             "#1",
                             "#tag",
                             "#what?",
                             "#REF",
                             "#NOT AN ERROR!",
                             "nil",
                             "na",
                             "Nan Goldin",
                             "nobody",
                             "\\",
                             "\\n1",
                             "1E5",
                             "12E4",
                             "1E+1",
                             "1.E+11",
                             "E+11",
                             "1.2.3E+11",
                             "1E+11x",
                             "1.00235",
                             "100235000000",
                             "-",
                             "+",
                             "Err:5",
                             "ann@example.com",
                             "Null, Ann",
                             "(none)"}) {
        EXPECT_EQ(find_damage(cell), Damage::none) << cell;
    }
}

TEST(NearEmptyValue, IsNotExactlyIt) {
    for (const char* cell : {"_empty_value_", " _EMPTY_VALUE_ ", "\u00A0_EMPTY_VALUE_", "EMPTY_VALUE", "<EMPTY_VALUE>",
                             "_EMPTY_VALUE", "EMPTY VALUE", "EmptyValue", "[_EMPTY_VALUE_]", "__EMPTY_VALUE__",
                             "_EMTPY_VALUE_", "_EMPTY_VALUES_", "\"_EMPTY_VALUE_\"", "empty-value"}) {
        EXPECT_TRUE(is_near_empty_value(cell)) << cell;
    }
    for (const char* cell : {"_EMPTY_VALUE_", "", "\\_EMPTY_VALUE_", "\\\\_empty_value_", "empty", "value",
                             "empty values", "EMPTY_VALUE_2", "x_EMPTY_VALUE_", "Empty Vale Ltd", "_other_value_"}) {
        EXPECT_FALSE(is_near_empty_value(cell)) << cell;
    }
}

TEST(NoRole, IsAWordOrADash) {
    for (const char* code : {"-", "--", "–", "—", "none", "None", "NULL", "\\N", "N/A", "empty", "_empty_value_"}) {
        EXPECT_TRUE(stands_for_no_role(code)) << code;
    }
    for (const char* code : {"buyer", "a-b", "no", "all", "noneOfThese"}) {
        EXPECT_FALSE(stands_for_no_role(code)) << code;
    }
}

TEST(DoubtfulName, IsToldWithItsCause) {
    const auto message = [](const char* name) {
        EXPECT_TRUE(is_doubtful_name(name, false)) << name;
        const Issue issue = doubtful_name_issue(name);
        EXPECT_EQ(issue.column, "userName");
        EXPECT_EQ(issue.value, name);
        EXPECT_NE(issue.hint, "");
        return std::string(issue_code_name(issue.code)) + ": " + issue.message;
    };
    EXPECT_EQ(message("1.00235E+11"),
              "invalid_user_name: the user name looks shortened by a spreadsheet: \"1.00235E+11\"");
    EXPECT_EQ(message("#N/A"), "invalid_user_name: the user name looks like an error value of a spreadsheet: \"#N/A\"");
    EXPECT_EQ(message("NULL"),
              "invalid_user_name: the user name looks like a missing value of another program: \"NULL\"");
    EXPECT_EQ(message("_empty_value_"), "invalid_user_name: the user name looks like _EMPTY_VALUE_: \"_empty_value_\"");
    EXPECT_EQ(message("a\u200Bb"),
              "invalid_user_name: the user name has a character that cannot be seen: \"a<U+200B>b\"");
    EXPECT_EQ(message("a\u00A0b"),
              "invalid_user_name: the user name has a character that cannot be seen: \"a<U+00A0>b\"");
    EXPECT_EQ(message("m\uFFFDller"),
              "invalid_encoding: \"userName\" has the character U+FFFD: the text was damaged before it came here");
}

TEST(DoubtfulName, IsTakenWhereDamageIsKept) {
    for (const char* name : {"1.00235E+11", "#N/A", "NULL", "m\uFFFDller", "_empty_value_"}) {
        EXPECT_FALSE(is_doubtful_name(name, true)) << name;
    }
    EXPECT_TRUE(is_doubtful_name("a\u200Bb", true));
    EXPECT_TRUE(is_doubtful_name("\uFFFDa\u200Bb", true));
    for (const char* name : {"ann", "zoë", "山田\u3000太郎", "می\u200Cخواهم"}) {
        EXPECT_FALSE(is_doubtful_name(name, false)) << name;
    }
}

TEST(DoubtfulText, IsToldWithItsCause) {
    EXPECT_FALSE(is_doubtful_text("NULL"));
    EXPECT_TRUE(is_doubtful_text("M\uFFFDller"));
    EXPECT_EQ(doubtful_text_issue("lastName", "M\uFFFDller").message,
              "\"lastName\" has the character U+FFFD: the text was damaged before it came here");
    const Issue issue = doubtful_text_issue("phone", " _EMPTY_VALUE_");
    EXPECT_EQ(issue.message, "\" _EMPTY_VALUE_\" looks like _EMPTY_VALUE_, but is not exactly that");
    EXPECT_EQ(issue.hint, "Write _EMPTY_VALUE_ to clear the value, or leave the cell empty to change nothing.");
}

}  // namespace
}  // namespace customer_import
