#include "core/slices.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace customer_import {
namespace {

// The reference values of FNV-1a with 64 bits: an import that has begun must resume with the same slices.
TEST(SliceHash, IsFnv1a) {
    EXPECT_EQ(slice_hash(""), 0xcbf29ce484222325u);
    EXPECT_EQ(slice_hash("a"), 0xaf63dc4c8601ec8cu);
    EXPECT_EQ(slice_hash("foobar"), 0x85944171f73967e8u);
}

TEST(SliceHash, GivesASlice) {
    for (int slices = 1; slices <= 64; ++slices) {
        for (int user = 0; user < 100; ++user) {
            const int slice = slice_of("user" + std::to_string(user), slices);
            EXPECT_GE(slice, 0);
            EXPECT_LT(slice, slices);
        }
    }
    EXPECT_EQ(slice_of("anybody", 1), 0);
}

TEST(SliceHash, DividesEvenly) {
    for (const int slices : {2, 3, 7, 64}) {
        std::vector<int> counts(static_cast<std::size_t>(slices), 0);
        constexpr int kUsers = 100000;
        for (int user = 0; user < kUsers; ++user) {
            const std::string name = "user" + std::to_string(1000000 + user) + "@example.com";
            ++counts[static_cast<std::size_t>(slice_of(name, slices))];
        }
        for (const int count : counts) {
            EXPECT_GT(count, kUsers / slices * 9 / 10) << slices;
            EXPECT_LT(count, kUsers / slices * 11 / 10) << slices;
        }
    }
}

struct Cut {
    std::vector<int> counts;
    std::vector<std::string> names;
};

// Cuts records in order, and has each customer found in the slice that has its records.
Cut cut(const std::vector<std::string>& records, int slices) {
    Cut result{std::vector<int>(static_cast<std::size_t>(slices), 0), {}};
    SliceCutter cutter(static_cast<std::int64_t>(records.size()), slices, 0.25);
    std::vector<int> numbers;
    for (const std::string& name : records) {
        numbers.push_back(cutter.next(name));
        ++result.counts.at(static_cast<std::size_t>(numbers.back()));
    }
    result.names = cutter.names();
    for (std::size_t index = 0; index < records.size(); ++index) {
        EXPECT_EQ(slice_of(records[index], result.names), numbers[index]) << records[index];
    }
    return result;
}

std::vector<std::string> users(int count) {
    std::vector<std::string> names;
    for (int user = 0; user < count; ++user) {
        names.push_back("user" + std::to_string(100000 + user));
    }
    return names;
}

TEST(SliceCutter, GivesTheFirstSliceLess) {
    EXPECT_EQ(cut(users(1000), 1).counts, std::vector<int>{1000});
    EXPECT_EQ(cut(users(1000), 2).counts, (std::vector<int>{375, 625}));
    EXPECT_EQ(cut(users(1200), 3).counts, (std::vector<int>{200, 500, 500}));
    for (const int count : cut(users(10000), 64).counts) {
        EXPECT_GT(count, 10000 / 64 / 5);
    }
}

TEST(SliceCutter, KeepsACustomerTogether) {
    std::vector<std::string> records(500, "anna");
    records.insert(records.end(), 500, "bert");
    EXPECT_EQ(cut(records, 2).counts, (std::vector<int>{500, 500}));
    EXPECT_EQ(cut(records, 4).counts, (std::vector<int>{500, 0, 500, 0}));
    EXPECT_EQ(cut(std::vector<std::string>(1000, "anna"), 3).counts, (std::vector<int>{1000, 0, 0}));
}

TEST(SliceCutter, TakesFewRecords) {
    for (int count = 0; count < 10; ++count) {
        for (int slices = 1; slices < 10; ++slices) {
            const Cut result = cut(users(count), slices);
            EXPECT_LT(result.names.size(), static_cast<std::size_t>(slices));
        }
    }
}

}  // namespace
}  // namespace customer_import
