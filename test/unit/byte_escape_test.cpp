#include "core/byte_escape.h"

#include <gtest/gtest.h>

#include <string>

#include "core/text.h"

namespace customer_import {
namespace {

std::string escape(int byte) {
    std::string text;
    append_byte_escape(text, static_cast<unsigned char>(byte));
    return text;
}

TEST(ByteEscape, OtherTextIsNone) {
    for (const std::string text :
         {"", "a", "\xED", "\xED\xB2", "\xED\xB4\x80", "\xED\xAF\x80", "\xED\x9F\xBF", "\xFF", "x\xED\xB2\x80"}) {
        EXPECT_EQ(read_byte_escape(text), -1) << text;
    }
}

TEST(ByteEscape, IsNeverValidUtf8) {
    for (int byte = 0x80; byte < 0x100; ++byte) {
        EXPECT_EQ(escape(byte).size(), kByteEscapeBytes);
        EXPECT_EQ(find_invalid_utf8("ab" + escape(byte)), 2u) << byte;
    }
}

TEST(ByteEscape, GivesTheByteBack) {
    for (int byte = 0x80; byte < 0x100; ++byte) {
        EXPECT_EQ(read_byte_escape(escape(byte) + "x"), byte);
    }
}

TEST(ByteEscape, KeepsAnyByte) {
    for (int byte = 0; byte < 0x100; ++byte) {
        std::string text;
        append_exact_byte(text, static_cast<unsigned char>(byte));
        EXPECT_EQ(text.size(), kByteEscapeBytes);
        EXPECT_EQ(find_invalid_utf8(text), 0u) << byte;
        EXPECT_EQ(read_byte_escape(text), byte);
    }
}

TEST(ByteEscape, LeavesAscii) {
    for (int byte = 0; byte < 0x80; ++byte) {
        EXPECT_EQ(escape(byte), std::string(1, static_cast<char>(byte)));
    }
}

}  // namespace
}  // namespace customer_import
