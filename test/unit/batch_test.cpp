#include "core/batch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace customer_import {
namespace {

std::vector<Record> records_of(const std::vector<std::string_view>& user_names) {
    std::vector<Record> records(user_names.size());
    for (std::size_t i = 0; i < records.size(); ++i) {
        records[i].user_name = user_names[i];
    }
    return records;
}

using Rounds = std::vector<std::vector<std::uint32_t>>;

TEST(Batch, KeepsCopiesOfTexts) {
    Batch batch;
    std::string text = "buyer";
    const std::string_view kept = batch.keep(text);
    text = "XXXXX";
    EXPECT_EQ(kept, "buyer");
    EXPECT_EQ(batch.keep(""), "");
    EXPECT_EQ(batch.bytes(), 5u);
}

TEST(Batch, KeepsManyTextsApart) {
    Batch batch;
    std::vector<std::string_view> kept;
    for (int i = 0; i < 10000; ++i) {
        kept.push_back(batch.keep("text " + std::to_string(i)));
    }
    for (int i = 0; i < 10000; ++i) {
        ASSERT_EQ(kept[static_cast<std::size_t>(i)], "text " + std::to_string(i));
    }
}

TEST(Batch, KeepsListsOfCodes) {
    Batch batch;
    std::vector<std::string_view> codes = {"a", "b"};
    batch.keep("x");  // what follows must be aligned all the same
    const auto kept = batch.keep_codes(codes);
    codes[0] = "z";
    ASSERT_EQ(kept.size(), 2u);
    EXPECT_EQ(kept[0], "a");
    EXPECT_EQ(kept[1], "b");
    EXPECT_TRUE(batch.keep_codes({}).empty());
}

TEST(Batch, MakesCellsThatChangeNothing) {
    Batch batch;
    batch.keep("x");
    const auto cells = batch.make_cells(3);
    ASSERT_EQ(cells.size(), 3u);
    for (const Cell& cell : cells) {
        EXPECT_EQ(cell.action, Cell::Action::keep);
        EXPECT_EQ(cell.text, "");
    }
    EXPECT_TRUE(batch.make_cells(0).empty());
}

TEST(Batch, ClearForgetsEverything) {
    Batch batch;
    Record record;
    record.user_name = batch.keep("ann");
    batch.add(record);
    EXPECT_EQ(batch.size(), 1u);
    batch.clear();
    EXPECT_EQ(batch.size(), 0u);
    EXPECT_EQ(batch.bytes(), 0u);
    EXPECT_TRUE(batch.records().empty());
    record.user_name = batch.keep("bob");
    batch.add(record);
    EXPECT_EQ(batch.records().at(0).user_name, "bob");
}

TEST(MakeRounds, OfNothingAreNone) { EXPECT_TRUE(make_rounds({}).empty()); }

TEST(MakeRounds, SortByUserNameInByteOrder) {
    EXPECT_EQ(make_rounds(records_of({"b", "a", "\xC3\xA9", "B", "aa"})), (Rounds{{3, 1, 4, 0, 2}}));
}

TEST(MakeRounds, PutRepeatsIntoLaterRoundsInFileOrder) {
    EXPECT_EQ(make_rounds(records_of({"b", "a", "b", "c", "a", "b"})), (Rounds{{1, 0, 3}, {4, 2}, {5}}));
}

TEST(MakeRounds, OfOneUserHoldOneRecordEach) {
    EXPECT_EQ(make_rounds(records_of({"a", "a", "a"})), (Rounds{{0}, {1}, {2}}));
}

TEST(GroupByUser, HoldsEachUsersRecordsInFileOrder) {
    EXPECT_TRUE(group_by_user({}).empty());
    EXPECT_EQ(group_by_user(records_of({"b", "a", "b", "B", "a", "b"})), (Rounds{{3}, {1, 4}, {0, 2, 5}}));
}

TEST(MakeRounds, AgreeWithTheNaiveVersion) {
    std::mt19937 random(3);
    const std::vector<std::string> names = {"a", "ab", "abc", "b", "B", "c", "user1", "user10", "user2", "\xC3\xA4"};
    for (int round = 0; round < 1000; ++round) {
        std::vector<std::string_view> users(random() % 60);
        for (auto& user : users) {
            user = names[random() % names.size()];
        }
        const std::vector<Record> records = records_of(users);

        std::map<std::string_view, std::size_t> seen;
        Rounds expected;
        for (std::uint32_t i = 0; i < records.size(); ++i) {
            const std::size_t n = seen[records[i].user_name]++;
            if (n == expected.size()) {
                expected.emplace_back();
            }
            expected[n].push_back(i);
        }
        for (auto& indexes : expected) {
            std::sort(indexes.begin(), indexes.end(),
                      [&](auto a, auto b) { return records[a].user_name < records[b].user_name; });
        }
        ASSERT_EQ(make_rounds(records), expected);
    }
}

}  // namespace
}  // namespace customer_import
