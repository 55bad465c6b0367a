#include "core/csv_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "csv_files.h"

namespace customer_import {
namespace {

using namespace std::string_literals;
using Fields = std::vector<std::string>;

std::vector<Fields> fields_of(const ReadFile& file) {
    std::vector<Fields> all;
    for (const ReadRecord& record : file.records) {
        all.push_back(record.fields);
    }
    return all;
}

std::vector<std::int64_t> lines_of(const ReadFile& file) {
    std::vector<std::int64_t> lines;
    for (const ReadRecord& record : file.records) {
        lines.push_back(record.line);
    }
    return lines;
}

// Bad files.

TEST(CsvReader, RefusesAnEmptyFile) {
    for (const std::string text :
         {"", "\n", "\r\n\r\r\n\n", "\xEF\xBB\xBF", "\xEF\xBB\xBF\n\n", "sep=;", "sep=;\n\n"}) {
        const ReadFile file = read_file(text);
        EXPECT_EQ(file.message, "the file is empty");
        EXPECT_EQ(file.hint, "The first line names the columns, for example: userName,addRoles");
        EXPECT_TRUE(file.headers.empty());
    }
}

TEST(CsvReader, SaysWhatAHeaderWithOtherBytesLooksLike) {
    const ReadFile file = read_file(
        "userName,Gr\xF6\xDF"
        "e\n");
    EXPECT_EQ(file.message, "the header contains an invalid byte sequence");
    EXPECT_EQ(file.hint, "The file looks like WIN1252 (Excel): import it with encoding => 'WIN1252'.");
    // Nothing of a file that was converted, and has a byte that is none of its encoding.
    EXPECT_EQ(read_file("userName,a\xED\xB2\x8F"
                        "e\n")
                  .hint,
              "Save the file as UTF-8, or name its encoding with the option \"encoding\".");
}

TEST(CsvReader, SaysWhereRecordsBegin) {
    for (const std::string begin : {""s, "\xEF\xBB\xBF"s, "\n"s, "sep=,\r\n"s}) {
        const std::string text = begin + "a,b\r\n\r\n1,\"2\r\n3\"\r\r4,5\n\"6\n\n7\",8\n9,\"x\"y\n10,11";
        const ReadFile file = read_file(text);
        ASSERT_EQ(file.records.size(), 5u);
        for (const auto* records : {&file.headers, &file.records}) {
            for (const ReadRecord& record : *records) {
                EXPECT_EQ(text.substr(static_cast<std::size_t>(record.offset), record.raw.size()), record.raw);
                EXPECT_TRUE(record.offset == static_cast<std::int64_t>(text.find(record.raw))) << record.raw;
            }
        }
    }
}

TEST(CsvReader, RefusesNulBytesInTheHeader) {
    const ReadFile file = read_file("u\0s\0e\0r\0,\0a\0\n\0x\0"s);
    EXPECT_EQ(file.message, "the file seems to be encoded in UTF-16");
    EXPECT_EQ(file.hint, "Save it as CSV UTF-8, or import it with encoding => 'UTF-16'.");
    EXPECT_TRUE(file.headers.empty());
}

TEST(CsvReader, RefusesInvalidUtf8InTheHeader) {
    const ReadFile file = read_file(
        "userName,gr\xFF\xDF"
        "e\na,b\n");
    EXPECT_EQ(file.message, "the header contains an invalid byte sequence");
    EXPECT_EQ(file.hint, "Save the file as UTF-8, or name its encoding with the option \"encoding\".");
    EXPECT_TRUE(file.headers.empty());
}

TEST(CsvReader, RefusesAMalformedHeader) {
    for (const std::string text : {"user\"Name,b\nx,y\n", "\"userName\"x,b\n", "a,\"b\" ,c\n", "user\"Name,b",
                                   "user\"Name,b\nx,\"y\"\n", "user\"Name;b\n\"x\";y\n"}) {
        const ReadFile file = read_file(text);
        EXPECT_EQ(file.message, "the header at line 1 is malformed") << text;
        EXPECT_EQ(file.detail, "a quote appears inside an unquoted field, or text follows a closing quote");
        EXPECT_TRUE(file.headers.empty() && file.records.empty());
    }
}

TEST(CsvReader, NamesTheLineOfAMalformedHeader) {
    EXPECT_EQ(read_file("sep=;\n\na\"b;c\n").message, "the header at line 3 is malformed");
    EXPECT_EQ(read_file("a\"b;c\n", {';'}).message, "the header at line 1 is malformed");
}

TEST(CsvReader, RefusesTooManyColumns) {
    EXPECT_EQ(read_file("a" + std::string(kMaxColumns, ',') + "\n").message, "the header has more than 1600 columns");
    EXPECT_FALSE(read_file("a" + std::string(kMaxColumns - 1, ',') + "\n").refused);
    EXPECT_FALSE(read_file("a" + std::string(kMaxColumns - 1, ',') + ",_line,_error,_Escaped,\" _broken\"\n").refused);
    EXPECT_EQ(read_file("a" + std::string(kMaxColumns - 1, ',') + ",_line,x\n").message,
              "the header has more than 1600 columns");
}

TEST(CsvReader, RefusesAnUnclosedQuote) {
    EXPECT_EQ(read_file("a,b\nx,\"y\nz\n").message, "a quote opened on line 2 is never closed");
    EXPECT_EQ(read_file("a,b\nx,\"").message, "a quote opened on line 2 is never closed");
    EXPECT_EQ(read_file("a,b\n\"").message, "a quote opened on line 2 is never closed");
    EXPECT_EQ(read_file("a,\"b\nx,y\n").message, "a quote opened on line 1 is never closed");
    EXPECT_EQ(read_file("a,\"b\nx,y\n", {','}).message, "a quote opened on line 1 is never closed");
}

TEST(CsvReader, NamesTheLineWhereTheUnclosedQuoteOpened) {
    EXPECT_EQ(read_file("a,b\n\"1\n2\",\"3\n4\n").message, "a quote opened on line 3 is never closed");
    EXPECT_EQ(read_file("a,b\n\"1\"\"\n\"\"2\n\n").message, "a quote opened on line 2 is never closed");
    EXPECT_EQ(read_file("a,b\n\"1\n\",\"2\",\"\n\n").message, "a quote opened on line 3 is never closed");
    EXPECT_EQ(read_file("a,b\n\"1\r\"\"\"\r,\"").records.at(0).raw, "\"1\r\"\"\"");
}

TEST(CsvReader, ForgetsQuotesOfEarlierRecords) {
    EXPECT_EQ(read_file("a,b\n\"1\n2\",3\n4,\"5\n").message, "a quote opened on line 4 is never closed");
    EXPECT_EQ(read_file("a,b\n\"1\n2\"x\n4,\"5\n").message, "a quote opened on line 4 is never closed");
}

TEST(CsvReader, RefusesALongRecord) {
    const std::string cell(kMaxRecordBytes, 'x');
    const ReadFile file = read_file("a,b\n1,2\n" + cell + "y\n3,4\n");
    EXPECT_EQ(file.message, "the record at line 3 is longer than 1048576 bytes");
    EXPECT_EQ(file.detail, "");
    EXPECT_EQ(file.records.size(), 1u);
    EXPECT_FALSE(read_file("a,b\n1,2\n" + cell + "\n3,4\n").refused);
    EXPECT_FALSE(read_file("a,b\n1,2\n" + cell + "\r\n3,4\n").refused);
    EXPECT_FALSE(read_file("a,b\n1,2\n" + cell).refused);
    EXPECT_TRUE(read_file("a,b\n1,2\n" + cell + "y").refused);
}

TEST(CsvReader, NamesTheOpenQuoteOfALongRecord) {
    std::string text = "a,b\nx,\"y\n";
    for (int i = 0; i < 30000; ++i) {
        text += "some other record,with roles,and a name\n";
    }
    const ReadFile file = read_file(text);
    EXPECT_EQ(file.message, "the record at line 2 is longer than 1048576 bytes");
    EXPECT_EQ(file.detail, "A quote opened on line 2 is still open.");
}

// rejected_csv() puts such a field behind a record, which makes some longer than they may be.
TEST(CsvReader, CallsNoShortFieldAtTheEndAnOpenQuote) {
    const std::string cell(kMaxRecordBytes - 10, 'x');
    for (const std::string& begin : {"a,", "\"a\nb\","}) {
        const ReadFile file = read_file("a,b,c\n" + begin + cell +
                                        ",\"role code \"\"byer\"\" is not in the catalog\"\n");
        EXPECT_EQ(file.message, "the record at line 2 is longer than 1048576 bytes");
        EXPECT_EQ(file.detail, "");
    }
}

// What rejected_csv() gives of a record that may be imported may be imported as well.
TEST(CsvReader, AllowsForOwnColumns) {
    const std::string record = "1," + std::string(kMaxRecordBytes - 2, 'x');
    const std::string own(kMaxOwnBytes - 1, 'e');
    EXPECT_FALSE(read_file("a,b,_error\n" + record + "," + own + "\n").refused);
    EXPECT_EQ(read_file("a,b,_error\n" + record + "," + own + "e\n").message,
              "the record at line 2 is longer than 1114112 bytes");
    EXPECT_TRUE(read_file("a,b,c\n" + record + ",e\n").refused);
}

TEST(CsvReader, RefusesALongHeader) {
    const std::string cell(kMaxRecordBytes + 1, 'x');
    EXPECT_EQ(read_file(cell).message, "the record at line 1 is longer than 1048576 bytes");
    EXPECT_EQ(read_file("\n\"" + cell).detail, "A quote opened on line 2 is still open.");
}

TEST(CsvReader, GivesOutMalformedRecordsAndGoesOn) {
    const ReadFile file = read_file("a,b\nx\"y,z\n1,2\n\"q\"r,s\n3,4\n");
    ASSERT_EQ(file.records.size(), 4u);
    EXPECT_TRUE(file.records[0].malformed);
    EXPECT_EQ(file.records[0].raw, "x\"y,z");
    EXPECT_TRUE(file.records[0].fields.empty());
    EXPECT_EQ(file.records[1].fields, (Fields{"1", "2"}));
    EXPECT_TRUE(file.records[2].malformed);
    EXPECT_EQ(file.records[3].fields, (Fields{"3", "4"}));
    EXPECT_EQ(lines_of(file), (std::vector<std::int64_t>{2, 3, 4, 5}));
    EXPECT_FALSE(file.refused);
}

TEST(CsvReader, GoesOnAtTheNextPhysicalLineAfterAStrayQuote) {
    const ReadFile file = read_file("a,b\n\"1\n2\"x,\"\n3,4\n");
    ASSERT_EQ(file.records.size(), 2u);
    EXPECT_EQ(file.records[0].raw, "\"1\n2\"x,\"");
    EXPECT_EQ(file.records[0].line, 2);
    EXPECT_TRUE(file.records[0].malformed);
    EXPECT_EQ(file.records[1].fields, (Fields{"3", "4"}));
    EXPECT_EQ(file.records[1].line, 4);
}

TEST(CsvReader, GivesOutAMalformedLastRecord) {
    const ReadFile file = read_file("a,b\nx\"");
    ASSERT_EQ(file.records.size(), 1u);
    EXPECT_TRUE(file.records[0].malformed);
    EXPECT_EQ(file.records[0].raw, "x\"");
    EXPECT_FALSE(file.refused);
}

TEST(CsvReader, GivesOutRaggedRecordsAsTheyAre) {
    const ReadFile file = read_file("a,b\n1\n1,2,3\n1" + std::string(kMaxFields, ',') + "\n");
    ASSERT_EQ(file.records.size(), 3u);
    EXPECT_EQ(file.records[0].fields.size(), 1u);
    EXPECT_EQ(file.records[1].fields.size(), 3u);
    EXPECT_FALSE(file.records[1].too_many_fields);
    EXPECT_EQ(file.records[2].fields.size(), kMaxFields);
    EXPECT_TRUE(file.records[2].too_many_fields);
}

TEST(CsvReader, PassesInvalidBytesOfRecords) {
    const ReadFile file = read_file("a,b\n\xFF,\0\n"s);
    EXPECT_EQ(fields_of(file), (std::vector<Fields>{{"\xFF", "\0"s}}));
}

class RefusingSink : public RecordSink {
public:
    explicit RefusingSink(bool refuse_header) : refuse_header_(refuse_header) {}
    Status header(const CsvRecord&) override { return refuse_header_ ? Status(broken_file("no header")) : Status(); }
    Status record(const CsvRecord&) override {
        ++records_;
        return broken_file("no record");
    }
    int records_ = 0;

private:
    bool refuse_header_;
};

TEST(CsvReader, PassesOnWhatTheSinkRefuses) {
    RefusingSink no_header(true);
    CsvReader first({}, no_header);
    EXPECT_EQ(first.feed("a,b\n1,2\n")->message, "no header");
    EXPECT_EQ(no_header.records_, 0);

    RefusingSink no_record(false);
    CsvReader second({}, no_record);
    EXPECT_EQ(second.feed("a,b\n1,2\n3,4\n")->message, "no record");
    EXPECT_EQ(no_record.records_, 1);

    RefusingSink at_end(false);
    CsvReader third({}, at_end);
    EXPECT_FALSE(third.feed("a,b\n1,2"));
    EXPECT_EQ(third.finish()->message, "no record");
}

class ThrowingSink : public RecordSink {
public:
    Status header(const CsvRecord&) override { return {}; }
    Status record(const CsvRecord&) override { throw 7; }
};

TEST(CsvReader, LetsExceptionsOfTheSinkThrough) {
    ThrowingSink sink;
    CsvReader reader({}, sink);
    EXPECT_THROW((void)reader.feed("a,b\n1,2\n"), int);
}

// Good files.

TEST(CsvReader, ReadsHeaderAndRecords) {
    const ReadFile file = read_file("userName,addRoles\nann,buyer\n\"bob\",\"buyer,approver\"\n");
    ASSERT_EQ(file.headers.size(), 1u);
    EXPECT_EQ(file.headers[0], (ReadRecord{1, "userName,addRoles", false, false, {"userName", "addRoles"}}));
    ASSERT_EQ(file.records.size(), 2u);
    EXPECT_EQ(file.records[0], (ReadRecord{2, "ann,buyer", false, false, {"ann", "buyer"}, 18}));
    EXPECT_EQ(file.records[1],
              (ReadRecord{3, "\"bob\",\"buyer,approver\"", false, false, {"bob", "buyer,approver"}, 28}));
    EXPECT_EQ(file.lines, 3);
    EXPECT_EQ(file.delimiter, ',');
}

TEST(CsvReader, ReadsAHeaderWithoutRecords) {
    for (const std::string text : {"a,b", "a,b\n", "a,b\r\n", "a,b\r", "\na,b"}) {
        const ReadFile file = read_file(text);
        EXPECT_FALSE(file.refused);
        EXPECT_EQ(file.headers.size(), 1u);
        EXPECT_TRUE(file.records.empty());
    }
}

TEST(CsvReader, DropsTheMark) {
    EXPECT_EQ(read_file("\xEF\xBB\xBFz,b\n1,2\n").headers.at(0).raw, "z,b");
    EXPECT_EQ(read_file("\xEF\xBB\xBFsep=;\nz;b\n").headers.at(0).fields, (Fields{"z", "b"}));
    EXPECT_EQ(read_file("\xEF\xBB\xBF\"z\",b").headers.at(0).fields, (Fields{"z", "b"}));
}

TEST(CsvReader, KeepsASecondMark) {
    EXPECT_EQ(read_file("\xEF\xBB\xBF\xEF\xBB\xBFz,b\n").headers.at(0).fields.at(0), "\xEF\xBB\xBFz");
}

TEST(CsvReader, ReadsEveryLineBreak) {
    for (const std::string line_break : {"\n", "\r\n", "\r"}) {
        const ReadFile file = read_file("a,b" + line_break + "1,2" + line_break + "3,4" + line_break);
        EXPECT_EQ(fields_of(file), (std::vector<Fields>{{"1", "2"}, {"3", "4"}}));
        EXPECT_EQ(lines_of(file), (std::vector<std::int64_t>{2, 3}));
        EXPECT_EQ(file.lines, 3);
        EXPECT_EQ(file.records[0].raw, "1,2");
    }
}

TEST(CsvReader, ReadsMixedLineBreaks) {
    const ReadFile file = read_file("a,b\r1,2\n3,4\r\n5,6\r7,8");
    EXPECT_EQ(lines_of(file), (std::vector<std::int64_t>{2, 3, 4, 5}));
    EXPECT_EQ(file.records.back().raw, "7,8");
    EXPECT_EQ(file.lines, 5);
}

TEST(CsvReader, CountsBlankLines) {
    const ReadFile file = read_file("\n\r\na,b\n\n1,2\r\r\r3,4\n\r\n\n");
    EXPECT_EQ(file.headers.at(0).line, 3);
    EXPECT_EQ(lines_of(file), (std::vector<std::int64_t>{5, 8}));
    EXPECT_EQ(file.lines, 10);
}

TEST(CsvReader, PassesOverRecordsOfBlankCells) {
    for (const std::string blank : {"  ", ",", ",,,", "\t,\u00A0", "\uFEFF", "\u200B,\u3000", "\x1A", "\"\"",
                                    "\"\",\" \"", ",\"\r\n\"", " ,\"\x1A\""}) {
        const ReadFile file = read_file("a,b\n1,2\n" + blank + "\n3,4\n");
        EXPECT_EQ(fields_of(file), (std::vector<Fields>{{"1", "2"}, {"3", "4"}})) << blank;
        EXPECT_EQ(file.passed_over, (std::vector<std::int64_t>{3})) << blank;
    }
    EXPECT_EQ(read_file("a,b\n,,\n\n,").passed_over, (std::vector<std::int64_t>{2, 4}));
}

TEST(CsvReader, TakesOtherCharactersAsText) {
    for (const std::string text :
         {"x"s, ",x"s, ";"s, " \u00E4"s, "\xC2"s, "\xED\xB2\x80"s, "\"\"\"\""s, "\"\" x"s, ","s + '\0'}) {
        const ReadFile file = read_file("a,b\n" + text + "\n");
        EXPECT_EQ(file.records.size(), 1u) << text;
        EXPECT_TRUE(file.passed_over.empty()) << text;
    }
}

TEST(CsvReader, FindsTheHeaderBehindBlankCells) {
    for (const std::string blank : {"   ", ",,,,", ";;;;;", "\"\",\"\"", "\uFEFF"}) {
        const ReadFile file = read_file(blank + "\na;b\n1;2\n");
        EXPECT_EQ(file.headers.at(0).line, 2) << blank;
        EXPECT_EQ(file.delimiter, ';') << blank;
        EXPECT_EQ(fields_of(file), (std::vector<Fields>{{"1", "2"}})) << blank;
    }
    EXPECT_EQ(read_file(";;\n,\n").message, "the file is empty");
    EXPECT_EQ(read_file(",,\na;b\n1;2\n", {','}).delimiter, ',');
    EXPECT_EQ(read_file("sep=|\n\"\"|\na;b|c\n").delimiter, '|');
}

TEST(CsvReader, TellsNothingOfAMarkAtTheEndOfTheFile) {
    for (const std::string mark : {"\x1A", "\x1A\x1A\x1A"}) {
        const ReadFile file = read_file("a,b\n1,2\r\n" + mark);
        EXPECT_EQ(file.records.size(), 1u);
        EXPECT_FALSE(file.records[0].unterminated);
        EXPECT_TRUE(file.passed_over.empty());
        EXPECT_EQ(read_file("a,b\n" + mark + "\n1,2\n").passed_over, (std::vector<std::int64_t>{2}));
    }
}

TEST(CsvReader, SaysOfTheLastRecordThatItHasNoLineBreak) {
    for (const char* line_break : {"\n", "\r", "\r\n", "\n\n", "\n,"}) {
        const ReadFile file = read_file("a,b\n1,2\n3"s + line_break);
        EXPECT_FALSE(file.records.at(1).unterminated) << line_break;
    }
    for (const char* text : {"a,b\n1,2\n3", "a,b\n1,2\n\"3\n\",4", "a,b\n1,2\nx\"y"}) {
        const ReadFile file = read_file(text);
        EXPECT_FALSE(file.records.at(0).unterminated) << text;
        EXPECT_TRUE(file.records.at(1).unterminated) << text;
    }
}

TEST(CsvReader, KeepsLineBreaksInsideQuotes) {
    const ReadFile file = read_file("a,b\n\"x\r\n\r\ry\n\",2\n3,4\n");
    EXPECT_EQ(file.records.at(0).fields, (Fields{"x\r\n\r\ry\n", "2"}));
    EXPECT_EQ(file.records.at(0).raw, "\"x\r\n\r\ry\n\",2");
    EXPECT_EQ(lines_of(file), (std::vector<std::int64_t>{2, 7}));
}

TEST(CsvReader, ReadsAHeaderOfSeveralLines) {
    const ReadFile file = read_file("\"a\n;\n\";\"b\"\"\n\"\r\n1;2\n");
    EXPECT_EQ(file.headers.at(0).fields, (Fields{"a\n;\n", "b\"\n"}));
    EXPECT_EQ(file.headers.at(0).raw, "\"a\n;\n\";\"b\"\"\n\"");
    EXPECT_EQ(lines_of(file), (std::vector<std::int64_t>{5}));
}

TEST(CsvReader, TakesALastRecordWithoutLineBreak) {
    EXPECT_EQ(fields_of(read_file("a,b\n1,2")), (std::vector<Fields>{{"1", "2"}}));
    EXPECT_EQ(fields_of(read_file("a,b\n1,")), (std::vector<Fields>{{"1", ""}}));
    EXPECT_EQ(fields_of(read_file("a,b\n1,\"2\"")), (std::vector<Fields>{{"1", "2"}}));
    EXPECT_EQ(fields_of(read_file("a,b\n1,2\r")), (std::vector<Fields>{{"1", "2"}}));
}

TEST(CsvReader, KeepsBlanks) {
    EXPECT_EQ(fields_of(read_file("a,b\n 1 ,\t2\t\n")), (std::vector<Fields>{{" 1 ", "\t2\t"}}));
}

TEST(CsvReader, HonoursASepLine) {
    const ReadFile file = read_file("sep=;\r\na,b;c\n1;2\n");
    EXPECT_EQ(file.delimiter, ';');
    EXPECT_EQ(file.headers.at(0).line, 2);
    EXPECT_EQ(file.headers.at(0).fields, (Fields{"a,b", "c"}));
    EXPECT_EQ(read_file("sep=\t\na\tb\n").delimiter, '\t');
    EXPECT_EQ(read_file("sep=|\na,b\n").delimiter, '|');
    EXPECT_EQ(read_file("sep=,\na;b\n").delimiter, ',');
}

TEST(CsvReader, HonoursASepLineOnlyAtTheTop) {
    EXPECT_EQ(read_file("\nsep=;\na,b\n").headers.at(0).raw, "sep=;");
    EXPECT_EQ(read_file("sep=:\na,b\n").headers.at(0).raw, "sep=:");
    EXPECT_EQ(read_file("sep=;x\n").headers.at(0).raw, "sep=;x");
    EXPECT_EQ(read_file("sep=;;x;\n").headers.at(0).raw, "sep=;;x;");
    EXPECT_EQ(read_file("\"sep=;\n\"").headers.at(0).raw, "\"sep=;\n\"");
    EXPECT_EQ(read_file("\"sep=;\"x\n").headers.size(), 0u);
    EXPECT_EQ(read_file("a,b\nsep=;\n").records.at(0).raw, "sep=;");
}

TEST(CsvReader, TakesADelimiterNamedAsProgramsWriteItBack) {
    for (const char* line : {"SEP=;", "Sep=;", "\"sep=;\"", "sep=;;;", "\"SEP=;\";;", "\xEF\xBB\xBF\"sep=;\""}) {
        const ReadFile file = read_file(std::string(line) + "\r\na,b;c\n1;2\n");
        EXPECT_EQ(file.delimiter, ';') << line;
        EXPECT_EQ(file.headers.at(0).fields, (Fields{"a,b", "c"})) << line;
        EXPECT_EQ(file.headers.at(0).line, 2) << line;
    }
}

TEST(CsvReader, BelievesTheCellsBehindANamedDelimiter) {
    EXPECT_EQ(read_file("sep=;,,\na,b;b,c\n").delimiter, ',');
    EXPECT_EQ(read_file("\"sep=,\";;\na,b;b,c\n").delimiter, ';');
}

TEST(CsvReader, PassesOverAVersion) {
    for (const char* line : {"version:v1.0", "Version:v1.0,,", "version:v1.0;;"}) {
        EXPECT_EQ(read_file(std::string(line) + "\na,b\n1,2\n").headers.at(0).fields, (Fields{"a", "b"})) << line;
    }
    EXPECT_EQ(read_file("version:v1.0,b\n1,2\n").headers.at(0).fields, (Fields{"version:v1.0", "b"}));
    EXPECT_EQ(read_file("version:1\n1\n").headers.at(0).raw, "version:1");
    EXPECT_EQ(read_file("\nversion:v1.0\n1\n").headers.at(0).raw, "version:v1.0");
}

TEST(CsvReader, LetsTheOptionWin) {
    const ReadFile file = read_file("sep=;\na;b,c;d\n1,2\n", {','});
    EXPECT_EQ(file.delimiter, ',');
    EXPECT_EQ(file.headers.at(0).fields, (Fields{"a;b", "c;d"}));
    EXPECT_EQ(read_file("a;b;c|d\n", {'|'}).headers.at(0).fields, (Fields{"a;b;c", "d"}));
}

TEST(CsvReader, FindsTheDelimiterInTheHeader) {
    EXPECT_EQ(read_file("a;b;c,d\n1,2,3,4,5\n").delimiter, ';');
    EXPECT_EQ(read_file("a\tb\n").delimiter, '\t');
    EXPECT_EQ(read_file("\"a,b,c\"|d\n").delimiter, '|');
    EXPECT_EQ(read_file("a\n").delimiter, ',');
}

TEST(DetectDelimiter, CountsOutsideQuotes) {
    EXPECT_EQ(detect_delimiter("\"a;;;;\",b"), ',');
    EXPECT_EQ(detect_delimiter("\"a\"\";;;\"\"\"|b"), '|');
    EXPECT_EQ(detect_delimiter("a\tb\tc;d"), '\t');
}

TEST(DetectDelimiter, TakesTheOrderOnATie) {
    EXPECT_EQ(detect_delimiter("a|b\tc;d,e"), ',');
    EXPECT_EQ(detect_delimiter("a|b\tc;d"), ';');
    EXPECT_EQ(detect_delimiter("a|b\tc"), '\t');
    EXPECT_EQ(detect_delimiter("a|b"), '|');
}

TEST(DetectDelimiter, IsACommaWhenThereIsNone) {
    EXPECT_EQ(detect_delimiter(""), ',');
    EXPECT_EQ(detect_delimiter("userName"), ',');
    EXPECT_EQ(detect_delimiter("a:b:c"), ',');
}

}  // namespace
}  // namespace customer_import
