#include "core/visible_text.h"

#include <gtest/gtest.h>

#include <string>

#include "core/issue.h"
#include "core/text.h"

namespace customer_import {
namespace {

TEST(VisibleText, ShowsWhatCannotBeSeen) {
    EXPECT_EQ(visible("ann\u200B@example.com"), "ann<U+200B>@example.com");
    EXPECT_EQ(visible("\uFEFFuserName"), "<U+FEFF>userName");
    EXPECT_EQ(visible("a\u00A0b\u2003c\u202Fd"), "a<U+00A0>b<U+2003>c<U+202F>d");
    EXPECT_EQ(visible("a\x1B[31m\x7F\u0085"), "a<U+001B>[31m<U+007F><U+0085>");
    EXPECT_EQ(visible("a\tb\nc"), "a<U+0009>b<U+000A>c");
    EXPECT_EQ(visible("\u00AD\u034F\u061C\u115F\u3164\uFE0F"), "<U+00AD><U+034F><U+061C><U+115F><U+3164><U+FE0F>");
    EXPECT_EQ(visible("\U000E0001\U0010FFFF"), "<U+E0001>\U0010FFFF");
    EXPECT_EQ(visible(std::string("a\0b", 3)), "a<U+0000>b");
    EXPECT_EQ(visible("a\xE9"), "a\\xe9");
}

TEST(VisibleText, LeavesTheRestAlone) {
    for (const char* text : {"", "plain ~!", "Zoë Ł ẞ", "山田\u3000太郎", "ابج", "\u0600123", "😀", "\uFFFD"}) {
        EXPECT_EQ(visible(text), text);
        EXPECT_FALSE(has_invisible(text)) << text;
    }
}

TEST(VisibleText, LeavesJoinersWhereLettersNeedThem) {
    for (const char* text : {"می\u200Cخواهم", "क\u094D\u200Dष", "ක\u0DCA\u200Dෂ", "\u1826\u200C\u182F", "👩\u200D💻"}) {
        EXPECT_EQ(visible(text), text);
        EXPECT_FALSE(has_invisible(text)) << text;
    }
    for (const char* text : {"a\u200Cb", "a\u200Dب", "ب\u200Da", "ب\u200C", "\u200Cب", "\u200C", "ب\u200C\u200Cب",
                             "ẽ\u200Cẽ", "山\u200D田", "ب\u200Bب", "❤\uFE0F", "1\u200D2"}) {
        EXPECT_TRUE(has_invisible(text)) << text;
        EXPECT_NE(visible(text).find("<U+"), std::string::npos) << text;
    }
}

TEST(VisibleText, IsCutBetweenCharacters) {
    EXPECT_EQ(visible("abcdef", 6), "abcdef");
    EXPECT_EQ(visible("abcdefg", 6), "abcdef…");
    EXPECT_EQ(visible("abcdeä", 6), "abcde…");
    EXPECT_EQ(visible("a\u200B", 9), "a<U+200B>");
    EXPECT_EQ(visible("a\u200B", 8), "a…");
}

TEST(VisibleText, IsShownAsItself) {
    const std::string shown = visible("a\u200B\x1B\xFF\u00A0");
    EXPECT_EQ(visible(shown), shown);
}

TEST(VisibleText, IsWhatMessagesQuote) {
    EXPECT_EQ(quoted("a\u200Bb"), "\"a<U+200B>b\"");
    EXPECT_EQ(customer_import::quoted(std::string(101, 'x')), "\"" + std::string(100, 'x') + "…\"");
    const Issue issue = make_issue(IssueCode::invalid_value, "email", "a\x1B", "it says \"a\x1B\"\nand\tno more");
    EXPECT_EQ(issue.value, "a\x1B");  // as data
    EXPECT_EQ(issue.message, "it says \"a<U+001B>\" and no more");
    EXPECT_EQ(unknown_role_issue("addRoles", "buyer\u200B", "buyer").message,
              "role code \"buyer<U+200B>\" is not in the catalog");
}

TEST(TrimCell, DropsBlanksAndInvisibleCharacters) {
    for (const char* cell : {"ann", " ann ", "ann\u00A0", "\u00A0 ann", "ann\u200B", "\uFEFF ann",
                             "\u200B \u00A0\u2060ann\u00AD \u3000", "ann\U000E0001", "\u2028ann\u2029"}) {
        EXPECT_EQ(trim_cell(cell), "ann") << cell;
    }
    for (const char* cell : {"", " ", "\u00A0", "\u200B\uFEFF \u3000"}) {
        EXPECT_EQ(trim_cell(cell), "") << cell;
    }
    for (const char* cell : {"a\u200Bb", "a b", "é", "\uFFFD", "\u0600", "\x1A"}) {
        EXPECT_EQ(trim_cell(cell), cell);
    }
    EXPECT_EQ(trim_cell("\xFF\x80"), "\xFF\x80");
}

}  // namespace
}  // namespace customer_import
