// What to do about a record that cannot be split into the cells of the header.
#include "core/record_faults.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace customer_import {
namespace {

std::string malformed_hint(std::string_view raw, char delimiter = ',') {
    CsvRecord record;
    record.line = 7;
    record.raw = raw;
    record.malformed = true;
    record.delimiter = delimiter;
    const Issue issue = malformed_record_issue(record);
    EXPECT_EQ(issue.code, IssueCode::malformed_record);
    EXPECT_EQ(issue.message, kMalformedMessage);
    return issue.hint;
}

std::string count_hint(const std::vector<std::string_view>& fields, std::size_t wanted,
                       ShapeFault shape = ShapeFault::none, std::string_view raw = {}) {
    CsvRecord record;
    record.line = 7;
    record.raw = raw;
    record.fields = fields;
    record.shape = shape;
    return wrong_field_count_issue(record, wanted).hint;
}

TEST(RecordFaults, NamesABlankBesideAQuote) {
    const std::string before = "Remove the blank before the quote.";
    EXPECT_EQ(malformed_hint("a, \"b\""), before);
    EXPECT_EQ(malformed_hint("\"a\",\"b\",\t\"c,d\""), before);
    EXPECT_EQ(malformed_hint("\u00A0\"a\""), before);
    EXPECT_EQ(malformed_hint("a; \"b;c\"", ';'), before);
    const std::string after = "Remove the blank after the quote.";
    EXPECT_EQ(malformed_hint("\"a\" ,b"), after);
    EXPECT_EQ(malformed_hint("x,\"a\"\"\"\u00A0 "), after);
}

TEST(RecordFaults, NamesAQuoteInsideAField) {
    const std::string inside = "Put the field in quotes, and double every quote inside it.";
    EXPECT_EQ(malformed_hint("5\" pipe,b"), inside);
    EXPECT_EQ(malformed_hint("x,a \"b\""), inside);
    EXPECT_EQ(malformed_hint("x,a\"\"b"), inside);
    const std::string text = "Double every quote inside a quoted field.";
    EXPECT_EQ(malformed_hint("x,\"The \"best\" shop\""), text);
    EXPECT_EQ(malformed_hint("x,\"a\nb\",\"y\"z"), text);
}

TEST(RecordFaults, NamesTheLinesThatAnOpenQuoteTakes) {
    EXPECT_EQ(malformed_hint("k1,\"Acme,x\nk2,Beta,x\r\nk3,x\rk4,\"Delta\",x"),
              "A quote opened on line 7 is closed on line 10, so that lines 7 to 10 are one record. Close it where its "
              "field ends.");
    EXPECT_EQ(malformed_hint("\"k\n1\",\"Acme\nk2,\"\"Beta\"\",x\nk4,\"D"),
              "A quote opened on line 8 is closed on line 10, so that lines 8 to 10 are one record. Close it where its "
              "field ends.");
}

TEST(RecordFaults, NamesSurplusText) {
    EXPECT_EQ(count_hint({"a", "b", "c"}, 2),
              "Beyond the last column it has \"c\". Put a cell that contains \",\" in quotes.");
    EXPECT_EQ(count_hint({"a", "b", "", " c", "", "d", ""}, 2),
              "Beyond the last column it has \" c,,d\". Put a cell that contains \",\" in quotes.");
    EXPECT_EQ(count_hint({"a", "b", "c\nd"}, 2),
              "Beyond the last column it has \"c<U+000A>d\". Put a cell that contains \",\" in quotes.");
    const std::string cut = "Beyond the last column it has \"" + std::string(100, 'x') + "…\".";
    EXPECT_EQ(count_hint({"a", "b", std::string(500, 'x')}, 2).substr(0, cut.size()), cut);
    EXPECT_EQ(count_hint({"a", "b", "", " "}, 2), "Remove the empty fields at its end.");
}

TEST(RecordFaults, NamesADelimiterInAText) {
    EXPECT_EQ(count_hint({"a", "b", " c", ""}, 3, ShapeFault::split_cell),
              "Put a cell that contains \",\" in quotes, or remove the empty fields at its end.");
}

TEST(RecordFaults, SaysWhyARecordIsShort) {
    EXPECT_EQ(count_hint({"a"}, 3, ShapeFault::single_cell),
              "Is there a line break inside a cell? Put such a cell in quotes.");
    EXPECT_EQ(count_hint({"a", "b"}, 3, ShapeFault::line_break),
              "Is there a line break inside a cell? Put such a cell in quotes; or give each record 3 fields.");
    EXPECT_EQ(count_hint({"a", "b"}, 3, ShapeFault::cut_off),
              "The file ends in this record, without a line break. Is the file complete?");
    EXPECT_EQ(count_hint({"a", "b"}, 4, ShapeFault::open_quote, "\"a\nx\",\"b\nc,d,e,f\ng\""),
              "A quote opened on line 8 is closed on line 10, so that lines 8 to 10 are one record. Close it where its "
              "field ends.");
    EXPECT_EQ(count_hint({"a", "b"}, 3), "Give it 3 fields; empty ones change nothing.");
}

TEST(RecordFaults, NamesAnotherDelimiter) {
    EXPECT_EQ(count_hint({"a;b;c"}, 3, ShapeFault::single_cell),
              "It seems to be separated by \";\", but the header by \",\".");
    EXPECT_EQ(count_hint({"a\tb"}, 2, ShapeFault::single_cell),
              "It seems to be separated by a tab, but the header by \",\".");
    EXPECT_EQ(count_hint({"a;b"}, 3, ShapeFault::single_cell),
              "Is there a line break inside a cell? Put such a cell in quotes.");
}

}  // namespace
}  // namespace customer_import
