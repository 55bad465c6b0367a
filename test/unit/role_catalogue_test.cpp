#include "core/role_catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace customer_import {
namespace {

RoleCatalogue catalogue(const std::vector<std::string>& codes) {
    RoleCatalogue result;
    for (const std::string& code : codes) result.add(code);
    return result;
}

TEST(RoleCatalogue, FindsNothingElse) {
    const RoleCatalogue roles = catalogue({"buyer"});
    EXPECT_EQ(roles.find("byer"), "");
    EXPECT_EQ(roles.find(""), "");
    EXPECT_EQ(roles.find("buyer "), "");
    EXPECT_EQ(RoleCatalogue().find("buyer"), "");
}

TEST(RoleCatalogue, RefusesTheSameCodeInOtherCase) {
    RoleCatalogue roles;
    EXPECT_TRUE(roles.add("companyAdmin"));
    EXPECT_FALSE(roles.add("CompanyAdmin"));
    EXPECT_FALSE(roles.add("companyAdmin"));
    EXPECT_EQ(roles.size(), 1u);
    EXPECT_EQ(roles.find("COMPANYADMIN"), "companyAdmin");
}

TEST(RoleCatalogue, FindsTheSpelling) {
    const RoleCatalogue roles = catalogue({"Buyer", "companyAdmin", "a:b.c-d_1"});
    EXPECT_EQ(roles.find("buyer"), "Buyer");
    EXPECT_EQ(roles.find("companyadmin"), "companyAdmin");
    EXPECT_EQ(roles.find("A:B.C-D_1"), "a:b.c-d_1");
}

TEST(RoleCatalogue, ViewsStayValidWhenItGrows) {
    RoleCatalogue roles = catalogue({"buyer"});
    const std::string_view buyer = roles.find("buyer");
    for (int i = 0; i < 10000; ++i) roles.add("code" + std::to_string(i));
    EXPECT_EQ(buyer, "buyer");
    EXPECT_EQ(roles.find("buyer").data(), buyer.data());
}

TEST(RoleCatalogue, KnowsWhichCodesArePrivileged) {
    RoleCatalogue roles;
    roles.add("administrator", true);
    roles.add("buyer");
    EXPECT_TRUE(roles.is_privileged("administrator"));
    EXPECT_TRUE(roles.is_privileged("ADMINISTRATOR"));
    EXPECT_FALSE(roles.is_privileged("buyer"));
    EXPECT_FALSE(roles.is_privileged("nobody"));
}

TEST(RoleCatalogue, ListsAllCodes) {
    std::vector<std::string> codes = catalogue({"buyer", "Approver"}).codes();
    std::sort(codes.begin(), codes.end());
    EXPECT_EQ(codes, (std::vector<std::string>{"Approver", "buyer"}));
}

TEST(NearestCode, IsNoneWhenAllAreFar) {
    EXPECT_EQ(catalogue({"buyer", "approver"}).nearest("zzzzzz"), "");
    EXPECT_EQ(catalogue({"buyer"}).nearest(std::string(100000, 'b')), "");
    EXPECT_EQ(RoleCatalogue().nearest("buyer"), "");
}

TEST(NearestCode, AllowsAThirdOfTheLength) {
    const RoleCatalogue roles = catalogue({"abcdef"});
    EXPECT_EQ(roles.nearest("abcdxy"), "abcdef");  // 2 of 6
    EXPECT_EQ(roles.nearest("abcxyz"), "");        // 3 of 6
    EXPECT_EQ(roles.nearest("\u00e4bcd\u00e9f"), "abcdef");  // letters, not bytes
    EXPECT_EQ(catalogue({"ab"}).nearest("a\u00e4"), "ab");
    EXPECT_EQ(roles.nearest("\u00e4\u00f6\u00fcdef"), "");
    EXPECT_EQ(catalogue({"ab"}).nearest("xb"), "ab");  // at least 1
    EXPECT_EQ(catalogue({"abcde"}).nearest("abcxy"), "");  // 2 of 5
}

TEST(NearestCode, TakesTheSmallestDistance) {
    const RoleCatalogue roles = catalogue({"abcdefxy", "abcdefgx", "xbcdefgx"});
    EXPECT_EQ(roles.nearest("abcdefgh"), "abcdefgx");
}

TEST(NearestCode, TakesByteOrderOnATie) {
    EXPECT_EQ(catalogue({"buyer2", "buyer1", "buyer3"}).nearest("buyer"), "buyer1");
    EXPECT_EQ(catalogue({"b", "B1", "a"}).nearest("c"), "a");
}

TEST(NearestCode, IgnoresCaseAndCountsExchanges) {
    const RoleCatalogue roles = catalogue({"companyAdmin"});
    EXPECT_EQ(roles.nearest("COMPANYADMN"), "companyAdmin");
    EXPECT_EQ(catalogue({"abc"}).nearest("BAC"), "abc");
}

}  // namespace
}  // namespace customer_import
