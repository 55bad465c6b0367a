#include "core/file_kind.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace customer_import {
namespace {

using namespace std::string_literals;

std::string refusal(std::string_view begin) {
    const Status status = refuse_other_kind(begin);
    return status ? status->message : std::string();
}

// The header of a member of a ZIP archive.
std::string member(const std::string& name, const std::string& content = {}) {
    std::string header = "PK\3\4\x14\0\0\0\0\0"s + std::string(16, '\0');
    header += {static_cast<char>(name.size()), '\0', '\0', '\0'};
    return header + name + content;
}

std::string wide(std::string_view text) {
    std::string units;
    for (const char c : text) {
        units.append({c, '\0'});
    }
    return units;
}

TEST(FileKind, KnowsWorkbooks) {
    EXPECT_EQ(refusal("PK\3\4\x14\0\6\0\x08\0\0\0!\0"s + std::string(36, '\0')),
              "the file is an Excel workbook (xlsx)");
    EXPECT_EQ(refusal(member("[Content_Types].xml")), "the file is an Excel workbook (xlsx)");
    EXPECT_EQ(refusal(member("_rels/.rels", "...") + member("xl/workbook.xml")),
              "the file is an Excel workbook (xlsx)");
    EXPECT_EQ(refusal(member("mimetype", "application/vnd.oasis.opendocument.spreadsheetPK")),
              "the file is an OpenDocument spreadsheet (ods)");
    EXPECT_EQ(refusal(member("Index/Document.iwa")), "the file is a Numbers spreadsheet (numbers)");
    EXPECT_EQ(refusal("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" + std::string(600, '\0')),
              "the file is an Excel workbook (xls)");
    EXPECT_EQ(refusal("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" + wide("EncryptedPackage")),
              "the file is an Excel workbook with a password");
    EXPECT_EQ(refusal("<?xml version=\"1.0\"?>\n<?mso-application progid=\"Excel.Sheet\"?>"),
              "the file is an Excel workbook (XML)");
    EXPECT_EQ(refuse_other_kind(member("xl/workbook.xml"))->hint, "Save it as CSV UTF-8.");
}

TEST(FileKind, KnowsArchivesAndDocuments) {
    EXPECT_EQ(refusal(member("customers.csv")), "the file is a ZIP archive");
    EXPECT_EQ(refusal("PK\3\4"), "the file is a ZIP archive");
    EXPECT_EQ(refusal(member("mimetype", "text/plain")), "the file is a ZIP archive");
    EXPECT_EQ(refusal(member("word/document.xml")), "the file is a Word document (docx)");
    EXPECT_EQ(refusal("\x1F\x8B\x08"), "the file is compressed with gzip");
    EXPECT_EQ(refusal("%PDF-1.7\n"), "the file is a PDF document");
    EXPECT_EQ(refusal("{\\rtf1\\ansi"), "the file is an RTF document");
    EXPECT_EQ(refusal("\x89PNG\r\n\x1A\n"), "the file is a picture (PNG)");
}

TEST(FileKind, KnowsMarkup) {
    for (const std::string text : {"<!DOCTYPE html>"s, "<HTML>"s, "\n  <table border=1>"s, "\xEF\xBB\xBF<html>"s,
                                   "<?xml version=\"1.0\"?><html>"s, "<meta charset=utf-8>"s}) {
        EXPECT_EQ(refusal(text), "the file is an HTML page") << text;
    }
    EXPECT_EQ(refusal("<?xml version=\"1.0\"?><customers/>"), "the file is an XML file");
    EXPECT_EQ(refusal("[{\"userName\": \"ann\"}]"), "the file is JSON");
}

TEST(FileKind, KnowsUtf32) {
    EXPECT_EQ(refusal("\xFF\xFE\0\0u\0\0\0"s), "the file is encoded in UTF-32");
    EXPECT_EQ(refusal("\0\0\xFE\xFF\0\0\0u"s), "the file is encoded in UTF-32");
}

TEST(FileKind, LeavesCsvAlone) {
    for (const std::string text :
         {""s, "P"s, "PK"s, "PK,userName\n"s, "userName,addRoles\n"s, "\xEF\xBB\xBFuserName\n"s, "\xFF\xFEu\0"s,
          "\xFE\xFF\0u"s, "BZh,userName\n"s, "Rar!,userName\n"s, "<userName>,addRoles\n"s, "ID;userName\n"s, "{a},b\n"s,
          "\x1F"s}) {
        EXPECT_EQ(refusal(text), "") << text;
    }
}

TEST(FileKind, ReadsByteOrderMarks) {
    EXPECT_EQ(marked_encoding("\xEF\xBB\xBFu"), "UTF8");
    EXPECT_EQ(marked_encoding("\xFF\xFEu"), "UTF-16LE");
    EXPECT_EQ(marked_encoding("\xFE\xFF"), "UTF-16BE");
    for (const std::string text : {""s, "\xEF\xBB"s, "\xFF"s, "u\xFF\xFE"s}) {
        EXPECT_EQ(marked_encoding(text), "") << text;
    }
}

TEST(FileKind, TellsUtf16ByItsFirstNul) {
    EXPECT_EQ(unmarked_utf16("u\0s\0"s), "UTF-16LE");
    EXPECT_EQ(unmarked_utf16("\0u\0s"s), "UTF-16BE");
    EXPECT_EQ(unmarked_utf16("\xE5\x65u\0"s), "UTF-16LE");
    EXPECT_EQ(unmarked_utf16("us"), "");
}

}  // namespace
}  // namespace customer_import
