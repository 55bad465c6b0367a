#include "core/change_page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "core/text.h"

namespace customer_import {
namespace {

bool is_utf8(std::string_view bytes) {
    return find_invalid_utf8(bytes) == std::string_view::npos && bytes.find('\0') == std::string_view::npos;
}

// Compares what reading `payload` gives with the changes that were written.
void expect_reads_back(const std::string& payload, const std::vector<Change>& changes) {
    ChangePageReader reader(payload, is_utf8);
    EXPECT_EQ(reader.count(), changes.size());
    Change change;
    for (const Change& expected : changes) {
        ASSERT_TRUE(reader.next(change));
        EXPECT_EQ(change.line, expected.line);
        EXPECT_EQ(change.user_name, expected.user_name);
        EXPECT_EQ(change.created, expected.created);
        EXPECT_EQ(change.deleted, expected.deleted);
        EXPECT_EQ(change.added, expected.added);
        EXPECT_EQ(change.removed, expected.removed);
        ASSERT_EQ(change.fields.size(), expected.fields.size());
        for (std::size_t i = 0; i < change.fields.size(); ++i) {
            EXPECT_EQ(change.fields[i].field, expected.fields[i].field);
            EXPECT_EQ(change.fields[i].before, expected.fields[i].before);
            EXPECT_EQ(change.fields[i].after, expected.fields[i].after);
        }
    }
    EXPECT_FALSE(reader.next(change));
    EXPECT_FALSE(reader.damaged());
}

std::string write(const std::vector<Change>& changes) {
    ChangePageWriter writer;
    for (const Change& change : changes) {
        writer.add(change);
    }
    EXPECT_EQ(writer.count(), changes.size());
    return writer.take();
}

std::vector<Change> some_changes() {
    return {
        {2, "ann", true, {"approver", "buyer"}, {}, {{"email", std::nullopt, "ann@example.com"}}},
        {9, "bob", false, {"buyer"}, {"viewer"}, {}},
        {3, "cid", false, {}, {}, {{"email", "a", std::nullopt}, {"phone", "", "1"}, {"company", "x", ""}}},
        {4, "dot", false, {}, {"buyer"}, {{"email", "d", std::nullopt}}, true},
    };
}

bool reads_to_the_end(std::string_view payload) {
    ChangePageReader reader(payload, is_utf8);
    Change change;
    while (reader.next(change)) {
    }
    return !reader.damaged();
}

TEST(ChangePage, FindsOtherVersions) {
    EXPECT_FALSE(reads_to_the_end(""));
    std::string payload = write(some_changes());
    payload[0] = 2;
    EXPECT_FALSE(reads_to_the_end(payload));
}

TEST(ChangePage, FindsEveryTruncation) {
    const std::string payload = write(some_changes());
    for (std::size_t size = 0; size < payload.size(); ++size) {
        EXPECT_FALSE(reads_to_the_end(std::string_view(payload).substr(0, size))) << size;
    }
}

TEST(ChangePage, FindsTrailingBytes) { EXPECT_FALSE(reads_to_the_end(write(some_changes()) + '\0')); }

TEST(ChangePage, FindsImpossibleNumbers) {
    const std::string huge = "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F";
    const std::string endless(20, '\x80');
    for (const std::string& number : {huge, endless}) {
        EXPECT_FALSE(reads_to_the_end("\1" + number));                             // changes
        EXPECT_FALSE(reads_to_the_end(std::string("\1\1\2\0", 4) + number));       // length of the user name
        EXPECT_FALSE(reads_to_the_end(std::string("\1\1\2\0\1a", 6) + number));    // added
        EXPECT_FALSE(reads_to_the_end(std::string("\1\1\2\0\1a\1", 7) + number));  // name
    }
}

TEST(ChangePage, FindsUnknownFlags) {
    EXPECT_TRUE(reads_to_the_end(std::string("\1\1\2\0\1a\0\0\0", 9)));
    EXPECT_TRUE(reads_to_the_end(std::string("\1\1\2\2\1a\0\0\0", 9)));  // deleted
    EXPECT_FALSE(reads_to_the_end(std::string("\1\1\2\3\1a\0\0\0", 9)));
    EXPECT_TRUE(reads_to_the_end(std::string("\1\1\2\0\1a\0\0\1\0\1f\0", 13)));
    EXPECT_FALSE(reads_to_the_end(std::string("\1\1\2\0\1a\0\0\1\0\1f\4", 13)));
}

TEST(ChangePage, GivesNothingAfterDamage) {
    const std::string payload = write(some_changes());
    ChangePageReader reader(std::string_view(payload).substr(0, payload.size() - 1), is_utf8);
    Change change;
    EXPECT_TRUE(reader.next(change));
    EXPECT_TRUE(reader.next(change));
    EXPECT_TRUE(reader.next(change));
    EXPECT_FALSE(reader.next(change));
    EXPECT_FALSE(reader.next(change));
    EXPECT_TRUE(reader.damaged());
}

TEST(ChangePage, SurvivesEveryChangedByte) {
    const std::string payload = write(some_changes());
    for (std::size_t i = 0; i < payload.size(); ++i) {
        for (int byte = 0; byte < 256; ++byte) {
            std::string changed = payload;
            changed[i] = static_cast<char>(byte);
            reads_to_the_end(changed);  // must only not crash
        }
    }
    SUCCEED();
}

TEST(ChangePage, ReadsBackNothing) { expect_reads_back(write({}), {}); }

TEST(ChangePage, ReadsBackChanges) { expect_reads_back(write(some_changes()), some_changes()); }

TEST(ChangePage, PassesOverWhatComesBefore) {
    const std::vector<Change> changes = some_changes();
    for (std::size_t wanted = 0; wanted < changes.size(); ++wanted) {
        const std::string payload = write(changes);
        ChangePageReader reader(payload, is_utf8);
        Change change;
        ASSERT_TRUE(reader.next(change, changes[wanted].user_name));
        EXPECT_EQ(change.line, changes[wanted].line);
        EXPECT_EQ(change.user_name, changes[wanted].user_name);
        EXPECT_EQ(change.added, changes[wanted].added);
        EXPECT_EQ(change.removed, changes[wanted].removed);
        EXPECT_EQ(change.fields.size(), changes[wanted].fields.size());
        for (std::size_t next = wanted + 1; next < changes.size(); ++next) {
            ASSERT_TRUE(reader.next(change));
            EXPECT_EQ(change.user_name, changes[next].user_name);
            EXPECT_EQ(change.removed, changes[next].removed);
        }
        EXPECT_FALSE(reader.next(change));
        EXPECT_FALSE(reader.damaged());
    }
    Change change;
    const std::string payload = write(changes);
    ChangePageReader reader(payload, is_utf8);
    EXPECT_FALSE(reader.next(change, "eve"));
    EXPECT_FALSE(reader.damaged());
    for (std::size_t size = 0; size < payload.size(); ++size) {
        ChangePageReader truncated(std::string_view(payload).substr(0, size), is_utf8);
        EXPECT_FALSE(truncated.next(change, "eve"));
        EXPECT_TRUE(truncated.damaged());
    }
}

TEST(ChangePage, TellsNullFromEmpty) {
    const std::vector<Change> changes = {
        {1, "a", false, {}, {}, {{"f", std::nullopt, ""}, {"f", "", std::nullopt}, {"f", std::nullopt, std::nullopt}}}};
    expect_reads_back(write(changes), changes);
}

TEST(ChangePage, ReadsBackAnyLine) {
    const auto lowest = std::numeric_limits<std::int64_t>::min();
    const auto highest = std::numeric_limits<std::int64_t>::max();
    std::vector<Change> changes;
    for (const std::int64_t line : std::vector<std::int64_t>{0, highest, lowest, highest, -1, 1, lowest}) {
        changes.push_back({line, "a", false, {}, {}, {}});
    }
    expect_reads_back(write(changes), changes);
}

TEST(ChangePage, ReadsBackAnyCharacters) {
    std::string text = "\x7F\u0080\uFFFD\U0010FFFF";
    for (int c = 1; c < 128; ++c) {
        text += static_cast<char>(c);
    }
    const std::vector<Change> changes = {{1, text, false, {text, ""}, {text}, {{text, text, text}}}};
    expect_reads_back(write(changes), changes);
}

TEST(ChangePage, FindsWhatIsNoText) {
    for (const std::string& bytes :
         {std::string(1, '\0'), std::string("a\xFF"), std::string("\xED\xB2\x80"), std::string("\xC3")}) {
        EXPECT_FALSE(reads_to_the_end(write({{1, bytes, false, {}, {}, {}}})));
        EXPECT_FALSE(reads_to_the_end(write({{1, "a", false, {"b", bytes}, {}, {}}})));
        EXPECT_FALSE(reads_to_the_end(write({{1, "a", false, {}, {bytes}, {}}})));
        EXPECT_FALSE(reads_to_the_end(write({{1, "a", false, {}, {}, {{bytes, std::nullopt, std::nullopt}}}})));
        EXPECT_FALSE(reads_to_the_end(write({{1, "a", false, {}, {}, {{"email", bytes, std::nullopt}}}})));
        EXPECT_FALSE(reads_to_the_end(write({{1, "a", false, {}, {}, {{"email", std::nullopt, bytes}}}})));
    }
}

TEST(ChangePage, FindsUserNamesOutOfOrder) {
    EXPECT_TRUE(reads_to_the_end(
        write({{1, "a", false, {}, {}, {}}, {2, "a", false, {}, {}, {}}, {3, "é", false, {}, {}, {}}})));
    EXPECT_FALSE(reads_to_the_end(write({{1, "b", false, {}, {}, {}}, {2, "a", false, {}, {}, {}}})));
}

TEST(ChangePage, FindsNumbersThatTheBytesCannotHold) {
    // Eleven bytes hold one change, one name or two fields, but not more.
    EXPECT_FALSE(reads_to_the_end(std::string("\1\2\2\0\1a\0\0\0\0\0", 11)));
    EXPECT_FALSE(reads_to_the_end(std::string("\1\1\2\0\1a\3\0\1", 9)));
    EXPECT_FALSE(reads_to_the_end(std::string("\1\1\2\0\1a\0\0\2\0\1f", 11)));
}

TEST(ChangePage, StartsAfreshAfterTake) {
    ChangePageWriter writer;
    writer.add(some_changes()[0]);
    writer.take();
    EXPECT_TRUE(writer.empty());
    EXPECT_EQ(writer.count(), 0u);
    for (const Change& change : some_changes()) {
        writer.add(change);
    }
    EXPECT_EQ(writer.take(), write(some_changes()));
}

TEST(ChangePage, WritesNamesOnce) {
    const std::string name(50, 'r');
    std::vector<Change> changes(100, Change{5, "a", false, {name}, {}, {}});
    EXPECT_LT(write(changes).size(), 900u);
}

TEST(ChangePage, IsFullWhenAHeapPageIs) {
    ChangePageWriter writer;
    EXPECT_FALSE(writer.full());
    const Change change{1, "somebody@example.com", false, {"buyer"}, {}, {}};
    while (!writer.full()) {
        writer.add(change);
    }
    const std::size_t size = writer.take().size();
    EXPECT_GE(size, kChangePageBytes);
    EXPECT_LT(size, kChangePageBytes + 40);
    EXPECT_FALSE(writer.full());
}

TEST(ChangePage, TakesAChangeLargerThanAPage) {
    const std::string text(100000, 'x');
    const std::vector<Change> changes = {{1, "a", false, {}, {}, {{"company", text, std::nullopt}}}};
    ChangePageWriter writer;
    writer.add(changes[0]);
    EXPECT_TRUE(writer.full());
    expect_reads_back(writer.take(), changes);
}

TEST(ChangePage, ReadsBackRandomChanges) {
    std::mt19937 random(8);
    const std::vector<std::string> texts = {
        "", "a", "buyer", "approver", "email", std::string(300, 'z'), "é", "ann@example.com", "phone"};
    const auto text = [&]() -> std::string_view { return texts[random() % texts.size()]; };
    const auto optional_text = [&]() -> std::optional<std::string_view> {
        if (random() % 3 == 0) {
            return std::nullopt;
        }
        return text();
    };
    for (int round = 0; round < 2000; ++round) {
        std::vector<Change> changes(random() % 20);
        for (Change& change : changes) {
            change.line = static_cast<std::int64_t>(random()) - static_cast<std::int64_t>(random());
            change.user_name = text();
            change.created = random() % 2 == 0;
            change.deleted = !change.created && random() % 2 == 0;
            change.added.resize(random() % 4);
            change.removed.resize(random() % 4);
            change.fields.resize(random() % 4);
            for (auto& code : change.added) {
                code = text();
            }
            for (auto& code : change.removed) {
                code = text();
            }
            for (auto& field : change.fields) {
                field = {text(), optional_text(), optional_text()};
            }
        }
        std::sort(changes.begin(), changes.end(),
                  [](const Change& a, const Change& b) { return a.user_name < b.user_name; });
        expect_reads_back(write(changes), changes);
    }
}

}  // namespace
}  // namespace customer_import
