#include "core/encoding_evidence.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

namespace customer_import {
namespace {

using namespace std::string_literals;

// Fed in chunks of each size, which must not matter.
template <typename Evidence, typename Answer>
auto in_chunks(std::string_view text, const Answer& answer) {
    const auto fed = [&](std::size_t size) {
        Evidence evidence;
        for (std::size_t at = 0; at < text.size(); at += size) {
            evidence.see(text.substr(at, size));
        }
        return answer(evidence);
    };
    const auto whole = fed(text.size() + 1);
    for (const std::size_t size : {1, 2, 3, 5, 7}) {
        EXPECT_EQ(fed(size), whole) << size;
    }
    return whole;
}

std::string likely(std::string_view text) {
    return in_chunks<EncodingEvidence>(
        text, [](EncodingEvidence& evidence) { return std::string(evidence.likely_encoding().value_or("none")); });
}

bool is_utf8(std::string_view text, std::int64_t least = 1) {
    return in_chunks<Utf8Evidence>(text, [&](const Utf8Evidence& evidence) { return evidence.is_utf8(least); });
}

TEST(EncodingEvidence, KnowsTheLettersOfWin1252) {
    for (const std::string text : {"k1;J\xFCrgen"s, "M\xFCller,Jos\xE9\nRen\xE9e,\xC4pfel\n"s, "M\xDCLLER"s,
                                   "S\xC3O JO\xC3O"s, "CAF\xC9"s, "\x84Zitat\x93 L\xF6we"s,
                                   "O\x92"
                                   "Brien"s,
                                   "Hans\xA0M\xFCller"s,
                                   "Stra\xDF"
                                   "e"s,
                                   "\xD8rsted,\xC5se"s}) {
        EXPECT_EQ(likely(text), "WIN1252") << text;
    }
}

TEST(EncodingEvidence, KnowsThoseOfOldSystems) {
    EXPECT_EQ(likely("M\x9Fller,Ren\x8E,\x80pfel\n"), "MACINTOSH");
    EXPECT_EQ(likely("Espa\x96"
                     "a,Fran\x8D"
                     "ois\n"),
              "MACINTOSH");
    EXPECT_EQ(likely("M\x81ller,Ren\x82,\x8Epfel\n"), "CP850");
    EXPECT_EQ(likely("L\x94we,J\x84ger\n"), "CP850");
}

TEST(EncodingEvidence, SaysNothingOfUtf8) {
    EXPECT_EQ(likely(""), "none");
    EXPECT_EQ(likely("plain ASCII,only\n"), "none");
    EXPECT_EQ(likely("M\xC3\xBCller,Jos\xC3\xA9,\xE2\x82\xAC,\xF0\x9F\x98\x80\n"), "none");
    EXPECT_EQ(likely(std::string(5000, 'x') + "M\xC3\xBCller"), "none");
}

TEST(EncodingEvidence, SaysNothingOfAFewBrokenBytes) {
    // One record of another encoding among others that are in UTF-8.
    EXPECT_EQ(likely("M\xC3\xBCller\nJos\xC3\xA9\nM\xFCller\n"), "none");
    // Characters that were cut off.
    for (const std::string text :
         {"a\xC3"s, "\xC3"s, "a\xE2\x82,x"s, ",\xE2\x82"s, "\xF0\x9F\x98,"s, "\xC0\xAF"s, "a\xFF,\xFF"s,
          "a\x80"
          "b"s}) {
        EXPECT_EQ(likely(text), "none") << text;
    }
}

TEST(EncodingEvidence, SaysNothingOfOtherAlphabets) {
    EXPECT_EQ(likely("\xC8\xE2\xE0\xED,\xCF\xE5\xF2\xF0\xEE\xE2\xE0\n"), "none");      // WIN1251
    EXPECT_EQ(likely("\x8E\x52\x93\x63,\x97\xE9\x96\xD8\x88\xEA\x98\x59\n"), "none");  // SJIS
    EXPECT_EQ(likely("\xD5\xC5\xCE\xB0\xC0\xEE\xC4\xC8\n"), "none");                   // GBK
}

TEST(EncodingEvidence, SaysItAsAWarning) {
    EXPECT_EQ(describe_likely_encoding("WIN1252"),
              "the file looks like WIN1252 (Excel): import it with encoding => 'WIN1252'");
    EXPECT_EQ(describe_likely_encoding("MACINTOSH").substr(0, kLikelyEncoding.size()), kLikelyEncoding);
}

TEST(Utf8Evidence, IsUtf8WithCharactersOfSeveralBytesAlone) {
    EXPECT_TRUE(is_utf8("M\xC3\xBCller"));
    EXPECT_TRUE(is_utf8("a,\xE2\x82\xAC\n\xF0\x9F\x98\x80\n"));
    EXPECT_FALSE(is_utf8(""));
    EXPECT_FALSE(is_utf8("Mueller"));
    EXPECT_FALSE(is_utf8("M\xFCller"));
    EXPECT_FALSE(is_utf8("M\xC3\xBCller,M\xFCller"));
    EXPECT_FALSE(is_utf8("M\xC3\xBCller\xC3"));
    EXPECT_FALSE(is_utf8("\xE2\x82"));
    EXPECT_FALSE(is_utf8("M\xC3\xBCller \xE2\x82 x"));
}

TEST(Utf8Evidence, CountsThem) {
    EXPECT_TRUE(is_utf8("\xC3\xBC\xC3\xBC\xC3\xBC", 3));
    EXPECT_FALSE(is_utf8("\xC3\xBC\xC3\xBC\xC3\xBC", 4));
}

}  // namespace
}  // namespace customer_import
