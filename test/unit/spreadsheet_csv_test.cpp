#include "core/spreadsheet_csv.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/csv_reader.h"
#include "core/row_validator.h"
#include "core/spreadsheet_guard.h"

namespace customer_import {
namespace {

const std::string kBom = "\xef\xbb\xbf";

std::string make(const std::string& header, const std::vector<RejectedRecord>& records, char delimiter = ',',
                 std::size_t limit = 1000000) {
    return make_spreadsheet_csv(header, delimiter, standard_fields(), records, limit).csv;
}

class CountingSink final : public RecordSink {
public:
    int records = 0;

private:
    Status header(const CsvRecord&) override { return {}; }
    Status record(const CsvRecord& record) override {
        records += record.malformed || record.too_many_fields ? 0 : 1;
        return {};
    }
};

TEST(Formula, IsWhatASpreadsheetMightRun) {
    for (const char* cell : {"=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx",
                             "\xef\xbc\x9d"
                             "1",
                             "\xef\xbc\x8b"
                             "1",
                             "\xef\xbc\x8d"
                             "1",
                             "\xef\xbc\xa0"
                             "x"}) {
        EXPECT_TRUE(is_formula(cell)) << cell;
    }
    for (const char* cell : {"", "a=1", "'=1", "ann", " x", "1-1"}) {
        EXPECT_FALSE(is_formula(cell)) << cell;
    }
}

TEST(Guard, IsForWhatASpreadsheetChanges) {
    for (const char* cell : {"0049171123",
                             "007",
                             "00",
                             "491712345678901234",
                             "123456789012",
                             "1/2",
                             "3 1/2",
                             "1.5",
                             "1,50",
                             "1.000",
                             "10%",
                             "5 %",
                             "$5",
                             "5 \xe2\x82\xac",
                             "EUR 5",
                             "5 chf",
                             "1E5",
                             "1e-400",
                             "1.2E+5",
                             "1.",
                             ".5",
                             "(5)",
                             "TRUE",
                             "False",
                             "WAHR",
                             "falsch",
                             "VRAI",
                             "2020-01-05",
                             "5.1.",
                             "01/05",
                             "Jan 5",
                             "5 may 2020",
                             "M\xc3\xa4rz 5",
                             "Montag, 5. Januar 2020",
                             "MARCH1",
                             "10:30",
                             "10am",
                             "T10:30",
                             "2020-01-05T10:30Z",
                             "#N/A",
                             "-0",
                             "+49 1",
                             "\xef\xbc\x91\xef\xbc\x92",
                             "1\xc2\xbd",
                             " x",
                             "\xc2\xa0x"}) {
        EXPECT_EQ(guard_needed(cell), Guard::plain) << cell;
    }
    for (const char* cell : {"x ", " ", "x\xc2\xa0", "a\tb", "a\nb", "a\r\nb", "a\rb", "\tx", "a\x01z", "a\x7fz",
                             "a\xc2\x85z", "a\xe2\x80\xa8z", "\xef\xbb\xbfx", "\xef\xbf\xbf", "'a\nb"}) {
        EXPECT_EQ(guard_needed(cell), Guard::coded) << cell;
    }
    for (const char* cell : {"",
                             "0",
                             "7",
                             "12345678901",
                             "ann",
                             "ann@example.com",
                             "ann5@example.com",
                             "buyer,approver",
                             "a1x",
                             "ABC123",
                             "12 Main Street",
                             "2b@example.com",
                             "yes",
                             "no",
                             "Mai",
                             "trueish",
                             "'x",
                             "'0049",
                             "a b",
                             "M\xc3\xbcller",
                             "_EMPTY_VALUE_",
                             "\\N",
                             "ab=1",
                             "\xf0\x9f\x98\x80",
                             "1 million"}) {
        EXPECT_EQ(guard_needed(cell), Guard::none) << cell;
    }
}

TEST(Guard, IsTakenAwayExactly) {
    std::string storage;
    EXPECT_EQ(guarded("a\r\nb\t\\n ", Guard::coded), "'a\\r\\nb\\t\\\\n\\u0020");
    EXPECT_EQ(guarded("a\xe2\x80\xa8z\x01", Guard::coded), "'a\\u2028z\\u0001");
    for (const char* cell : {"007", "x ", " x\t", "a\r\nb", "'\n", "''\\\n", "\\u0020 ", "\\\\n\n",
                             "a\xe2\x80\xa8z\x01", "\xef\xbf\xbf", "\xff\n", "  ", "=1\n", "M\xc3\xbcller\n"}) {
        const Guard guard = guard_needed(cell);
        EXPECT_NE(guard, Guard::none) << cell;
        EXPECT_EQ(unguarded(guarded(cell, guard), guard, storage), cell) << cell;
        EXPECT_EQ(guard_needed(guarded(cell, guard)), Guard::none) << cell;
    }
    EXPECT_EQ(unguarded("'0049", Guard::none, storage), "'0049");
    EXPECT_EQ(unguarded("0049", Guard::plain, storage), "0049") << "a program has taken the apostrophe away";
    EXPECT_EQ(unguarded("a\\nb", Guard::coded, storage), "a\nb");
    EXPECT_EQ(unguarded("'\\x\\u12\\ud800\\u0000\\", Guard::coded, storage), "\\x\\u12\\ud800\\u0000\\");
}

TEST(Guard, IsSeenInAUserNameThatLostTheList) {
    EXPECT_TRUE(seems_guarded("'0049171123"));
    EXPECT_TRUE(seems_guarded("'=1"));
    EXPECT_FALSE(seems_guarded("'oneil"));
    EXPECT_FALSE(seems_guarded("'"));
    EXPECT_FALSE(seems_guarded("0049171123"));
}

TEST(GuardList, NamesColumns) {
    EXPECT_EQ(listed_guard("email", "email"), Guard::plain);
    EXPECT_EQ(listed_guard("email; firstName", "firstname"), Guard::plain);
    EXPECT_EQ(listed_guard("email\\;firstName", "email"), Guard::coded);
    EXPECT_EQ(listed_guard(";firstName", "firstName"), Guard::plain);
    EXPECT_EQ(listed_guard("email;firstName", "name"), Guard::none);
    EXPECT_EQ(listed_guard("", "email"), Guard::none);
    EXPECT_EQ(listed_guard(";;", ""), Guard::none);
}

TEST(GuardList, HoldsAnyName) {
    const std::vector<std::string> names = {"a;b", "a\\", "\\", ";", "007", "a\nb", "x", "\\n", "true"};
    for (const Guard guard : {Guard::plain, Guard::coded}) {
        std::string list;
        for (const std::string& name : names) {
            note_guard(list, name, Guard::none);
            EXPECT_EQ(listed_guard(guard_list_cell(list), name), Guard::none) << name;
            note_guard(list, name, guard);
            EXPECT_EQ(listed_guard(guard_list_cell(list), name), guard) << list;
            std::string alone;
            note_guard(alone, name, guard);
            EXPECT_EQ(guard_needed(guard_list_cell(alone)), Guard::none) << alone;
        }
    }
}

TEST(SpreadsheetCsv, AddsLineAndError) {
    EXPECT_EQ(make("userName,addRoles", {{7, "bob,byer", "unknown"}}),
              kBom + "userName,addRoles,_escaped,_line,_error\nbob,byer,\"\",7,unknown\n");
}

TEST(SpreadsheetCsv, EscapesFormulas) {
    EXPECT_EQ(make("userName,firstName,note", {{2, "bob,=1+1,@x", "-e"}}),
              kBom + "userName,firstName,note,_escaped,_line,_error\nbob,'=1+1,'@x,\"firstName;note\",2,'-e\n");
}

TEST(SpreadsheetCsv, NamesColumnsWhateverTheCallerSaidOfThem) {
    EXPECT_EQ(make("Firm;E-Mail", {{2, "=1;=2", "e"}}, ';'),
              kBom + "Firm;E-Mail;_escaped;_line;_error\n'=1;'=2;\"Firm;email\";2;e\n");
}

TEST(SpreadsheetCsv, KeepsTheDelimiterAndQuotes) {
    EXPECT_EQ(make("userName;addRoles", {{2, "bob;\"a;b\"", "e"}}, ';'),
              kBom + "userName;addRoles;_escaped;_line;_error\nbob;\"a;b\";\"\";2;e\n");
}

TEST(SpreadsheetCsv, MarksABrokenRecord) {
    EXPECT_EQ(make("userName,addRoles", {{2, "\"y\"z,=b", "e"}, {3, "=a,b,c", "e", true}, {4, "bob,byer", "e"}}),
              kBom +
                  "userName,addRoles,_escaped,_broken,_line,_error\n\"\",\"\",\"\",\"\"\"y\"\"z,=b\",2,e\n"
                  "\"\",\"\",\"\",\"'=a,b,c\",3,e\nbob,byer,\"\",\"\",4,e\n");
    EXPECT_EQ(make("userName,addRoles", {{2, "a\xef\xbf\xbd,007", "e"}}),
              kBom +
                  "userName,addRoles,_escaped,_broken,_line,_error\na\xef\xbf\xbd,'007,addRoles,the text was damaged "
                  "before it came here,2,e\n");
    EXPECT_EQ(make("userName,addRoles,_broken", {{2, ",,\"a,b\"", "e", true}}),
              kBom + "userName,addRoles,_escaped,_broken,_line,_error\n\"\",\"\",\"\",\"a,b\",2,e\n")
        << "what was not corrected stays as it is";
}

TEST(SpreadsheetCsv, TakesEmptyCellsAtTheEndAsTheyAre) {
    EXPECT_EQ(make("userName,addRoles,email", {{2, "bob,byer", "e"}, {3, "eve,byer,,,", "e"}}),
              kBom + "userName,addRoles,email,_escaped,_line,_error\nbob,byer,\"\",\"\",2,e\neve,byer,\"\",\"\",3,e\n");
}

std::string make_file(const std::string& header, const std::vector<RejectedRecord>& records, char delimiter = ',') {
    SpreadsheetWriter writer(header, delimiter, standard_fields(), SpreadsheetWriter::Form::file);
    for (const RejectedRecord& record : records) {
        writer.look_at(record);
    }
    std::string file = writer.header();
    for (const RejectedRecord& record : records) {
        file += writer.row(record);
    }
    return file;
}

TEST(SpreadsheetFile, IsAsItCameWhereNothingNeedsAGuard) {
    EXPECT_EQ(make_file("userName,\"addRoles\"", {{2, "bob,\"byer\"", "e"}, {3, "eve,", "f"}}),
              "userName,\"addRoles\",_line,_error\nbob,\"byer\",2,\"e\"\neve,,3,\"f\"\n");
    EXPECT_EQ(
        make_file("userName,phone", {{2, "bob,\"1\"", "e"}, {3, "\"eve\",0049", "f"}, {4, "x", "g", true}}),
        "userName,phone,_escaped,_broken,_line,_error\nbob,\"1\",,,2,\"e\"\neve,'0049,phone,,3,\"f\"\n,,,x,4,\"g\"\n");
    EXPECT_EQ(make_file("userName,phone,_line,_error", {{2, "bob,\"1\",9,old", "e"}}),
              "userName,phone,_line,_error\nbob,1,2,\"e\"\n");
    EXPECT_EQ(make_file("userName,phone", {{2, "bob", "e"}}), "userName,phone,_line,_error\nbob,,2,\"e\"\n");
    EXPECT_EQ(make_file("userName,phone,1/2", {{2, "bob,1,2", "e"}}),
              "userName,phone,'1/2,_escaped,_line,_error\nbob,1,2,,2,\"e\"\n");
}

TEST(SpreadsheetFile, GuardsTheHeader) {
    const std::string header = "'a\\nb,'007,userName,''x";
    EXPECT_EQ(make_file("\"a\nb\",007,userName,'x", {{2, "1,2,bob,3", "e"}}),
              header + ",_escaped,_line,_error\n1,2,bob,3,,2,\"e\"\n")
        << "a header that begins with an apostrophe";
}

TEST(SpreadsheetFile, LeavesOutWhatNoImportWouldTake) {
    const std::string cell(kMaxRecordBytes - 10, '\n');
    const std::string file = make_file("userName,company", {{2, "bob,\"" + cell + "\"", "e"}});
    EXPECT_EQ(file,
              "userName,company,_escaped,_broken,_line,_error\n,,,\"the record is too long for a spreadsheet; "
              "rejected_csv_bytes() gives it\",2,\"e\"\n");
    const std::string error(2 * kMaxRecordBytes, '"');
    const std::string largest = make_file("userName,company",
                                          {{2, "bob," + std::string(kMaxRecordBytes - 4, 'x'), error}});
    EXPECT_GT(largest.size(), kMaxRecordBytes);
    CountingSink sink;
    CsvReader reader({}, sink);
    EXPECT_FALSE(reader.feed(largest) || reader.finish());
    EXPECT_EQ(sink.records, 1);
}

TEST(SpreadsheetCsv, ReplacesItsOwnColumns) {
    EXPECT_EQ(make("userName,firstName,_line,_error,_escaped", {{2, "bob,'=1,9,old,firstName", "new"}}),
              kBom + "userName,firstName,_escaped,_line,_error\nbob,'=1,firstName,2,new\n");
}

TEST(SpreadsheetCsv, StopsAtTheLimit) {
    const std::vector<RejectedRecord> records(10, RejectedRecord{2, "bob,byer", "e"});
    const SpreadsheetFile file = make_spreadsheet_csv("userName,addRoles", ',', standard_fields(), records, 100);
    EXPECT_LE(file.csv.size(), 100u);
    EXPECT_GT(file.records, 0u);
    EXPECT_LT(file.records, 10u);
}

// Reads a file as an import does and gives the texts of one field.
class FieldReader final : public RecordSink {
public:
    std::vector<std::string> read(const std::string& csv) {
        CsvReader reader({}, *this);
        EXPECT_FALSE(reader.feed(csv));
        EXPECT_FALSE(reader.finish());
        return values_;
    }

private:
    Status header(const CsvRecord& record) override {
        auto header = HeaderMap::create(record.fields, standard_fields());
        EXPECT_TRUE(std::holds_alternative<HeaderMap>(header));
        header_ = std::get<HeaderMap>(std::move(header));
        validator_.emplace(header_, catalog_, ValidatorOptions{});
        return {};
    }
    Status record(const CsvRecord& record) override {
        std::vector<Issue> issues;
        Status status = validator_->validate(record, batch_, issues);
        EXPECT_TRUE(issues.empty()) << (issues.empty() ? "" : issues.front().message);
        if (issues.empty()) {
            values_.emplace_back(batch_.records().back().cells.front().text);
        }
        return status;
    }

    RoleCatalog catalog_;
    HeaderMap header_;
    std::optional<RowValidator> validator_;
    Batch batch_;
    std::vector<std::string> values_;
};

TEST(SpreadsheetCsv, IsReadBackExactly) {
    const std::vector<std::string> texts = {"=1+1",
                                            "'=1+1",
                                            "''x",
                                            "'",
                                            "+49 1",
                                            "-",
                                            "@",
                                            "plain",
                                            "a,b",
                                            "a\"b",
                                            "a\nb",
                                            "\xef\xbc\x9d"
                                            "x",
                                            "' =",
                                            "=\"a\"",
                                            "\\_EMPTY_VALUE_X",
                                            "0049171123",
                                            "'0049",
                                            "1/2",
                                            "TRUE",
                                            "x ",
                                            " x",
                                            "a\r\nb\\n\tc",
                                            "\\\n",
                                            "\x01"};
    std::vector<RejectedRecord> records;
    for (const std::string& text : texts) {
        std::string quoted_text;
        for (const char c : text) {
            quoted_text.append(c == '"' ? 2 : 1, c);
        }
        records.push_back({2, "bob,\"" + quoted_text + "\"", "e"});
    }
    EXPECT_EQ(FieldReader().read(make("userName,firstName", records)), texts);
}

}  // namespace
}  // namespace customer_import
