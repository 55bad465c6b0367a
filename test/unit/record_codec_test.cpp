#include "core/record_codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace customer_import {
namespace {

constexpr RecordOrder kOrders[] = {RecordOrder::by_user_name, RecordOrder::by_line};

// A record with something in every part; what it views lives as long as the program.
Record full_record() {
    static const std::string_view add[] = {"approver", "buyer"};
    static const std::string_view remove[] = {"viewer"};
    static const std::string_view lost[] = {"gone", "a b"};
    static const std::string_view replace[] = {"x", "y", "z"};
    static const Cell cells[] = {{Cell::Action::set, std::string_view(" ann@example.com ").substr(1, 15), 1, 1},
                                 {Cell::Action::set, "x"},
                                 {Cell::Action::keep, {}},
                                 {Cell::Action::clear, {}}};
    Record record;
    record.line = 12345;
    record.raw = "Ann,\"approver,\nbuyer\"";
    record.user_name = "ann";
    record.add_roles = add;
    record.remove_roles = remove;
    record.lost_roles = lost;
    record.replace_roles = replace;
    record.replaces_roles = true;
    record.doubtful_name = "Ann\u200B";
    record.has_doubtful_cells = true;
    record.cells = cells;
    return record;
}

Record record_of(std::string_view user_name, std::int64_t line) {
    Record record;
    record.user_name = user_name;
    record.line = line;
    return record;
}

std::string encode(const Record& record, RecordOrder order) {
    std::string bytes = "left over";
    encode_record(record, order, bytes);
    return bytes;
}

using Codes = std::vector<std::string_view>;

Codes codes(std::span<const std::string_view> list) { return {list.begin(), list.end()}; }

void expect_same(const Record& a, const Record& b) {
    EXPECT_EQ(a.line, b.line);
    EXPECT_EQ(a.raw, b.raw);
    EXPECT_EQ(a.raw_place.begin, b.raw_place.begin);
    EXPECT_EQ(a.raw_place.size, b.raw_place.size);
    EXPECT_EQ(a.user_name, b.user_name);
    EXPECT_EQ(codes(a.add_roles), codes(b.add_roles));
    EXPECT_EQ(codes(a.remove_roles), codes(b.remove_roles));
    EXPECT_EQ(codes(a.lost_roles), codes(b.lost_roles));
    EXPECT_EQ(codes(a.replace_roles), codes(b.replace_roles));
    EXPECT_EQ(a.replaces_roles, b.replaces_roles);
    EXPECT_EQ(a.doubtful_name, b.doubtful_name);
    EXPECT_EQ(a.has_doubtful_cells, b.has_doubtful_cells);
    ASSERT_EQ(a.cells.size(), b.cells.size());
    for (std::size_t i = 0; i < a.cells.size(); ++i) {
        EXPECT_EQ(a.cells[i].action, b.cells[i].action);
        EXPECT_EQ(a.cells[i].text, b.cells[i].text);
        EXPECT_EQ(a.cells[i].whole(), b.cells[i].whole());
    }
}

TEST(RecordCodec, FindsEveryTruncation) {
    for (const RecordOrder order : kOrders) {
        const std::string bytes = encode(full_record(), order);
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            Batch batch;
            EXPECT_FALSE(decode_record(std::string_view(bytes).substr(0, size), order, batch)) << size;
            EXPECT_EQ(batch.size(), 0u);
        }
    }
}

TEST(RecordCodec, FindsTrailingBytes) {
    Batch batch;
    EXPECT_FALSE(decode_record(encode(full_record(), RecordOrder::by_line) + '\0', RecordOrder::by_line, batch));
}

TEST(RecordCodec, FindsUnknownFlags) {
    const std::string bytes = encode(record_of("a", 1), RecordOrder::by_user_name);
    Batch batch;
    ASSERT_TRUE(decode_record(bytes, RecordOrder::by_user_name, batch));
    std::string changed = bytes;
    changed.at(10) = '\2';  // behind "a", NUL and 8 bytes of line
    EXPECT_FALSE(decode_record(changed, RecordOrder::by_user_name, batch));
    const std::string unknown_action = bytes.substr(0, bytes.size() - 1) + std::string("\1\3\0", 3);
    EXPECT_FALSE(decode_record(unknown_action, RecordOrder::by_user_name, batch));
}

TEST(RecordCodec, SurvivesEveryChangedByte) {
    for (const RecordOrder order : kOrders) {
        const std::string bytes = encode(full_record(), order);
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            for (int byte = 0; byte < 256; ++byte) {
                std::string changed = bytes;
                changed[i] = static_cast<char>(byte);
                Batch batch;
                const bool decoded = decode_record(changed, order, batch);
                ASSERT_EQ(batch.size(), decoded ? 1u : 0u);
            }
        }
    }
}

TEST(RecordCodec, GivesBackWhatWasWritten) {
    for (const RecordOrder order : kOrders) {
        for (const Record& record : {full_record(), record_of("ann", 1), record_of("", 0),
                                     record_of("jörg", std::numeric_limits<std::int64_t>::max())}) {
            Batch batch;
            ASSERT_TRUE(decode_record(encode(record, order), order, batch));
            expect_same(batch.records().back(), record);
        }
    }
}

// The bytes of the record are elsewhere then.
TEST(RecordCodec, GivesBackWhereTheRawRecordIs) {
    for (const RecordOrder order : kOrders) {
        for (const std::uint64_t begin : {std::uint64_t{0}, std::uint64_t{1} << 40}) {
            Record record = full_record();
            record.raw = {};
            record.raw_place = {begin, 21};
            const std::string bytes = encode(record, order);
            Batch batch;
            ASSERT_TRUE(decode_record(bytes, order, batch));
            expect_same(batch.records().back(), record);
        }
    }
    Batch batch;  // a place of no size is none
    EXPECT_FALSE(
        decode_record(std::string("a\0\0\0\0\0\0\0\0\1\x8\3\0\0\0\0\0\0", 18), RecordOrder::by_user_name, batch));
    EXPECT_TRUE(
        decode_record(std::string("a\0\0\0\0\0\0\0\0\1\x8\3\1\0\0\0\0\0", 18), RecordOrder::by_user_name, batch));
}

TEST(RecordCodec, WritesBehindAHead) {
    for (const RecordOrder order : kOrders) {
        for (const std::size_t size : {0, 127, 128, 16383, 16384, 2'000'000}) {
            const std::string raw(size, 'x');
            Record record = full_record();
            record.raw = raw;
            std::string bytes = "head and left over";
            encode_record(record, order, bytes, 4);
            EXPECT_EQ(bytes.substr(0, 4), "head");
            EXPECT_EQ(bytes.substr(4), encode(record, order));
            Batch batch;
            ASSERT_TRUE(decode_record(bytes.substr(4), order, batch));
            expect_same(batch.records().back(), record);
        }
    }
}

TEST(RecordCodec, LeavesNothingThatViewsTheBytes) {
    Batch batch;
    std::string bytes = encode(full_record(), RecordOrder::by_user_name);
    ASSERT_TRUE(decode_record(bytes, RecordOrder::by_user_name, batch));
    bytes.assign(bytes.size(), '#');
    expect_same(batch.records().back(), full_record());
}

// The records in the order of their bytes.
std::vector<std::size_t> byte_order(const std::vector<Record>& records, RecordOrder order) {
    std::vector<std::string> bytes;
    for (const Record& record : records) {
        bytes.push_back(encode(record, order));
    }
    std::vector<std::size_t> indexes;
    for (std::size_t i = 0; i < records.size(); ++i) {
        indexes.push_back(i);
    }
    std::sort(indexes.begin(), indexes.end(), [&](auto a, auto b) { return bytes[a] < bytes[b]; });
    return indexes;
}

TEST(RecordCodec, SortsByUserNameThenLine) {
    const std::vector<Record> records = {record_of("b", 2),    record_of("ab", 3), record_of("a", 300),
                                         record_of("a", 4),    record_of("é", 1),  record_of("a b", 9),
                                         record_of("a", 70000)};
    EXPECT_EQ(byte_order(records, RecordOrder::by_user_name), (std::vector<std::size_t>{3, 2, 6, 5, 1, 0, 4}));
}

TEST(RecordCodec, SortsByLine) {
    const std::vector<Record> records = {record_of("b", 256), record_of("z", 255), record_of("a", 65536),
                                         record_of("é", 1), record_of("c", std::int64_t{1} << 40)};
    EXPECT_EQ(byte_order(records, RecordOrder::by_line), (std::vector<std::size_t>{3, 1, 0, 2, 4}));
}

}  // namespace
}  // namespace customer_import
