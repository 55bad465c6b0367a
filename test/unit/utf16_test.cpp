#include "core/utf16.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "core/text.h"

namespace customer_import {
namespace {

using namespace std::string_literals;

constexpr ByteOrder kLittle = ByteOrder::little_endian, kBig = ByteOrder::big_endian;

// The text up to what is broken, and how many bytes it has.
std::pair<std::string, std::size_t> decode(std::string_view bytes, ByteOrder order) {
    std::string text;
    const std::size_t used = utf16_to_utf8(bytes, order, text);
    return {text, used};
}

TEST(Utf16, ReadsBothByteOrders) {
    EXPECT_EQ(decode("u\0\xFC\0\xE5\x65=\xD8\0\xDE"s, kLittle),
              std::pair("u\xC3\xBC\xE6\x97\xA5\xF0\x9F\x98\x80"s, std::size_t{10}));
    EXPECT_EQ(decode("\0u\0\xFC\x65\xE5\xD8=\xDE\0"s, kBig),
              std::pair("u\xC3\xBC\xE6\x97\xA5\xF0\x9F\x98\x80"s, std::size_t{10}));
    EXPECT_EQ(decode("\0\0"s, kLittle), std::pair("\0"s, std::size_t{2}));
}

TEST(Utf16, StopsAtWhatIsBroken) {
    EXPECT_EQ(decode("a\0\0\xDC"
                     "b\0"s,
                     kLittle),
              std::pair("a"s, std::size_t{2}));  // a low surrogate alone
    EXPECT_EQ(decode("a\0=\xD8"
                     "b\0"s,
                     kLittle),
              std::pair("a"s, std::size_t{2}));                                           // a high one
    EXPECT_EQ(decode("a\0=\xD8"s, kLittle), std::pair("a"s, std::size_t{2}));             // one at the end
    EXPECT_EQ(decode("a\0=\xD8=\xD8\0\xDE"s, kLittle), std::pair("a"s, std::size_t{2}));  // two high ones
    EXPECT_EQ(decode("a\0b"s, kLittle), std::pair("a"s, std::size_t{2}));                 // an odd byte
}

TEST(Utf16, KnowsHowLongACharacterIs) {
    EXPECT_EQ(utf16_character_bytes("a\0b\0"s, kLittle), 2u);
    EXPECT_EQ(utf16_character_bytes("a"s, kLittle), 2u);
    EXPECT_EQ(utf16_character_bytes("=\xD8"s, kLittle), 4u);
    EXPECT_EQ(utf16_character_bytes("=\xD8\0\xDE"s, kLittle), 4u);
    EXPECT_EQ(utf16_character_bytes("=\xD8"
                                    "b\0"s,
                                    kLittle),
              2u);
    EXPECT_EQ(utf16_character_bytes("\0\xDC"
                                    "b\0"s,
                                    kLittle),
              2u);
}

TEST(Utf16, GivesAllCharactersBack) {
    for (const ByteOrder order : {kLittle, kBig}) {
        std::string all;
        for (int unit = 0; unit < 0x10000; ++unit) {
            if (unit < 0xD800 || unit > 0xDFFF) {
                const char low = static_cast<char>(unit & 0xFF), high = static_cast<char>(unit >> 8);
                all += {order == kLittle ? low : high, order == kLittle ? high : low};
            }
        }
        const auto [text, used] = decode(all, order);
        EXPECT_EQ(used, all.size());
        EXPECT_EQ(find_invalid_utf8(text), std::string::npos);
        std::string again;
        utf8_to_utf16(text, order, again);
        EXPECT_TRUE(again == all);
    }
}

}  // namespace
}  // namespace customer_import
