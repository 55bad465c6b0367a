#include "core/field_splitter.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/csv_reader.h"

namespace customer_import {
namespace {

using State = FieldSplitter::State;
using Fields = std::vector<std::string>;

Fields fields_of(const FieldSplitter& splitter) { return {splitter.fields().begin(), splitter.fields().end()}; }

TEST(FieldSplitter, FindsStrayQuotes) {
    for (const std::string_view line :
         {"a\"b\n", "a,b\"\n", "\"a\"b\n", "\"a\" ,b\n", " \"a\"\n", "\"\"a\n", "\"a\"\"\"b\n", "a\"\"b\n"}) {
        FieldSplitter splitter;
        EXPECT_EQ(splitter.add_line(line), State::malformed) << line;
        EXPECT_TRUE(splitter.fields().empty());
    }
}

TEST(FieldSplitter, FindsAStrayQuoteInALaterLine) {
    FieldSplitter splitter;
    EXPECT_EQ(splitter.add_line("a,\"b\n"), State::open);
    EXPECT_EQ(splitter.add_line("c\"d\n"), State::malformed);
}

TEST(FieldSplitter, GoesOnAfterAStrayQuote) {
    FieldSplitter splitter;
    splitter.set_delimiter(';');
    EXPECT_EQ(splitter.add_line("\"a\"b;c\n"), State::malformed);
    EXPECT_EQ(splitter.add_line("c;\"d,\"\n"), State::complete);
    EXPECT_EQ(fields_of(splitter), (Fields{"c", "d,"}));
}

TEST(FieldSplitter, StaysOpenAtTheEndInsideQuotes) {
    FieldSplitter splitter;
    EXPECT_EQ(splitter.add_line("a,\"b"), State::open);
    EXPECT_EQ(splitter.end(), State::open);
}

TEST(FieldSplitter, SaysWhenThereAreTooManyFields) {
    FieldSplitter splitter;
    EXPECT_EQ(splitter.add_line(std::string(kMaxFields - 1, ',') + "\n"), State::complete);
    EXPECT_EQ(splitter.fields().size(), kMaxFields);
    EXPECT_FALSE(splitter.too_many_fields());
    EXPECT_EQ(splitter.add_line(std::string(100000, ',') + "\n"), State::complete);
    EXPECT_EQ(splitter.fields().size(), kMaxFields);
    EXPECT_TRUE(splitter.too_many_fields());
    EXPECT_EQ(splitter.add_line("a\n"), State::complete);
    EXPECT_FALSE(splitter.too_many_fields());
}

TEST(FieldSplitter, SplitsAndUnquotes) {
    FieldSplitter splitter;
    EXPECT_EQ(splitter.add_line("a,,\"b\",\"\",\"c,\"\"d\"\"\"\r\n"), State::complete);
    EXPECT_EQ(fields_of(splitter), (Fields{"a", "", "b", "", "c,\"d\""}));
    EXPECT_EQ(splitter.add_line(",\n"), State::complete);
    EXPECT_EQ(fields_of(splitter), (Fields{"", ""}));
}

TEST(FieldSplitter, NeverTrims) {
    FieldSplitter splitter;
    EXPECT_EQ(splitter.add_line(" a\t, ,\" b \",\t\n"), State::complete);
    EXPECT_EQ(fields_of(splitter), (Fields{" a\t", " ", " b ", "\t"}));
}

TEST(FieldSplitter, SplitsAtTabs) {
    FieldSplitter splitter;
    splitter.set_delimiter('\t');
    EXPECT_EQ(splitter.add_line("\ta b\t,\t\"\t\"\r"), State::complete);
    EXPECT_EQ(fields_of(splitter), (Fields{"", "a b", ",", "\t"}));
}

TEST(FieldSplitter, KeepsLineBreaksInsideQuotes) {
    FieldSplitter splitter;
    EXPECT_EQ(splitter.add_line("\"a\r\n"), State::open);
    EXPECT_EQ(splitter.add_line("\r"), State::open);
    EXPECT_EQ(splitter.add_line("b\n"), State::open);
    EXPECT_EQ(splitter.add_line("\",c\n"), State::complete);
    EXPECT_EQ(fields_of(splitter), (Fields{"a\r\n\rb\n", "c"}));
}

TEST(FieldSplitter, EndsALineWithoutBreak) {
    FieldSplitter splitter;
    EXPECT_EQ(splitter.add_line("a,\"b\""), State::open);
    EXPECT_EQ(splitter.end(), State::complete);
    EXPECT_EQ(fields_of(splitter), (Fields{"a", "b"}));
    FieldSplitter other;
    EXPECT_EQ(other.add_line("a,"), State::open);
    EXPECT_EQ(other.end(), State::complete);
    EXPECT_EQ(fields_of(other), (Fields{"a", ""}));
}

TEST(FieldSplitter, PassesAnyByte) {
    FieldSplitter splitter;
    std::string line;
    for (int c = 1; c < 256; ++c) {
        if (c != '"' && c != '\n' && c != '\r' && c != ',') {
            line += static_cast<char>(c);
        }
    }
    line += '\0';
    const std::string whole = line + "\n";
    EXPECT_EQ(splitter.add_line(whole), State::complete);
    EXPECT_EQ(fields_of(splitter), (Fields{line}));
}

// What is in the line as it is, is not copied.
TEST(FieldSplitter, ViewsTheLine) {
    for (const std::string line : {"a,,b c\n", "a,,b c\r\n", "a,,b c\r"}) {
        FieldSplitter splitter;
        ASSERT_EQ(splitter.add_line(line), State::complete);
        EXPECT_EQ(fields_of(splitter), (Fields{"a", "", "b c"}));
        EXPECT_EQ(splitter.fields()[0].data(), line.data());
        EXPECT_EQ(splitter.fields()[2].data(), line.data() + 3);
    }
}

// Fields and delimiter are together as long as the second line.
TEST(FieldSplitter, ViewsNoLineOfSeveral) {
    FieldSplitter splitter;
    ASSERT_EQ(splitter.add_line("\"\n"), State::open);
    ASSERT_EQ(splitter.add_line("b\",c\n"), State::complete);
    EXPECT_EQ(fields_of(splitter), (Fields{"\nb", "c"}));
}

}  // namespace
}  // namespace customer_import
