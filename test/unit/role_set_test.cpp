#include "core/role_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace customer_import {
namespace {

using Codes = std::vector<std::string_view>;

RoleSet role_set(const Codes& codes) { return RoleSet(codes); }

TEST(RoleSet, DropsEmptyCodesAndRepeats) {
    EXPECT_EQ(role_set({"", "b", "a", "", "b", "a"}).codes(), (Codes{"a", "b"}));
    EXPECT_TRUE(role_set({"", ""}).empty());
    EXPECT_TRUE(role_set({}).empty());
}

TEST(RoleSet, SortsInByteOrder) {
    EXPECT_EQ(role_set({"b", "a", "B", "\xC3\xA9", "10", "9", "aa"}).codes(),
              (Codes{"10", "9", "B", "a", "aa", "b", "\xC3\xA9"}));
}

TEST(RoleSet, TakesSortedCodesAsTheyAre) { EXPECT_EQ(role_set({"a", "b", "c"}).codes(), (Codes{"a", "b", "c"})); }

TEST(RoleSet, ContainsIsExact) {
    const RoleSet roles = role_set({"buyer", "approver"});
    EXPECT_FALSE(roles.contains(""));
    EXPECT_FALSE(roles.contains("Buyer"));
    EXPECT_FALSE(roles.contains("buye"));
    EXPECT_TRUE(roles.contains("buyer"));
    EXPECT_TRUE(roles.contains("approver"));
}

TEST(RoleSet, IsCanonicalFindsEveryFlaw) {
    const auto canonical = [](const Codes& codes) { return RoleSet::is_canonical(codes.data(), codes.size()); };
    EXPECT_FALSE(canonical({""}));
    EXPECT_FALSE(canonical({"", "a"}));
    EXPECT_FALSE(canonical({"b", "a"}));
    EXPECT_FALSE(canonical({"a", "a"}));
    EXPECT_FALSE(canonical({"a", "c", "b"}));
    EXPECT_TRUE(canonical({}));
    EXPECT_TRUE(canonical({"a"}));
    EXPECT_TRUE(canonical({"A", "a", "aa"}));
}

TEST(RoleSet, AlgebraOfEmptySets) {
    const RoleSet none;
    const RoleSet some = role_set({"a", "b"});
    EXPECT_EQ((none | some).codes(), some.codes());
    EXPECT_EQ((some | none).codes(), some.codes());
    EXPECT_EQ((some - none).codes(), some.codes());
    EXPECT_TRUE((none - some).empty());
    EXPECT_TRUE((none & some).empty());
    EXPECT_TRUE((some - some).empty());
    EXPECT_EQ((some & some).codes(), some.codes());
}

TEST(RoleSet, ComparesByContents) {
    EXPECT_TRUE(role_set({"b", "a"}) == role_set({"a", "b", "b"}));
    EXPECT_FALSE(role_set({"a"}) == role_set({"A"}));
}

TEST(RoleSet, AlgebraAgreesWithStdSet) {
    std::mt19937 random(2);
    std::vector<std::string> alphabet;
    for (int i = 0; i < 12; ++i) {
        alphabet.push_back(std::string(1 + i % 3, static_cast<char>('a' + i)));
    }
    for (int round = 0; round < 5000; ++round) {
        Codes a(random() % 9);
        Codes b(random() % 9);
        for (auto& code : a) {
            code = alphabet[random() % alphabet.size()];
        }
        for (auto& code : b) {
            code = alphabet[random() % alphabet.size()];
        }
        const std::set<std::string_view> sa(a.begin(), a.end());
        const std::set<std::string_view> sb(b.begin(), b.end());
        Codes expected;
        std::set_union(sa.begin(), sa.end(), sb.begin(), sb.end(), std::back_inserter(expected));
        ASSERT_EQ((role_set(a) | role_set(b)).codes(), expected);
        expected.clear();
        std::set_difference(sa.begin(), sa.end(), sb.begin(), sb.end(), std::back_inserter(expected));
        ASSERT_EQ((role_set(a) - role_set(b)).codes(), expected);
        expected.clear();
        std::set_intersection(sa.begin(), sa.end(), sb.begin(), sb.end(), std::back_inserter(expected));
        ASSERT_EQ((role_set(a) & role_set(b)).codes(), expected);
        for (const auto& code : alphabet) {
            ASSERT_EQ(role_set(a).contains(code), sa.contains(code));
        }
    }
}

TEST(SplitRoleCell, FindsNothingInSeparators) {
    for (const std::string_view cell : {"", " ", ",", ";;|", " , ; \r\n \u00A0|"}) {
        EXPECT_TRUE(split_role_cell(cell).empty()) << cell;
    }
}

TEST(SplitRoleCell, SplitsAtEverySeparator) {
    EXPECT_EQ(split_role_cell("a,b;c|d\ne\rf\r\ng"), (Codes{"a", "b", "c", "d", "e", "f", "g"}));
    EXPECT_EQ(split_role_cell("a b\tc"), (Codes{"a b\tc"}));
}

TEST(SplitRoleCell, TrimsCodes) { EXPECT_EQ(split_role_cell("  a ,\u00A0b\u3000;\tc"), (Codes{"a", "b", "c"})); }

TEST(SplitRoleCell, DropsExactRepeatsAndKeepsTheOrder) {
    EXPECT_EQ(split_role_cell("b,a,B,b, a ,c"), (Codes{"b", "a", "B", "c"}));
}

TEST(SplitRoleCell, ViewsTheCell) {
    const std::string cell = "x, yy ,z";
    const Codes codes = split_role_cell(cell);
    ASSERT_EQ(codes.size(), 3u);
    EXPECT_EQ(codes[1].data(), cell.data() + 3);
}

TEST(SplitRoleCell, StaysFastForManyCodes) {
    std::string cell;
    for (int i = 0; i < 200000; ++i) {
        cell += std::to_string(i % 100000) + ",";
    }
    EXPECT_EQ(split_role_cell(cell).size(), 100000u);
}

TEST(IsRoleCode, RefusesOtherCharactersAndLengths) {
    for (const std::string_view code : {"", " ", "a b", "a,b", "é", "a/b", "a@b", "a\n", "\"a\""}) {
        EXPECT_FALSE(is_role_code(code)) << code;
    }
    EXPECT_FALSE(is_role_code(std::string(64, 'a')));
    EXPECT_FALSE(is_role_code(std::string_view("a\0", 2)));
}

TEST(IsRoleCode, TakesExactlyTheCharactersOfThePattern) {
    const std::string allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-";
    for (int c = 0; c < 256; ++c) {
        const std::string code(1, static_cast<char>(c));
        EXPECT_EQ(is_role_code(code), allowed.find(code) != std::string::npos) << c;
    }
    EXPECT_TRUE(is_role_code(std::string(63, 'a')));
}

}  // namespace
}  // namespace customer_import
