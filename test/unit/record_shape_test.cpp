// Which records get the cells that they lack, which lose surplus ones, and which are left as they are.
#include "core/record_shape.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "csv_files.h"

namespace customer_import {
namespace {

using namespace std::string_literals;
using Texts = std::vector<std::string>;

// A file that went through the shaper, each record as its line and cells: "3:ann|buyer|", and the reason why it was not
// completed: "3:ann|buyer (line break)".
struct ShapedFile {
    Texts records;
    Texts warnings;
    std::vector<std::int64_t> passed_over;

    bool operator==(const ShapedFile&) const = default;
};

std::string shown(const ReadRecord& record) {
    constexpr const char* kFaults[] = {
        "", " (single cell)", " (cut off)", " (line break)", " (open quote)", " (split cell)"};
    std::string text = std::to_string(record.line) + ":";
    for (std::size_t i = 0; i < record.fields.size(); ++i) {
        text += (i == 0 ? "" : "|") + record.fields[i];
    }
    return text + kFaults[static_cast<std::size_t>(record.shape)];
}

ShapedFile shape_chunks(const std::vector<std::string_view>& chunks, ShapeOptions options = {}) {
    ReadFile file;
    KeepingSink sink(file);
    FileWarnings warnings;
    RecordShaper shaper(std::move(options), sink, warnings);
    read_chunks_into(file, shaper, chunks);
    EXPECT_EQ(file.message, "");
    ShapedFile shaped;
    for (const ReadRecord& record : file.records) {
        shaped.records.push_back(shown(record));
    }
    shaped.warnings = warnings.texts();
    shaped.passed_over = file.passed_over;
    return shaped;
}

ShapedFile shape(std::string_view text, ShapeOptions options = {}) { return shape_chunks({text}, std::move(options)); }

TEST(RecordShape, CompletesShortRecords) {
    const ShapedFile file = shape("a,b,c,d\n1,2\n3,4\n5,6,7,8\n9,10,11\n");
    EXPECT_EQ(file.records, (Texts{"2:1|2||", "3:3|4||", "4:5|6|7|8", "5:9|10|11|"}));
    EXPECT_EQ(file.warnings,
              (Texts{"3 records have fewer cells than the header, first at line 2: the missing ones were "
                     "read as empty"}));
    EXPECT_EQ(shape("a,b,c\n1,2\n").warnings,
              (Texts{"the record at line 2 has fewer cells than the header: the missing ones were read as empty"}));
}

TEST(RecordShape, DropsSurplusBlankCells) {
    const ShapedFile file = shape("a,b\n1,2,\n3,4,\"\", \u00A0\n5,6,,x\n7,8,x,\n");
    EXPECT_EQ(file.records, (Texts{"2:1|2", "3:3|4", "4:5|6||x", "5:7|8|x|"}));
    EXPECT_EQ(file.warnings,
              (Texts{"2 records have empty cells beyond the header, first at line 2: they were ignored"}));
}

TEST(RecordShape, LeavesWhatMayHaveADelimiterInATextWithoutQuotes) {
    EXPECT_EQ(shape("a,b,c\n1,Miller, Sons & Co,\n1,2,3,\n").records,
              (Texts{"2:1|Miller| Sons & Co| (split cell)", "3:1|2|3"}));
    EXPECT_EQ(shape("a,b,c\n1,, 2,\n1,2, ,\n").records, (Texts{"2:1|| 2", "3:1|2| "}));
    EXPECT_EQ(shape("a, b, c\n1, 2, 3, \n").records, (Texts{"2:1| 2| 3"}));
}

TEST(RecordShape, LeavesRecordsWithMoreFieldsThanAreRead) {
    const ShapedFile file = shape("a,b\n1,2" + std::string(kMaxFields, ',') + "x\n");
    ASSERT_EQ(file.records.size(), 1u);
    EXPECT_EQ(file.records[0].size(), kMaxFields + 3);
}

TEST(RecordShape, LeavesASingleCell) {
    EXPECT_EQ(shape("a,b,c\n1\n2,3,4\n").records, (Texts{"2:1 (single cell)", "3:2|3|4"}));
    EXPECT_EQ(shape("a,b\n1\n2\n").records, (Texts{"2:1 (single cell)", "3:2 (single cell)"}));
    EXPECT_EQ(shape("a\n1\n").records, (Texts{"2:1"}));
}

TEST(RecordShape, LeavesTheLastRecordOfAFileThatIsCutOff) {
    EXPECT_EQ(shape("a,b,c\n1,2").records, (Texts{"2:1|2 (cut off)"}));
    EXPECT_EQ(shape("a,b,c\n1").records, (Texts{"2:1 (cut off)"}));
    EXPECT_EQ(shape("a,b,c\n1,2,").records, (Texts{"2:1|2|"}));
    EXPECT_EQ(shape("a,b\n1,2,").records, (Texts{"2:1|2"}));
    for (const char* line_break : {"\n", "\r", "\r\n", "\n\x1A"}) {
        EXPECT_EQ(shape("a,b,c\n1,2"s + line_break).records, (Texts{"2:1|2|"})) << line_break;
    }
}

TEST(RecordShape, LeavesNeighborsThatMayBeOneRecord) {
    EXPECT_EQ(shape("a,b,c\n1,2\n3,4\n5,6,7\n").records,
              (Texts{"2:1|2 (line break)", "3:3|4 (line break)", "4:5|6|7"}));
    EXPECT_EQ(shape("a,b,c,d,e\n1,2,3,4\n5,6\n").records, (Texts{"2:1|2|3|4 (line break)", "3:5|6 (line break)"}));
    EXPECT_EQ(shape("a,b,c,d,e\n1,2\n5,6,7,8\n9,10\n").records,
              (Texts{"2:1|2 (line break)", "3:5|6|7|8 (line break)", "4:9|10 (line break)"}));
    EXPECT_EQ(shape("a,b,c\n1,2\n3,4").records, (Texts{"2:1|2 (line break)", "3:3|4 (line break)"}));
    EXPECT_EQ(shape("a,b,c\n1,2\n3,4\n").warnings, Texts());
}

TEST(RecordShape, CompletesNeighborsThatAreNotOne) {
    EXPECT_EQ(shape("a,b,c,d\n1,2\n3,4\n").records, (Texts{"2:1|2||", "3:3|4||"}));
    EXPECT_EQ(shape("a,b,c\n1,2\n3,4,5\n6,7\n").records, (Texts{"2:1|2|", "3:3|4|5", "4:6|7|"}));
    EXPECT_EQ(shape("a,b,c\n1,2\nx\"y\n6,7\n").records, (Texts{"2:1|2|", "3:", "4:6|7|"}));
    EXPECT_EQ(shape("a,b,c\n1,2\nA,B,C\n6,7\n").records, (Texts{"2:1|2|", "4:6|7|"}));
    EXPECT_EQ(shape("a,b,c\n1,2\n6,7,8,9\n6,7\n").records, (Texts{"2:1|2|", "3:6|7|8|9", "4:6|7|"}));
}

TEST(RecordShape, LooksForNeighborsBehindLinesInTheMiddle) {
    EXPECT_EQ(shape("a,b,c\n1,2\n\nx\n,,\ny\n3,4\n5,6,7\n").records,
              (Texts{"2:1|2 (line break)", "4:x (single cell)", "6:y (single cell)", "7:3|4 (line break)", "8:5|6|7"}));
    EXPECT_EQ(shape("a,b,c\n1,2\nx\n").records, (Texts{"2:1|2|", "3:x (single cell)"}));
    EXPECT_EQ(shape("a,b,c\nx\n1,2\n").records, (Texts{"2:x (single cell)", "3:1|2|"}));
    EXPECT_EQ(shape("a,b,c\n1,2\nx\n3,4,5\n").records, (Texts{"2:1|2|", "3:x (single cell)", "4:3|4|5"}));
    // Not farther than a cell reaches.
    std::string many = "a,b,c\n1,2\n";
    for (int i = 0; i < 11; ++i) {
        many += "x\n";
    }
    const Texts records = shape(many + "3,4\n").records;
    EXPECT_EQ(records.front(), "2:1|2|");
    EXPECT_EQ(records.back(), "14:3|4|");
    EXPECT_EQ(records.size(), 13u);
}

TEST(RecordShape, LeavesWhatAnOpenQuoteMayHaveSwallowed) {
    EXPECT_EQ(shape("a,b,c,d\n1,\"2,3\n4,5,6,7\"\n8,9,10,11\n").records,
              (Texts{"2:1|2,3\n4,5,6,7 (open quote)", "4:8|9|10|11"}));
    EXPECT_EQ(shape("a,b,c,d\n1,\"2, 3\n4, 5, 6\"\n").records, (Texts{"2:1|2, 3\n4, 5, 6||"}));
    EXPECT_EQ(shape("a,b,c,d\n1,\"2,3\n4,5,6,7\",8,9\n").records, (Texts{"2:1|2,3\n4,5,6,7|8|9"}));
}

TEST(RecordShape, AsksForNothingInColumnsWithoutNames) {
    const ShapedFile file = shape("a,b, ,\"\"\n1,2\n3,4\n5,6,\n7,8,,9\n0,1,,,\n");
    EXPECT_EQ(file.records, (Texts{"2:1|2||", "3:3|4||", "4:5|6||", "5:7|8||9", "6:0|1||"}));
    EXPECT_EQ(file.warnings, (Texts{"the record at line 6 has empty cells beyond the header: they were ignored"}));
    EXPECT_EQ(shape("a,b,c,\n1,2\n3,4\n").records, (Texts{"2:1|2 (line break)", "3:3|4 (line break)"}));
    EXPECT_EQ(shape("a,b,c,\n1,2\n3,4,5\n").records, (Texts{"2:1|2 (line break)", "3:3|4|5 (line break)"}));
}

TEST(RecordShape, PassesOverTheHeaderOnceMore) {
    const ShapedFile file = shape("User Name,add_roles\n1,2\nusername,ADD ROLES\n3,4\n\uFEFFUser-Name, add_roles \n");
    EXPECT_EQ(file.records, (Texts{"2:1|2", "4:3|4"}));
    EXPECT_EQ(file.warnings, (Texts{"the header is repeated 2 times, first at line 3, and was passed over"}));
    EXPECT_EQ(file.passed_over, (std::vector<std::int64_t>{3, 5}));
    EXPECT_EQ(shape("\uFEFF\"a\",b\n\uFEFF\"A\",b\n1,2\n").records, (Texts{"3:1|2"}));
    EXPECT_EQ(shape("a,b,\na,b\n1,2,\n").records, (Texts{"3:1|2|"}));
    EXPECT_EQ(shape("a,b\na,b,,\n1,2\n").records, (Texts{"3:1|2"}));
    EXPECT_EQ(shape("a,b\na,c\nab,b\na\n\"a\"x\n").records, (Texts{"2:a|c", "3:ab|b", "4:a (single cell)", "5:"}));
}

TEST(RecordShape, TellsOfBlankRecords) {
    const ShapedFile file = shape("a,b\n,\n1,2\n,\n,\n");
    EXPECT_EQ(file.warnings, (Texts{"3 blank records were passed over, first at line 2"}));
    EXPECT_EQ(file.passed_over, (std::vector<std::int64_t>{2, 4, 5}));
}

TEST(RecordShape, StrictFilesStayAsTheyAre) {
    const ShapedFile file = shape("a,b,c\n1,2\n3\n4,5,6,\n,,\na,b,c\n", {.strict = true});
    EXPECT_EQ(file.records, (Texts{"2:1|2", "3:3", "4:4|5|6|"}));
    EXPECT_EQ(file.warnings, (Texts{"the blank record at line 5 was passed over",
                                    "the header is repeated at line 6 and was passed over"}));
}

TEST(RecordShape, FilesWithLineAndErrorAreStrict) {
    EXPECT_EQ(shape("a,b,c, _Line ,_ERROR\n1,2,7,x\n1,2,3,7,x,\n").records, (Texts{"2:1|2|7|x", "3:1|2|3|7|x|"}));
    EXPECT_EQ(shape("a,b,_line\n1,2\n").records, (Texts{"2:1|2|"}));
    EXPECT_EQ(shape("a,b,_error\n1,2\n").records, (Texts{"2:1|2|"}));
}

TEST(RecordShape, KeepsToWhatWasDecidedBefore) {
    const std::string text = "a,b,c,\n1,2\n3,4\n5\n6,7,8\n1,2,3,,\n9,1";
    EXPECT_EQ(shape(text, {.decided_before = [] { return true; }}).records,
              (Texts{"2:1|2||", "3:3|4||", "4:5|||", "5:6|7|8|", "6:1|2|3|", "7:9|1||"}));
    EXPECT_EQ(shape(text, {.decided_before = [] { return false; }}).records,
              (Texts{"2:1|2", "3:3|4", "4:5", "5:6|7|8", "6:1|2|3||", "7:9|1"}));
}

TEST(RecordShape, AnyCutGivesTheSame) {
    std::mt19937 random(16);
    const char* const pieces[] = {"1,2",        "3",   "4,5,6",   "7,8,9,", ",,", "a,B,c",
                                  "\"x\ny\",2", "x\"", "1,2,3,4", "\x1A",   ""};
    for (int round = 0; round < 300; ++round) {
        std::string text = "a,b,c\n";
        for (unsigned count = random() % 12; count > 0; --count) {
            text += pieces[random() % std::size(pieces)];
            text += random() % 8 == 0 ? "\r\n" : "\n";
        }
        if (random() % 2 == 0) {
            text.pop_back();
        }
        std::vector<std::string_view> chunks;
        for (std::size_t begin = 0; begin < text.size();) {
            const std::size_t size = 1 + random() % 5;
            chunks.push_back(std::string_view(text).substr(begin, size));
            begin += size;
        }
        ASSERT_EQ(shape_chunks(chunks) == shape(text), true) << text;
    }
}

}  // namespace
}  // namespace customer_import
