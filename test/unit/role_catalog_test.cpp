#include "core/role_catalog.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace customer_import {
namespace {

RoleCatalog catalog(const std::vector<std::string>& codes) {
    RoleCatalog result;
    for (const std::string& code : codes) {
        result.add(code);
    }
    return result;
}

TEST(RoleCatalog, FindsNothingElse) {
    const RoleCatalog roles = catalog({"buyer"});
    EXPECT_EQ(roles.find("byer"), "");
    EXPECT_EQ(roles.find(""), "");
    EXPECT_EQ(roles.find("buyer "), "");
    EXPECT_EQ(RoleCatalog().find("buyer"), "");
}

TEST(RoleCatalog, RefusesTheSameCodeInOtherCase) {
    RoleCatalog roles;
    EXPECT_TRUE(roles.add("companyAdmin"));
    EXPECT_FALSE(roles.add("CompanyAdmin"));
    EXPECT_FALSE(roles.add("companyAdmin"));
    EXPECT_EQ(roles.size(), 1u);
    EXPECT_EQ(roles.find("COMPANYADMIN"), "companyAdmin");
}

TEST(RoleCatalog, FindsTheSpelling) {
    const RoleCatalog roles = catalog({"Buyer", "companyAdmin", "a:b.c-d_1"});
    EXPECT_EQ(roles.find("buyer"), "Buyer");
    EXPECT_EQ(roles.find("companyadmin"), "companyAdmin");
    EXPECT_EQ(roles.find("A:B.C-D_1"), "a:b.c-d_1");
}

TEST(RoleCatalog, ViewsStayValidWhenItGrows) {
    RoleCatalog roles = catalog({"buyer"});
    const std::string_view buyer = roles.find("buyer");
    for (int i = 0; i < 10000; ++i) {
        roles.add("code" + std::to_string(i));
    }
    EXPECT_EQ(buyer, "buyer");
    EXPECT_EQ(roles.find("buyer").data(), buyer.data());
}

TEST(RoleCatalog, KnowsWhichCodesArePrivileged) {
    RoleCatalog roles;
    roles.add("administrator", true);
    roles.add("buyer");
    EXPECT_TRUE(roles.is_privileged("administrator"));
    EXPECT_TRUE(roles.is_privileged("ADMINISTRATOR"));
    EXPECT_FALSE(roles.is_privileged("buyer"));
    EXPECT_FALSE(roles.is_privileged("nobody"));
}

TEST(RoleCatalog, ACopyStandsAlone) {
    auto roles = std::make_unique<RoleCatalog>(catalog({"Buyer"}));
    roles->add("administrator", true);
    const RoleCatalog copy(*roles);
    roles.reset();
    EXPECT_EQ(copy.find("buyer"), "Buyer");
    EXPECT_TRUE(copy.is_privileged("Administrator"));
    EXPECT_EQ(copy.nearest("byer"), "Buyer");
}

TEST(RoleCatalog, ListsAllCodes) {
    std::vector<std::string> codes = catalog({"buyer", "Approver"}).codes();
    std::sort(codes.begin(), codes.end());
    EXPECT_EQ(codes, (std::vector<std::string>{"Approver", "buyer"}));
}

TEST(NearestCode, IsNoneWhenAllAreFar) {
    EXPECT_EQ(catalog({"buyer", "approver"}).nearest("zzzzzz"), "");
    EXPECT_EQ(catalog({"buyer"}).nearest(std::string(100000, 'b')), "");
    EXPECT_EQ(RoleCatalog().nearest("buyer"), "");
}

TEST(NearestCode, AllowsAThirdOfTheLength) {
    const RoleCatalog roles = catalog({"abcdef"});
    EXPECT_EQ(roles.nearest("abcdxy"), "abcdef");            // 2 of 6
    EXPECT_EQ(roles.nearest("abcxyz"), "");                  // 3 of 6
    EXPECT_EQ(roles.nearest("\u00e4bcd\u00e9f"), "abcdef");  // letters, not bytes
    EXPECT_EQ(catalog({"ab"}).nearest("a\u00e4"), "ab");
    EXPECT_EQ(roles.nearest("\u00e4\u00f6\u00fcdef"), "");
    EXPECT_EQ(catalog({"ab"}).nearest("xb"), "ab");      // at least 1
    EXPECT_EQ(catalog({"abcde"}).nearest("abcxy"), "");  // 2 of 5
}

TEST(NearestCode, TakesTheSmallestDistance) {
    const RoleCatalog roles = catalog({"abcdefxy", "abcdefgx", "xbcdefgx"});
    EXPECT_EQ(roles.nearest("abcdefgh"), "abcdefgx");
}

TEST(NearestCode, TakesByteOrderOnATie) {
    EXPECT_EQ(catalog({"buyer2", "buyer1", "buyer3"}).nearest("buyer"), "buyer1");
    EXPECT_EQ(catalog({"b", "B1", "a"}).nearest("c"), "a");
}

TEST(NearestCode, IgnoresCaseAndCountsExchanges) {
    const RoleCatalog roles = catalog({"companyAdmin"});
    EXPECT_EQ(roles.nearest("COMPANYADMN"), "companyAdmin");
    EXPECT_EQ(catalog({"abc"}).nearest("BAC"), "abc");
}

// By its definition: each code compared, to the end.
std::string_view plainly_nearest(const std::vector<std::string>& codes, std::string_view code, std::size_t letters) {
    const std::size_t limit = std::max<std::size_t>(1, letters / 3);
    std::string_view nearest;
    std::size_t nearest_distance = limit;
    for (const std::string& other : codes) {
        const std::size_t distance = edit_distance(code, other, limit);
        if (distance > nearest_distance) {
            continue;
        }
        if (nearest.empty() || distance < nearest_distance || other < nearest) {
            nearest = other;
        }
        nearest_distance = distance;
    }
    return nearest;
}

TEST(NearestCode, IsWhatComparingWithAllWouldGive) {
    std::mt19937 random(11);
    for (const std::string_view alphabet : {"aB", "abcdeABCDE", "abcdefghijklmnopqrstuvwxyz0123456789_.:-"}) {
        const auto text = [&](std::size_t length) {
            std::string result;
            for (std::size_t i = 0; i < length; ++i) {
                result += alphabet[random() % alphabet.size()];
            }
            return result;
        };
        for (int round = 0; round < 20; ++round) {
            RoleCatalog roles;
            const std::size_t common = random() % 30;  // a beginning that all share
            const std::string beginning = text(common);
            for (int i = 0; i < 30; ++i) {
                roles.add(beginning + text(1 + random() % (63 - common)));
            }
            const std::vector<std::string> codes = roles.codes();
            for (int i = 0; i < 30; ++i) {
                std::string code = beginning + text(random() % 110);
                std::size_t letters = code.size();
                if (i % 3 == 0) {
                    code = codes[random() % codes.size()] + "\u00e4";
                    letters = code.size() - 1;
                }
                EXPECT_EQ(roles.nearest(code), plainly_nearest(codes, code, letters)) << code;
            }
        }
    }
}

TEST(NearestCode, IsForgottenWhenTheCatalogGrows) {
    RoleCatalog roles = catalog({"buyerxx"});
    EXPECT_EQ(roles.nearest("buyer12"), "buyerxx");
    EXPECT_EQ(roles.nearest("zzzzzzz"), "");
    roles.add("buyer1");
    roles.add("zzzzzzy");
    EXPECT_EQ(roles.nearest("buyer12"), "buyer1");
    EXPECT_EQ(roles.nearest("zzzzzzz"), "zzzzzzy");
}

}  // namespace
}  // namespace customer_import
