#include "core/text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace customer_import {
namespace {

using namespace std::string_view_literals;
constexpr std::size_t npos = std::string_view::npos;

// Encodes any number as UTF-8 would, surrogates too.
std::string encode(char32_t c) {
    std::string out;
    const auto add = [&](char32_t byte) { out += static_cast<char>(byte); };
    if (c < 0x80) {
        add(c);
    } else if (c < 0x800) {
        add(0xC0 | c >> 6);
        add(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        add(0xE0 | c >> 12);
        add(0x80 | (c >> 6 & 0x3F));
        add(0x80 | (c & 0x3F));
    } else {
        add(0xF0 | c >> 18);
        add(0x80 | (c >> 12 & 0x3F));
        add(0x80 | (c >> 6 & 0x3F));
        add(0x80 | (c & 0x3F));
    }
    return out;
}

unsigned long shown(char32_t c) { return c; }

TEST(FindInvalidUtf8, FindsLoneContinuationBytes) {
    EXPECT_EQ(find_invalid_utf8("\x80"), 0u);
    EXPECT_EQ(find_invalid_utf8("abc\xBF"), 3u);
}

TEST(FindInvalidUtf8, FindsBytesThatNeverOccur) {
    for (int byte : {0xC0, 0xC1, 0xF5, 0xF8, 0xFC, 0xFE, 0xFF}) {
        const std::string text = "ab" + std::string(1, static_cast<char>(byte)) + "\x80\x80\x80";
        EXPECT_EQ(find_invalid_utf8(text), 2u) << byte;
    }
}

TEST(FindInvalidUtf8, FindsOverlongForms) {
    EXPECT_EQ(find_invalid_utf8("\xC0\xAF"), 0u);
    EXPECT_EQ(find_invalid_utf8("\xE0\x9F\xBF"), 0u);
    EXPECT_EQ(find_invalid_utf8("\xF0\x8F\xBF\xBF"), 0u);
}

TEST(FindInvalidUtf8, FindsSurrogates) {
    EXPECT_EQ(find_invalid_utf8(encode(0xD7FF)), npos);
    for (char32_t c = 0xD800; c <= 0xDFFF; ++c) {
        ASSERT_EQ(find_invalid_utf8(encode(c)), 0u) << shown(c);
    }
    EXPECT_EQ(find_invalid_utf8(encode(0xE000)), npos);
}

TEST(FindInvalidUtf8, FindsWhatLiesAboveTheLastCodePoint) {
    EXPECT_EQ(find_invalid_utf8(encode(0x10FFFF)), npos);
    EXPECT_EQ(find_invalid_utf8(encode(0x110000)), 0u);
}

TEST(FindInvalidUtf8, FindsSequencesCutAtTheEnd) {
    for (const char32_t c : {U'é', U'€', U'😀'}) {
        const std::string whole = encode(c);
        for (std::size_t size = 1; size < whole.size(); ++size) {
            EXPECT_EQ(find_invalid_utf8("xy" + whole.substr(0, size)), 2u) << shown(c) << " " << size;
        }
    }
}

TEST(FindInvalidUtf8, FindsSequencesCutInTheMiddle) {
    EXPECT_EQ(find_invalid_utf8("\xE2\x28\xA1"), 0u);
    EXPECT_EQ(find_invalid_utf8("\xF0\x9F\x98!"), 0u);
    EXPECT_EQ(find_invalid_utf8("é\xC3"
                                "é"),
              2u);
}

TEST(FindInvalidUtf8, FindsABadByteAtEveryOffset) {
    for (std::size_t size = 1; size < 40; ++size) {
        for (std::size_t bad = 0; bad < size; ++bad) {
            std::string text(size, 'x');
            text[bad] = '\xFF';
            ASSERT_EQ(find_invalid_utf8(text), bad) << size;
        }
    }
}

TEST(FindInvalidUtf8, TakesEveryCodePoint) {
    for (char32_t c = 0; c <= 0x10FFFF; ++c) {
        if (c == 0xD800) {
            c = 0xE000;
        }
        ASSERT_EQ(find_invalid_utf8(encode(c)), npos) << shown(c);
    }
    EXPECT_EQ(find_invalid_utf8(""), npos);
    EXPECT_EQ(find_invalid_utf8("\0abc"sv), npos);
}

TEST(DescribeInvalidUtf8, ShowsAsManyBytesAsTheLeadByteAnnounces) {
    EXPECT_EQ(describe_invalid_utf8("ab\xFFz", 2), "0xff");
    EXPECT_EQ(describe_invalid_utf8("\x80\x80", 0), "0x80");
    EXPECT_EQ(describe_invalid_utf8("\xC3(x", 0), "0xc3 0x28");
    EXPECT_EQ(describe_invalid_utf8("\xE2(\xA1xy", 0), "0xe2 0x28 0xa1");
    EXPECT_EQ(describe_invalid_utf8("\xF0\x28\x8C\xBCzz", 0), "0xf0 0x28 0x8c 0xbc");
}

TEST(DescribeInvalidUtf8, StopsAtTheEndOfTheText) {
    EXPECT_EQ(describe_invalid_utf8("ab\xE2(", 2), "0xe2 0x28");
    EXPECT_EQ(describe_invalid_utf8("\xF0", 0), "0xf0");
}

TEST(Trim, LeavesBytesThatAreNoUtf8) {
    EXPECT_EQ(trim("\xA0 x \x85"), "\xA0 x \x85");
    EXPECT_EQ(trim("\xE2\x80"), "\xE2\x80");
}

TEST(Trim, LeavesWhatOnlyLooksLikeSpace) {
    for (const std::string_view text : {"\u200B", "\u200D", "\u2060", "\uFEFF", "\u180E"}) {
        EXPECT_EQ(trim(text), text);
    }
    EXPECT_EQ(trim("\0 "sv), "\0"sv);
}

TEST(Trim, DropsAllWhiteSpaceOfUnicode) {
    std::vector<char32_t> spaces = {0x20, 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000};
    for (char32_t c = 0x09; c <= 0x0D; ++c) {
        spaces.push_back(c);
    }
    for (char32_t c = 0x2000; c <= 0x200A; ++c) {
        spaces.push_back(c);
    }
    std::size_t found = 0;
    for (char32_t c = 0; c <= 0x10FFFF; ++c) {
        if (c == 0xD800) {
            c = 0xE000;
        }
        if (trim(encode(c)).empty()) {
            ++found;
        }
    }
    EXPECT_EQ(found, spaces.size());
    for (const char32_t c : spaces) {
        EXPECT_EQ(trim(encode(c) + "a b" + encode(c) + encode(c)), "a b") << shown(c);
    }
}

TEST(Trim, LeavesInnerSpace) {
    EXPECT_EQ(trim("  a \u00A0 b  "), "a \u00A0 b");
    EXPECT_EQ(trim(""), "");
    EXPECT_EQ(trim(" \t\r\n"), "");
}

TEST(AsciiLower, LeavesAllButAsciiLetters) { EXPECT_EQ(ascii_lower("AZaz09_-@[`{ÄÖ"), "azaz09_-@[`{ÄÖ"); }

TEST(EqualIgnoringAsciiCase, ComparesAsciiLettersOnly) {
    EXPECT_FALSE(equal_ignoring_ascii_case("abc", "abd"));
    EXPECT_FALSE(equal_ignoring_ascii_case("abc", "ab"));
    EXPECT_FALSE(equal_ignoring_ascii_case("Ä", "ä"));
    EXPECT_FALSE(equal_ignoring_ascii_case("@", "`"));
    EXPECT_TRUE(equal_ignoring_ascii_case("", ""));
    EXPECT_TRUE(equal_ignoring_ascii_case("BuYer1", "bUyER1"));
}

TEST(EditDistance, IsCutOffAboveTheLimit) {
    EXPECT_EQ(edit_distance("abcdef", "uvwxyz", 2), 3u);
    EXPECT_EQ(edit_distance("a", "abcdefgh", 3), 4u);
    EXPECT_EQ(edit_distance("", "abc", 1), 2u);
    EXPECT_EQ(edit_distance("abc", "abd", 0), 1u);
}

TEST(EditDistance, IsTheSameUnderEveryLimit) {
    const std::vector<std::string> words = {"buyer",    "byuer", "ubyer",    "approver", "aprpover",
                                            "apporvre", "xbuy",  "abcdefgh", "badcfehg", ""};
    for (const auto& a : words) {
        for (const auto& b : words) {
            const std::size_t distance = edit_distance(a, b, 100);
            for (std::size_t limit = 0; limit < 10; ++limit) {
                EXPECT_EQ(edit_distance(a, b, limit), std::min(distance, limit + 1)) << a << " " << b << " " << limit;
            }
        }
    }
}

TEST(EditDistance, CountsEachKindOfEditOnce) {
    EXPECT_EQ(edit_distance("buyer", "buyer", 9), 0u);
    EXPECT_EQ(edit_distance("buyer", "byer", 9), 1u);
    EXPECT_EQ(edit_distance("buyer", "buyyer", 9), 1u);
    EXPECT_EQ(edit_distance("buyer", "buzer", 9), 1u);
    EXPECT_EQ(edit_distance("buyer", "buyre", 9), 1u);
    EXPECT_EQ(edit_distance("", "abc", 9), 3u);
}

TEST(EditDistance, IgnoresAsciiCase) {
    EXPECT_EQ(edit_distance("BUYER", "buyer", 9), 0u);
    EXPECT_EQ(edit_distance("BYUER", "buyer", 9), 1u);
}

TEST(EditDistance, IsOptimalStringAlignment) {
    // Damerau's unrestricted distance would be 2.
    EXPECT_EQ(edit_distance("CA", "ABC", 9), 3u);
    EXPECT_EQ(edit_distance("roles", "r\u00f4les", 9), 1u);
    EXPECT_EQ(edit_distance("addR\u043el\u0435s", "addRoles", 2), 2u);
    EXPECT_EQ(edit_distance("add\u200bRoles", "addRoles", 2), 1u);
    EXPECT_EQ(edit_distance("\u00e4\u00f6", "\u00f6\u00e4", 2), 1u);
    EXPECT_EQ(edit_distance("\x80\xbf", "", 9), 1u);
    EXPECT_EQ(edit_distance("kitten", "sitting", 9), 3u);
}

TEST(EditDistance, IsSymmetric) {
    const std::vector<std::string> words = {"", "a", "ab", "ba", "buyer", "byuer", "approver", "aprover", "xyz"};
    for (const auto& a : words) {
        for (const auto& b : words) {
            EXPECT_EQ(edit_distance(a, b, 20), edit_distance(b, a, 20)) << a << " " << b;
        }
    }
}

TEST(Shorten, LeavesShortTexts) {
    EXPECT_EQ(shorten("", 0), "");
    EXPECT_EQ(shorten("abc", 3), "abc");
}

TEST(Shorten, CutsAtACharacterBoundary) {
    EXPECT_EQ(shorten("abcd", 3), "abc…");
    EXPECT_EQ(shorten("aéé", 2), "a…");
    EXPECT_EQ(shorten("aéé", 3), "aé…");
    EXPECT_EQ(shorten("😀😀", 7), "😀…");
    EXPECT_EQ(shorten("😀", 3), "…");
}

TEST(ReadCell, KeepsWhatIsEmpty) {
    std::string_view text = "left";
    EXPECT_EQ(read_cell("", text), CellMeaning::keep);
    EXPECT_EQ(text, "");
}

TEST(ReadCell, ClearsByTheExactWordOnly) {
    std::string_view text;
    EXPECT_EQ(read_cell("_EMPTY_VALUE_", text), CellMeaning::clear);
    for (const std::string_view cell : {"_empty_value_", "_EMPTY_VALUE", " _EMPTY_VALUE_", "_EMPTY_VALUE_ ",
                                        "x_EMPTY_VALUE_", "_EMPTY_VALUE__EMPTY_VALUE_"}) {
        EXPECT_EQ(read_cell(cell, text), CellMeaning::text) << cell;
        EXPECT_EQ(text, cell);
    }
}

TEST(ReadCell, DropsOneBackslash) {
    std::string_view text;
    EXPECT_EQ(read_cell("\\_EMPTY_VALUE_", text), CellMeaning::text);
    EXPECT_EQ(text, "_EMPTY_VALUE_");
    EXPECT_EQ(read_cell("\\\\\\_EMPTY_VALUE_", text), CellMeaning::text);
    EXPECT_EQ(text, "\\\\_EMPTY_VALUE_");
}

TEST(ReadCell, LeavesOtherBackslashes) {
    std::string_view text;
    for (const std::string_view cell : {"\\", "\\x", "\\\\", "\\x_EMPTY_VALUE_", "\\ _EMPTY_VALUE_"}) {
        EXPECT_EQ(read_cell(cell, text), CellMeaning::text);
        EXPECT_EQ(text, cell);
    }
}

TEST(NeedsEscape, IsTheInverseOfReadCell) {
    for (const std::string value : {"_EMPTY_VALUE_", "\\_EMPTY_VALUE_", "\\\\_EMPTY_VALUE_", "x", "\\", " ",
                                    "x_EMPTY_VALUE_", "_EMPTY_VALUE", "\\x_EMPTY_VALUE_"}) {
        const std::string cell = needs_escape(value) ? "\\" + value : value;
        std::string_view text;
        EXPECT_EQ(read_cell(cell, text), CellMeaning::text);
        EXPECT_EQ(text, value);
    }
    EXPECT_FALSE(needs_escape(""));
    EXPECT_FALSE(needs_escape("plain"));
}

}  // namespace
}  // namespace customer_import
