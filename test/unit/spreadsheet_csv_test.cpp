#include "core/spreadsheet_csv.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/csv_reader.h"
#include "core/row_validator.h"

namespace customer_import {
namespace {

const std::string kBom = "\xef\xbb\xbf";

std::string make(const std::string& header, const std::vector<RejectedRecord>& records, char delimiter = ',',
                 std::size_t limit = 1000000) {
    return make_spreadsheet_csv(header, delimiter, standard_fields(), records, limit).csv;
}

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

TEST(EscapedList, NamesFields) {
    EXPECT_TRUE(names_escaped_field("email", "email"));
    EXPECT_TRUE(names_escaped_field("email; firstName", "firstname"));
    EXPECT_FALSE(names_escaped_field("email;firstName", "name"));
    EXPECT_FALSE(names_escaped_field("", "email"));
}

TEST(SpreadsheetCsv, AddsLineAndError) {
    EXPECT_EQ(make("userName,addRoles", {{7, "bob,byer", "unknown"}}),
              kBom + "userName,addRoles,_line,_error,_escaped\nbob,byer,7,unknown,\"\"\n");
}

TEST(SpreadsheetCsv, EscapesFormulas) {
    EXPECT_EQ(make("userName,firstName,note", {{2, "bob,=1+1,@x", "-e"}}),
              kBom + "userName,firstName,note,_line,_error,_escaped\nbob,'=1+1,'@x,2,'-e,\"firstName;note\"\n");
}

TEST(SpreadsheetCsv, NamesColumnsWhateverTheCallerSaidOfThem) {
    EXPECT_EQ(make("Firm;E-Mail", {{2, "=1;=2", "e"}}, ';'),
              kBom + "Firm;E-Mail;_line;_error;_escaped\n'=1;'=2;2;e;\"Firm;email\"\n");
}

TEST(SpreadsheetCsv, KeepsTheDelimiterAndQuotes) {
    EXPECT_EQ(make("userName;addRoles", {{2, "bob;\"a;b\"", "e"}}, ';'),
              kBom + "userName;addRoles;_line;_error;_escaped\nbob;\"a;b\";2;e;\"\"\n");
}

TEST(SpreadsheetCsv, PutsWhatIsNoRecordIntoTheFirstCell) {
    EXPECT_EQ(make("userName,addRoles", {{2, "\"y\"z,=b", "e"}, {3, "=a,b,c", "e"}}),
              kBom +
                  "userName,addRoles,_line,_error,_escaped\n\"\"\"y\"\"z,=b\",\"\",2,e,\"\",\"\"\n"
                  "\"'=a,b,c\",\"\",3,e,userName,\"\"\n");
    EXPECT_EQ(make("userName,addRoles", {{2, "a\xef\xbf\xbd,b", "e"}}),
              kBom + "userName,addRoles,_line,_error,_escaped\na\xef\xbf\xbd,b,2,e,\"\",\"\"\n");
}

TEST(SpreadsheetCsv, ReplacesItsOwnColumns) {
    EXPECT_EQ(make("userName,firstName,_line,_error,_escaped", {{2, "bob,'=1,9,old,firstName", "new"}}),
              kBom + "userName,firstName,_line,_error,_escaped\nbob,'=1,2,new,firstName\n");
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
                                            "\\_EMPTY_VALUE_X"};
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
