#include "core/code_distance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "core/text.h"

namespace customer_import {
namespace {

std::string random_text(std::mt19937& random, std::string_view alphabet, std::size_t length) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i) {
        text += alphabet[random() % alphabet.size()];
    }
    return text;
}

// A text some edits away: letters that go, come, change, change places, and some that are not ASCII.
std::string edited(std::mt19937& random, std::string text, int edits) {
    for (; edits > 0; --edits) {
        const std::size_t place = random() % (text.size() + 1);
        switch (random() % 5) {
            case 0: text.erase(place, 1); break;
            case 1: text.insert(place, 1, 'b'); break;
            case 2: text.insert(place, 1, '?'); break;
            case 3:
                if (place < text.size()) {
                    text[place] = 'C';
                }
                break;
            default:
                if (place + 1 < text.size()) {
                    std::swap(text[place], text[place + 1]);
                }
                break;
        }
    }
    for (std::size_t place; (place = text.find('?')) != std::string::npos;) {
        text.replace(place, 1, "\u00e4");
    }
    return text;
}

TEST(CodeDistance, IsTheEditDistance) {
    std::mt19937 random(7);
    for (const std::string_view alphabet : {"ab", "abcdefghij", "abcdefghijklmnopqrstuvwxyz0123456789_.:-"}) {
        for (int round = 0; round < 1000; ++round) {
            const std::string code = random_text(random, alphabet, random() % 70);
            const std::string other = round % 2 == 0 ? edited(random, code, static_cast<int>(random() % 12))
                                                     : random_text(random, alphabet, random() % 100);
            const std::size_t limit = random() % 40;
            const CodeDistance distance(other);
            EXPECT_EQ(distance.to(code, limit), edit_distance(other, code, limit))
                << other << " " << code << " " << limit;
            EXPECT_TRUE(distance.counts().may_be_within(edit_distance(other, code, 1000), LetterCounts(code)))
                << other << " " << code;
        }
    }
}

TEST(CodeDistance, HoldsAtTheEdgesOfAWord) {
    for (const std::size_t length : {0, 1, 2, 62, 63, 64, 65, 66, 128, 200}) {
        for (const std::size_t other : {0, 1, 63, 64, 65, 129}) {
            const std::string a(length, 'a'), b(other, 'a');
            const std::string c = std::string(other, 'a') + "b";
            EXPECT_EQ(CodeDistance(a).to(b, 300), edit_distance(a, b, 300)) << length << " " << other;
            EXPECT_EQ(CodeDistance(a).to(c, 300), edit_distance(a, c, 300)) << length << " " << other;
        }
    }
}

TEST(CodeDistance, CountsLettersWhateverTheirCase) {
    EXPECT_EQ(CodeDistance("B\u00fcYER").letters(), 5u);
    EXPECT_EQ(CodeDistance("BYUER").to("buyer", 9), 1u);
}

TEST(LetterCounts, TellFarTextsApart) {
    EXPECT_FALSE(LetterCounts("abc").may_be_within(2, LetterCounts("efg")));
    EXPECT_FALSE(LetterCounts("aaa").may_be_within(1, LetterCounts("abb")));
    EXPECT_FALSE(LetterCounts("a").may_be_within(1, LetterCounts("aaa")));
    EXPECT_TRUE(LetterCounts("aab").may_be_within(2, LetterCounts("cb")));
    EXPECT_TRUE(LetterCounts(std::string(300, 'a')).may_be_within(0, LetterCounts(std::string(300, 'a'))));
}

}  // namespace
}  // namespace customer_import
