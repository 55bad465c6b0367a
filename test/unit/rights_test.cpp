#include "core/rights.h"

#include <gtest/gtest.h>

#include <bit>
#include <vector>

namespace customer_import {
namespace {

std::vector<std::string_view> combination(unsigned bits) {
    std::vector<std::string_view> codes;
    for (unsigned index = 0; index < std::size(kOperatorCodes); ++index) {
        if ((bits >> index & 1U) != 0) {
            codes.push_back(kOperatorCodes[index]);
        }
    }
    return codes;
}

int count_combinations(Right right) {
    int count = 0;
    for (unsigned bits = 0; bits < 64; ++bits) {
        count += Rights::of(combination(bits)).has(right) ? 1 : 0;
    }
    return count;
}

TEST(Rights, AreGivenByThisManyOfThe64Combinations) {
    EXPECT_EQ(count_combinations(Right::view_customers), 56);
    EXPECT_EQ(count_combinations(Right::edit_customers), 52);
    EXPECT_EQ(count_combinations(Right::import_customers), 49);
    EXPECT_EQ(count_combinations(Right::view_imports), 56);
    EXPECT_EQ(count_combinations(Right::administer), 48);
}

TEST(Rights, OfNobodyAreNone) {
    for (const Right right : kRights) {
        EXPECT_FALSE(Rights().has(right)) << right_name(right);
    }
}

TEST(Rights, OfADatabaseSuperuserAreAll) {
    for (const Right right : kRights) {
        EXPECT_TRUE(Rights::all().has(right)) << right_name(right);
    }
}

TEST(Rights, ComeFromEitherAdministratorCode) {
    for (const std::string_view code : {"administrator", "superuser"}) {
        const std::vector<std::string_view> codes = {code};
        for (const Right right : kRights) {
            EXPECT_TRUE(Rights::of(codes).has(right)) << code << " " << right_name(right);
        }
    }
}

TEST(Rights, DoNotComeFromOtherCodes) {
    const std::vector<std::string_view> codes = {"buyer", "Administrator", ""};
    for (const Right right : kRights) {
        EXPECT_FALSE(Rights::of(codes).has(right)) << right_name(right);
    }
}

TEST(Rights, NameWhatIsMissing) {
    const std::vector<std::string_view> view = {"customerView"};
    EXPECT_EQ(Rights::of(view).missing(Right::edit_customers), "customerEdit");
    EXPECT_EQ(Rights::of(view).missing(Right::import_customers), "customerEdit, importEdit and importView");
    EXPECT_EQ(Rights().missing(Right::edit_customers), "customerEdit and customerView");
    EXPECT_EQ(Rights().missing(Right::administer), "administrator");
    EXPECT_EQ(Rights().missing(Right::view_imports), "importView");
}

TEST(OperatorCodes, AreFoundInAnyCase) {
    EXPECT_EQ(find_operator_code("CUSTOMERVIEW"), "customerView");
    EXPECT_EQ(find_operator_code("importedit"), "importEdit");
    EXPECT_EQ(find_operator_code("buyer"), "");
    EXPECT_EQ(find_operator_code(""), "");
    EXPECT_EQ(find_operator_code("customerView "), "");
}

}  // namespace
}  // namespace customer_import
