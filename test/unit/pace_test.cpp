// What may take long is ended from outside: it calls a check, and an exception of the check ends it.
#include "core/pace.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/code_finder.h"
#include "core/grant_ceiling.h"
#include "core/role_catalog.h"
#include "core/role_set.h"

namespace customer_import {
namespace {

int asked = 0;
void count() { ++asked; }
struct Ended {};
void end() { throw Ended(); }

template <typename Body>
int questions(Body body) {
    asked = 0;
    body(count);
    EXPECT_THROW(body(end), Ended);
    return asked;
}

std::vector<std::string> descending(std::size_t count, const std::string& end = {}) {
    std::vector<std::string> codes;
    for (std::size_t n = 0; n < count; ++n) {
        codes.push_back(std::to_string(9000000 - n) + end);
    }
    return codes;
}

using Views = std::vector<std::string_view>;

TEST(Pace, AsksAfterStepsAndBytes) {
    EXPECT_GE(questions([](InterruptCheck check) {
                  Pace pace(check);
                  for (int step = 0; step < 100000; ++step) {
                      pace.step();
                  }
              }),
              10);
    EXPECT_GE(questions([](InterruptCheck check) {
                  Pace pace(check);
                  for (int step = 0; step < 100; ++step) {
                      pace.step(100000);
                  }
              }),
              10);
}

TEST(Pace, SplittingACell) {
    std::string cell;
    for (int code = 0; code < 500000; ++code) {
        cell += "a,";
    }
    EXPECT_GE(questions([&](InterruptCheck check) { split_role_cell(cell, check); }), 500);
}

TEST(Pace, SortingCodes) {
    const std::vector<std::string> codes = descending(100000);
    EXPECT_GE(questions([&](InterruptCheck check) { RoleSet(Views(codes.begin(), codes.end()), check); }), 100);
    const std::vector<std::string> sorted(codes.rbegin(), codes.rend());
    EXPECT_GE(questions([&](InterruptCheck check) { RoleSet(Views(sorted.begin(), sorted.end()), check); }), 10);
}

TEST(Pace, LookingForCodesInAnyCase) {
    const std::vector<std::string> codes = descending(50000, "x");
    const Views views(codes.begin(), codes.end());
    EXPECT_GE(questions([&](InterruptCheck check) { CodeFinder finder(views, check); }), 50);
    RoleCatalog catalog;
    const std::vector<std::string> nobody;
    EXPECT_GE(questions([&](InterruptCheck check) {
                  GrantCeiling(catalog, nobody, true, nullptr, check).check_change("u", views, Views());
              }),
              10);
}

TEST(Pace, LookingForTheNearestCode) {
    RoleCatalog catalog;
    for (const std::string& code : descending(20000)) {
        catalog.add(code);
    }
    int code = 0;  // another one each time, for answers are remembered
    EXPECT_GE(questions([&](InterruptCheck check) { catalog.nearest("9000x" + std::to_string(++code), check); }), 5);
}

TEST(CodeFinder, FindsInAnyCaseTheFirstSpelling) {
    const Views few{"b", "A", "a"};
    EXPECT_EQ(CodeFinder(few).find("a"), "A");
    EXPECT_EQ(CodeFinder(few).find("c"), "");
    std::vector<std::string> many = descending(100, "x");
    many.push_back("buyer");
    many.push_back("Buyer");
    const Views views(many.begin(), many.end());
    EXPECT_EQ(CodeFinder(views).find("BUYER"), "Buyer");
    EXPECT_EQ(CodeFinder(views).find("8999999X"), "8999999x");
    EXPECT_EQ(CodeFinder(views).find("buye"), "");
}

}  // namespace
}  // namespace customer_import
