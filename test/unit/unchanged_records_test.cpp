#include "core/unchanged_records.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace customer_import {
namespace {

using Codes = std::vector<std::string_view>;

class UnchangedRecordsTest : public testing::Test {
protected:
    // A key whose first word alone leads to a place.
    static UnchangedRecords::Key key(std::uint32_t customer, std::uint32_t place = 7) {
        return {place, customer, ~customer};
    }

    UnchangedRecords records_;
};

TEST_F(UnchangedRecordsTest, FindsRecordsWhoseCodesAreAllHeld) {
    records_.add(2, key(1), Codes{"approver", "buyer"});
    records_.add(3, key(2), Codes{"approver", "buyer"});
    records_.add(4, key(3), Codes{"buyer"});
    records_.add(5, key(4), Codes{});
    records_.index();
    records_.see(key(1), Codes{"approver", "buyer", "viewer"});
    records_.see(key(2), Codes{"buyer", "viewer"});
    records_.see(key(3), Codes{"viewer", "buyer"});
    records_.see(key(4), Codes{});
    records_.see(key(5), Codes{"approver", "buyer"});
    EXPECT_TRUE(records_.contains(2));
    EXPECT_FALSE(records_.contains(3));
    EXPECT_TRUE(records_.contains(4));
    EXPECT_TRUE(records_.contains(5));
    EXPECT_FALSE(records_.contains(1));
    EXPECT_FALSE(records_.contains(1000));
    EXPECT_EQ(records_.found(), 3u);
}

TEST_F(UnchangedRecordsTest, TakesAnotherSpellingForAChange) {
    records_.add(2, key(1), Codes{"buyer"});
    records_.add(3, key(2), Codes{"buyer"});
    records_.index();
    records_.see(key(1), Codes{"Buyer"});
    records_.see(key(2), Codes{"BUYER", "buyer"});
    EXPECT_EQ(records_.found(), 0u);
}

TEST_F(UnchangedRecordsTest, FindsNoneOfACustomerWithSeveral) {
    records_.add(2, key(1), Codes{"buyer"});
    records_.add(3, key(2), Codes{"buyer"});
    records_.add(4, key(1), Codes{"buyer"});
    records_.add(5, key(1), Codes{"buyer"});
    records_.index();
    records_.see(key(1), Codes{"buyer"});
    records_.see(key(2), Codes{"buyer"});
    EXPECT_FALSE(records_.contains(2));
    EXPECT_TRUE(records_.contains(3));
    EXPECT_FALSE(records_.contains(4));
    EXPECT_FALSE(records_.contains(5));
}

TEST_F(UnchangedRecordsTest, ComparesTheWholeKey) {
    records_.add(2, {7, 1, 1}, Codes{"buyer"});
    records_.index();
    records_.see({7, 1, 2}, Codes{"buyer"});
    records_.see({7, 2, 1}, Codes{"buyer"});
    records_.see({8, 1, 1}, Codes{"buyer"});
    EXPECT_EQ(records_.found(), 0u);
}

TEST_F(UnchangedRecordsTest, TakesMoreAfterASample) {
    records_.add(2, key(1), Codes{"buyer"});
    records_.index();
    records_.see(key(1), Codes{"buyer"});
    EXPECT_EQ(records_.found(), 1u);
    records_.add(3, key(2), Codes{"buyer"});
    records_.index();
    EXPECT_EQ(records_.found(), 0u);
    records_.see(key(2), Codes{"buyer"});
    EXPECT_FALSE(records_.contains(2));
    EXPECT_TRUE(records_.contains(3));
}

TEST_F(UnchangedRecordsTest, RemembersLinesWhenItForgetsTheCustomers) {
    records_.add(2, key(1), Codes{"buyer"});
    records_.index();
    records_.see(key(1), Codes{"buyer"});
    records_.forget_customers();
    EXPECT_EQ(records_.size(), 0u);
    EXPECT_EQ(records_.found(), 1u);
    EXPECT_TRUE(records_.contains(2));
}

TEST_F(UnchangedRecordsTest, LeavesOutWhatTakesTooMuchMemory) {
    const std::string letters(100, 'a');
    Codes many;
    for (std::size_t length = 1; length <= 65; ++length) {
        many.push_back(std::string_view(letters).substr(0, length));
    }
    records_.add(2, key(1), many);
    records_.add(16'000'001, key(2), Codes{"buyer"});
    EXPECT_EQ(records_.size(), 0u);
    many.pop_back();
    records_.add(16'000'000, key(1), many);
    records_.index();
    records_.see(key(1), many);
    EXPECT_TRUE(records_.contains(16'000'000));
}

TEST_F(UnchangedRecordsTest, IsBounded) {
    const Codes codes{"buyer"};
    for (std::uint32_t number = 0; number < UnchangedRecords::kMaxRecords + 10; ++number) {
        records_.add(number + 2, key(number, number), codes);
    }
    EXPECT_EQ(records_.size(), UnchangedRecords::kMaxRecords);
    records_.index();
    for (std::uint32_t number = 0; number < UnchangedRecords::kMaxRecords + 10; ++number) {
        records_.fetch_place(key(number, number));
        records_.fetch_entry(key(number, number));
        records_.see(key(number, number), codes);
    }
    EXPECT_EQ(records_.found(), UnchangedRecords::kMaxRecords);
    EXPECT_FALSE(records_.contains(static_cast<std::int64_t>(UnchangedRecords::kMaxRecords) + 2));
}

TEST_F(UnchangedRecordsTest, TellsCodesApartByTheirText) {
    // More codes than are remembered by where their text is.
    std::vector<std::string> texts;
    for (int number = 0; number < 1000; ++number) {
        texts.push_back("code" + std::to_string(number));
    }
    for (std::uint32_t number = 0; number < 1000; ++number) {
        records_.add(number + 2, key(number, number), Codes{texts[number]});
        records_.add(number + 2002, key(number + 1000, number), Codes{texts[number]});
    }
    records_.index();
    for (std::uint32_t number = 0; number < 1000; ++number) {
        records_.see(key(number, number), Codes{texts[number]});
        records_.see(key(number + 1000, number), Codes{texts[(number + 1) % 1000]});
    }
    EXPECT_EQ(records_.found(), 1000u);
    EXPECT_TRUE(records_.contains(2));
    EXPECT_FALSE(records_.contains(2002));
}

}  // namespace
}  // namespace customer_import
