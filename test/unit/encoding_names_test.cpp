#include "core/encoding_names.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "core/code_page.h"

namespace customer_import {
namespace {

TEST(EncodingNames, AreTakenAsPeopleWriteThem) {
    for (const char* written : {"ANSI", "cp1252", "CP-1252", "Cp 1252", "1252"}) {
        EXPECT_EQ(encoding_of_name(written), "WIN1252") << written;
    }
    for (const char* written : {"utf8-sig", "UTF-8-BOM", "cp65001"}) {
        EXPECT_EQ(encoding_of_name(written), "UTF8") << written;
    }
    for (const char* written : {"UTF-16", "utf16", "Unicode", "Unicode Text", "ucs-2"}) {
        EXPECT_EQ(encoding_of_name(written), "UTF-16") << written;
    }
    EXPECT_EQ(encoding_of_name("UTF-16LE"), "UTF-16LE");
    EXPECT_EQ(encoding_of_name("utf-16be"), "UTF-16BE");
    EXPECT_EQ(encoding_of_name("Macintosh"), "MACINTOSH");
    EXPECT_EQ(encoding_of_name("x-mac-roman"), "MACINTOSH");
    EXPECT_EQ(encoding_of_name("IBM850"), "CP850");
    EXPECT_EQ(encoding_of_name("MS-DOS"), "CP850");
    EXPECT_EQ(encoding_of_name("cp932"), "SJIS");
}

TEST(EncodingNames, OthersAreLeftToTheServer) {
    for (const char* written : {"LATIN1", "iso-8859-1", "klingon", "", "../x"}) {
        EXPECT_EQ(encoding_of_name(written), written);
    }
}

TEST(CodePages, AreFoundByTheirNames) {
    for (const std::string_view name : kCodePages) {
        EXPECT_EQ(encoding_of_name(name), name);
        const CodePage* page = find_code_page(name);
        ASSERT_NE(page, nullptr) << name;
        CodePage sorted = *page;
        std::sort(sorted.begin(), sorted.end());
        EXPECT_EQ(std::adjacent_find(sorted.begin(), sorted.end()), sorted.end()) << "no character twice in " << name;
        EXPECT_GE(sorted.front(), 0x80) << name;
    }
    EXPECT_EQ(find_code_page("WIN1252"), nullptr);
    EXPECT_EQ((*find_code_page("CP850"))[0x01], 0xFC);      // ü
    EXPECT_EQ((*find_code_page("CP858"))[0x55], 0x20AC);    // €
    EXPECT_EQ((*find_code_page("MACINTOSH"))[0x1F], 0xFC);  // ü
    EXPECT_EQ((*find_code_page("CP437"))[0x61], 0xDF);      // ß
    EXPECT_EQ((*find_code_page("CP852"))[0x08], 0x142);     // ł
}

}  // namespace
}  // namespace customer_import
