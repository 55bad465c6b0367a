#include "core/user_name.h"

#include <gtest/gtest.h>
#include <utf8proc.h>

#include <random>
#include <string>
#include <vector>

#include "core/text.h"

namespace customer_import {
namespace {

using namespace std::string_view_literals;

std::string fold(std::string_view name) {
    std::string out = "left over";
    fold_user_name(name, out);
    return out;
}

std::string encode(utf8proc_int32_t c) {
    utf8proc_uint8_t bytes[4];
    return {reinterpret_cast<char*>(bytes), static_cast<std::size_t>(utf8proc_encode_char(c, bytes))};
}

TEST(FoldUserName, EmptiesWhatIsBlank) {
    EXPECT_EQ(fold(""), "");
    EXPECT_EQ(fold(" \t\r\n"), "");
    EXPECT_EQ(fold("\u00A0\u3000"), "");
}

TEST(FoldUserName, LowersAndTrimsAscii) {
    EXPECT_EQ(fold("  Ann.Smith@Example.COM\t"), "ann.smith@example.com");
    EXPECT_EQ(fold("A B"), "a b");
    EXPECT_EQ(fold("[\\]^_`{|}~@"), "[\\]^_`{|}~@");
}

TEST(FoldUserName, FoldsFully) {
    EXPECT_EQ(fold("Straße"), "strasse");
    EXPECT_EQ(fold("STRASSE"), "strasse");
    EXPECT_EQ(fold("ﬀ"), "ff");
    EXPECT_EQ(fold("ΣΊΣΥΦΟΣ"), fold("σίσυφος"));
    EXPECT_EQ(fold("\u212A"), "k");  // kelvin sign
    EXPECT_EQ(fold("Å"), "å");
}

TEST(FoldUserName, ComposesToNfc) {
    EXPECT_EQ(fold("e\u0301"), "é");
    EXPECT_EQ(fold("E\u0301"), "é");
    EXPECT_EQ(fold("\u1100\u1161"), "가");
    EXPECT_EQ(fold("a\u0323\u0307"), fold("a\u0307\u0323"));
}

TEST(FoldUserName, LeavesCompositionExclusionsDecomposed) { EXPECT_EQ(fold("\u0958"), "\u0915\u093C"); }

TEST(FoldUserName, FoldsCanonicallyEqualNamesAlike) {
    EXPECT_EQ(fold("\u03B1\u0345\u0301"), fold("\u03B1\u0301\u0345"));
    EXPECT_EQ(fold("\u1FB4"), fold("\u03B1\u0345\u0301"));
    EXPECT_EQ(fold("\u1E9B\u0323"), fold("\u017F\u0323\u0307"));
}

TEST(FoldUserName, KeepsDifferentNamesApart) {
    EXPECT_NE(fold("ann"), fold("аnn"));  // Cyrillic а
    EXPECT_NE(fold("é"), fold("e"));
    EXPECT_NE(fold("①"), fold("1"));  // no compatibility mapping
    EXPECT_NE(fold("a\u200Bb"), fold("ab"));
}

TEST(FoldUserName, TrimsWhiteSpaceOfUnicode) {
    EXPECT_EQ(fold("\u2003 Ann \u00A0"), "ann");
    EXPECT_EQ(fold("\u3000Jörg\u2028"), "jörg");
}

TEST(FoldUserName, LeavesWhatIsNoUtf8) { EXPECT_EQ(fold("Ann\xFF"), "Ann\xFF"); }

TEST(FoldUserName, OnlyTrimsWhatIsTooLong) {
    std::string marks = "A";
    for (int i = 0; i < 200000; ++i) {
        marks += i % 2 == 0 ? "\u0301" : "\u0323";
    }
    EXPECT_EQ(fold(" " + marks + " "), marks);
    EXPECT_EQ(fold(std::string(100000, 'A')), std::string(100000, 'a'));
}

TEST(FoldUserName, FoldsWhatMayBeAUserName) {
    std::string kelvin;
    for (std::size_t i = 0; i < kMaxUserNameBytes / 3; ++i) {
        kelvin += "\u212A";
    }
    EXPECT_EQ(fold(kelvin), std::string(kMaxUserNameBytes / 3, 'k'));
    kelvin += "\u212A";
    EXPECT_EQ(fold(kelvin), kelvin);
}

// By the library, composed first and then folded until nothing changes.
std::string fold_by_utf8proc(const std::string& name) {
    const auto map = [](const std::string& text, int options) {
        utf8proc_uint8_t* mapped = nullptr;
        utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                     &mapped, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | options));
        std::string result = reinterpret_cast<char*>(mapped);
        free(mapped);
        return result;
    };
    std::string current, next = map(name, 0);
    while (current != next) {
        current = next;
        next = map(current, UTF8PROC_CASEFOLD);
    }
    return current;
}

TEST(FoldUserName, FoldsLatinLettersAsTheLibraryDoes) {
    std::vector<std::string> parts = {"\u0301", "\u0307", "\u030C", "\u0327", "\u0345", "\u0250", "\u00BF", "\u1E9E"};
    for (utf8proc_int32_t c = 0xC0; c <= 0x24F; ++c) {
        parts.push_back(encode(c));
    }
    for (char c = '!'; c <= '~'; ++c) {
        parts.push_back(std::string(1, c));
    }
    for (const std::string& a : parts) {
        for (const std::string& b : parts) {
            ASSERT_EQ(fold(a + b), fold_by_utf8proc(a + b)) << a << b;
        }
    }
}

TEST(FoldUserName, LeavesLatinLettersThatAreCutOff) {
    EXPECT_EQ(fold("J\xC3"), "J\xC3");
    EXPECT_EQ(fold("J\xC3R"), "J\xC3R");
    EXPECT_EQ(fold("\xC8\xC3\xA9"), "\xC8\xC3\xA9");
}

TEST(FoldUserName, IsIdempotentForEveryCodePoint) {
    for (utf8proc_int32_t c = 1; c <= 0x10FFFF; ++c) {
        if (c == 0xD800) {
            c = 0xE000;
        }
        for (const std::string& name : {encode(c), "A" + encode(c), encode(c) + "Z"}) {
            const std::string once = fold(name);
            ASSERT_EQ(fold(once), once) << c;
            ASSERT_EQ(find_invalid_utf8(once), std::string_view::npos) << c;
        }
    }
}

TEST(FoldUserName, FoldsCaseVariantsOfEveryCodePointAlike) {
    for (utf8proc_int32_t c = 1; c <= 0x10FFFF; ++c) {
        if (c == 0xD800) {
            c = 0xE000;
        }
        // Simple lower and upper case, where they fold back: dotless i and a few titlecase letters do not.
        const utf8proc_int32_t lower = utf8proc_tolower(c);
        if (utf8proc_toupper(lower) != c) {
            continue;
        }
        ASSERT_EQ(fold(encode(c)), fold(encode(lower))) << c;
    }
}

TEST(FoldUserName, IsIdempotentForPairsOfWhatFoldsOrCombines) {
    std::vector<std::string> parts;
    for (utf8proc_int32_t c = 0x80; c < 0x30000; ++c) {
        if (c == 0xD800) {
            c = 0xE000;
        }
        const utf8proc_property_t* property = utf8proc_get_property(c);
        const bool combines = property->combining_class != 0 && c < 0x0370;
        const bool folds = fold(encode(c)) != encode(c);
        if (combines || (folds && c < 0x2200)) {
            parts.push_back(encode(c));
        }
    }
    ASSERT_GT(parts.size(), 1000u);
    for (const std::string& a : parts) {
        for (const std::string& b : parts) {
            const std::string once = fold(a + b);
            ASSERT_EQ(fold(once), once) << a << b;
        }
    }
}

TEST(FoldUserName, IsIdempotentForRandomNames) {
    std::mt19937 random(1);
    std::uniform_int_distribution<utf8proc_int32_t> any(1, 0x10FFFF);
    std::uniform_int_distribution<utf8proc_int32_t> near(0x80, 0x24FF);
    for (int i = 0; i < 100000; ++i) {
        std::string name;
        for (std::size_t length = 1 + random() % 8; length > 0; --length) {
            const utf8proc_int32_t c = random() % 4 == 0 ? any(random) : near(random);
            if (utf8proc_codepoint_valid(c)) {
                name += encode(c);
            }
        }
        const std::string once = fold(name);
        ASSERT_EQ(fold(once), once) << name;
    }
}

TEST(CheckUserName, FindsMissingNames) { EXPECT_EQ(check_user_name(""), UserNameFault::missing); }

TEST(CheckUserName, FindsLongNames) {
    EXPECT_EQ(check_user_name(std::string(kMaxUserNameBytes + 1, 'a')), UserNameFault::too_long);
    EXPECT_EQ(check_user_name(std::string(kMaxUserNameBytes, 'a')), UserNameFault::none);
    std::string wide;
    for (std::size_t i = 0; i < kMaxUserNameBytes / 2; ++i) {
        wide += "é";
    }
    EXPECT_EQ(check_user_name(wide), UserNameFault::none);
    EXPECT_EQ(check_user_name(wide + "é"), UserNameFault::too_long);
}

TEST(CheckUserName, FindsControlCharacters) {
    for (utf8proc_int32_t c = 0; c < 0x100; ++c) {
        const bool control = c < 0x20 || (c >= 0x7F && c <= 0x9F);
        EXPECT_EQ(check_user_name("a" + encode(c) + "b"),
                  control ? UserNameFault::control_character : UserNameFault::none)
            << c;
    }
}

TEST(IsUserName, RefusesWhatIsNotFolded) {
    for (const std::string_view name : {"Ann", " ann", "ann ", "\u00A0ann", "Jörg", "jo\u0308rg", "straße"}) {
        EXPECT_FALSE(is_user_name(name)) << name;
    }
}

TEST(IsUserName, RefusesFaultyNames) {
    for (const std::string_view name : {""sv, "a\tb"sv, "a\0b"sv, "a\xFF"sv, "\xC3"sv}) {
        EXPECT_FALSE(is_user_name(name));
    }
    EXPECT_FALSE(is_user_name(std::string(321, 'a')));
}

TEST(IsUserName, TakesFoldedNames) {
    for (const std::string_view name : {"a", "ann@example.com", "jörg müller", "σίσυφοσ", "李"}) {
        EXPECT_TRUE(is_user_name(name)) << name;
    }
    EXPECT_TRUE(is_user_name(std::string(320, 'a')));
}

}  // namespace
}  // namespace customer_import
