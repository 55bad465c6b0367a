#include "core/slice_hash.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace customer_import
