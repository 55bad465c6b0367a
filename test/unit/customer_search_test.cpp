#include "core/customer_search.h"

#include <gtest/gtest.h>

#include <string>

namespace customer_import {
namespace {

const SearchedCustomer kAnn = {"ann.lee@example.com", "Ann@Shop.example", "Ann", "van der Lee", "Łódź & Söhne"};

TEST(CustomerSearch, FindsNothingElse) {
    EXPECT_EQ(search_rank("bob", kAnn), std::nullopt);
    EXPECT_EQ(search_rank("Ann", kAnn), std::nullopt);  // a query comes folded
    EXPECT_EQ(search_rank("com\nann", kAnn), std::nullopt);
    EXPECT_EQ(search_rank("x", SearchedCustomer{}), std::nullopt);
}

TEST(CustomerSearch, RanksUserNameFirst) {
    EXPECT_EQ(search_rank("ann.lee@example.com", kAnn), SearchRank::user_name);
    EXPECT_EQ(search_rank("ann.", kAnn), SearchRank::user_name_begins);
    EXPECT_EQ(search_rank("ann@", kAnn), SearchRank::other_begins);
    EXPECT_EQ(search_rank("ann v", kAnn), SearchRank::other_begins);
    EXPECT_EQ(search_rank("van der", kAnn), SearchRank::other_begins);
    EXPECT_EQ(search_rank("\xc5\x82\xc3\xb3", kAnn), SearchRank::other_begins);
    EXPECT_EQ(search_rank("lee@", kAnn), SearchRank::inside);
    EXPECT_EQ(search_rank("nn van", kAnn), SearchRank::inside);
    EXPECT_EQ(search_rank("s\xc3\xb6hne", kAnn), SearchRank::inside);
    EXPECT_EQ(search_rank("", kAnn), SearchRank::user_name_begins);
}

TEST(CustomerSearch, TextIsALineForEachThatIsThere) {
    EXPECT_EQ(search_text(kAnn),
              "ann.lee@example.com\nann@shop.example\nann van der lee\n\xc5\x82\xc3\xb3\x64\xc5\xba & s\xc3\xb6hne");
    EXPECT_EQ(search_text({"bob", "", "", "Lee", ""}), "bob\nlee");
    EXPECT_EQ(search_text({"", "", "Bob", "", "Acme"}), "bob\nacme");
    EXPECT_EQ(search_text({}), "");
}

TEST(CustomerSearch, PatternTakesWildcardsLiterally) {
    EXPECT_EQ(like_pattern("50%_\\ off"), "%50\\%\\_\\\\ off%");
    EXPECT_EQ(like_pattern(""), "%%");
}

TEST(CustomerSearch, TrigramNeedsThreeLettersInARow) {
    EXPECT_FALSE(has_trigram(""));
    EXPECT_FALSE(has_trigram("ab"));
    EXPECT_FALSE(has_trigram("ab-cd.ef"));
    EXPECT_FALSE(has_trigram("\xe7\x8e\x8b\xe8\x8a\xb3"));  // two characters of three bytes
    EXPECT_TRUE(has_trigram("\xe7\x8e\x8b\xe8\x8a\xb3\xe8\x8a\xb3"));
    EXPECT_TRUE(has_trigram("ab-cd1"));
}

}  // namespace
}  // namespace customer_import
