#include "core/change_history.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace customer_import {
namespace {

using Key = ChangeHistory::Key;

// Entries of a customer, one an import, each on line 2 of its file and later than the one before.
class Story {
public:
    Story& import(std::int64_t id, const Change& change) { return add(id, std::nullopt, change); }
    Story& undo(std::int64_t id, std::int64_t source, const Change& change) { return add(id, source, change); }

    Story& mark(std::vector<std::string_view> codes) { return history_.add_mark(std::move(codes)), *this; }
    Story& gone() { return history_.add_mark(std::nullopt), *this; }

    const ChangeHistory& history() const { return history_; }
    std::optional<std::int64_t> origin(std::string_view code) const {
        const std::optional<std::size_t> entry = history_.origin_of_role(code);
        return entry ? std::optional(history_.entries()[*entry].import_id) : std::nullopt;
    }
    bool superseded(const Key& key, std::int64_t import_id) const {
        return history_.is_superseded(key,
                                      [&](const ChangeHistory::Entry& entry) { return entry.import_id > import_id; });
    }

private:
    Story& add(std::int64_t id, std::optional<std::int64_t> source, Change change) {
        history_.add(id, source, 2, change, id * 1000);
        return *this;
    }

    ChangeHistory history_;
};

Change adds(std::vector<std::string_view> codes) {
    Change change;
    change.added = std::move(codes);
    return change;
}

Change removes(std::vector<std::string_view> codes) {
    Change change;
    change.removed = std::move(codes);
    return change;
}

Change sets(std::string_view field) {
    Change change;
    change.fields = {{field, "before", "after"}};
    return change;
}

Change creates(std::vector<std::string_view> codes) {
    Change change = adds(std::move(codes));
    change.created = true;
    return change;
}

Change deletes(std::vector<std::string_view> codes) {
    Change change = removes(std::move(codes));
    change.deleted = true;
    return change;
}

TEST(ChangeHistory, KnowsNothingOfCustomerWithoutEntries) {
    const ChangeHistory history;
    EXPECT_TRUE(history.entries().empty());
    EXPECT_EQ(history.origin_of_role("buyer"), std::nullopt);
    EXPECT_FALSE(history.is_superseded(Key::existence(), [](const ChangeHistory::Entry&) { return true; }));
    EXPECT_FALSE(history.counts(0, Key::existence()));
}

TEST(ChangeHistory, KeepsWhatItWasGiven) {
    ChangeHistory history;
    {
        std::string code = "buyer";
        Change change = adds({code});
        history.add(7, 3, 12, change, 99);
        code = "xxxxx";
    }
    ASSERT_EQ(history.entries().size(), 1U);
    EXPECT_EQ(history.entries()[0].import_id, 7);
    EXPECT_EQ(history.entries()[0].source, 3);
    EXPECT_EQ(history.entries()[0].line, 12);
    EXPECT_EQ(history.entries()[0].applied_at, 99);
    EXPECT_EQ(history.origin_of_role("buyer"), 0U);
}

TEST(ChangeHistory, NamesTheNewestImportThatGaveTheRole) {
    Story story;
    story.import(1, adds({"buyer", "viewer"})).import(2, removes({"buyer"})).import(3, adds({"buyer"}));
    EXPECT_EQ(story.origin("buyer"), 3);
    EXPECT_EQ(story.origin("viewer"), 1);
    EXPECT_EQ(story.origin("approver"), std::nullopt);
}

TEST(ChangeHistory, DoesNotKnowWhoGaveByHandWhatAnImportHadTaken) {
    Story story;
    story.import(1, adds({"buyer"})).import(2, removes({"buyer"}));
    EXPECT_EQ(story.origin("buyer"), std::nullopt);
}

TEST(ChangeHistory, NamesTheCreationForItsRoles) {
    Story story;
    story.import(1, creates({"buyer"})).import(2, sets("email"));
    EXPECT_EQ(story.origin("buyer"), 1);
}

TEST(ChangeHistory, ForgetsWhatWasBeforeTheCustomerWasCreatedAgain) {
    Story story;
    story.import(1, creates({"buyer"})).import(2, adds({"viewer"})).import(3, creates({"viewer"}));
    EXPECT_EQ(story.origin("buyer"), std::nullopt);
    EXPECT_EQ(story.origin("viewer"), 3);
    EXPECT_TRUE(story.superseded(Key::field("phone"), 2));
    EXPECT_TRUE(story.superseded(Key::role("buyer"), 1));
    EXPECT_FALSE(story.superseded(Key::existence(), 3));
}

TEST(ChangeHistory, UndoOfRemovalGivesTheRoleBackToWhoGaveIt) {
    Story story;
    story.import(1, adds({"buyer"})).import(2, removes({"buyer"})).undo(3, 2, adds({"buyer"}));
    EXPECT_EQ(story.origin("buyer"), 1);
}

TEST(ChangeHistory, UndoOfUndoPutsTheChangeBack) {
    Story story;
    story.import(1, adds({"buyer"})).undo(2, 1, removes({"buyer"}));
    EXPECT_EQ(story.origin("buyer"), std::nullopt);
    EXPECT_FALSE(story.history().counts(0, Key::role("buyer")));
    EXPECT_TRUE(story.history().counts(1, Key::role("buyer")));
    story.undo(3, 2, adds({"buyer"}));
    EXPECT_EQ(story.origin("buyer"), 1);
    EXPECT_TRUE(story.history().counts(0, Key::role("buyer")));
    EXPECT_FALSE(story.history().counts(1, Key::role("buyer")));
    story.undo(4, 3, removes({"buyer"}));
    EXPECT_EQ(story.origin("buyer"), std::nullopt);
    story.undo(5, 4, adds({"buyer"}));
    EXPECT_EQ(story.origin("buyer"), 1);
}

TEST(ChangeHistory, UndoTakesBackOnlyWhatItTouches) {
    Story story;
    story.import(1, adds({"buyer", "viewer"})).undo(2, 1, removes({"viewer"}));
    EXPECT_EQ(story.origin("buyer"), 1);
    EXPECT_TRUE(story.history().counts(0, Key::role("buyer")));
    EXPECT_FALSE(story.history().counts(0, Key::role("viewer")));
    EXPECT_FALSE(story.history().counts(1, Key::role("buyer")));
}

TEST(ChangeHistory, UndoMatchesByLine) {
    ChangeHistory history;
    history.add(1, std::nullopt, 2, adds({"buyer"}), 1);
    history.add(1, std::nullopt, 3, removes({"buyer"}), 2);
    history.add(1, std::nullopt, 4, adds({"buyer"}), 3);
    history.add(2, 1, 4, removes({"buyer"}), 4);
    EXPECT_EQ(history.origin_of_role("buyer"), std::nullopt);
    history.add(2, 1, 3, adds({"buyer"}), 5);
    EXPECT_EQ(history.origin_of_role("buyer"), 0U);
}

TEST(ChangeHistory, UndoOfPurgedImportIsAChangeOfItsOwn) {
    Story story;
    story.undo(2, 1, adds({"buyer"}));
    EXPECT_EQ(story.origin("buyer"), 2);
    EXPECT_TRUE(story.superseded(Key::role("buyer"), 1));
}

TEST(ChangeHistory, UndoTakesBackNothingThatCameAfterIt) {
    Story story;
    story.undo(1, 2, removes({"buyer"})).import(2, adds({"buyer"}));
    EXPECT_EQ(story.origin("buyer"), 2);
}

TEST(ChangeHistory, LaterChangeSupersedes) {
    Story story;
    story.import(1, sets("email")).import(2, sets("email")).import(3, adds({"buyer"}));
    EXPECT_TRUE(story.superseded(Key::field("email"), 1));
    EXPECT_FALSE(story.superseded(Key::field("email"), 2));
    EXPECT_FALSE(story.superseded(Key::field("phone"), 1));
    EXPECT_FALSE(story.superseded(Key::role("email"), 1));
    EXPECT_TRUE(story.superseded(Key::role("buyer"), 2));
    EXPECT_FALSE(story.superseded(Key::existence(), 0));
}

TEST(ChangeHistory, LaterChangeThatWasUndoneSupersedesNoMore) {
    Story story;
    story.import(1, sets("email")).import(2, sets("email")).undo(3, 2, sets("email"));
    EXPECT_FALSE(story.superseded(Key::field("email"), 1));
    story.undo(4, 3, sets("email"));
    EXPECT_TRUE(story.superseded(Key::field("email"), 1));
}

TEST(ChangeHistory, LaterUndoOfAnEarlierChangeSupersedes) {
    Story story;
    story.import(1, adds({"buyer"})).import(2, sets("email")).undo(3, 1, removes({"buyer"}));
    EXPECT_TRUE(story.superseded(Key::role("buyer"), 2));
    EXPECT_TRUE(story.superseded(Key::role("buyer"), 1));
    EXPECT_FALSE(story.superseded(Key::role("buyer"), 3));
}

TEST(ChangeHistory, UndoneCreationAndItsReturn) {
    Story story;
    story.import(1, creates({"buyer"})).undo(2, 1, deletes({"buyer"}));
    EXPECT_FALSE(story.history().counts(0, Key::existence()));
    EXPECT_EQ(story.origin("buyer"), std::nullopt);
    story.undo(3, 2, creates({"buyer"}));
    EXPECT_TRUE(story.history().counts(0, Key::existence()));
    EXPECT_TRUE(story.history().counts(0, Key::field("email")));
    EXPECT_EQ(story.origin("buyer"), 1);
    EXPECT_FALSE(story.superseded(Key::existence(), 1));
}

TEST(ChangeHistory, TakesCodeForTheSameWhateverItsCase) {
    Story story;
    Change respells = adds({"BUYER"});
    respells.removed = {"buyer"};
    story.import(1, adds({"buyer"})).import(2, respells);
    EXPECT_EQ(story.origin("BUYER"), 1);
    EXPECT_EQ(story.origin("buyer"), 1);
    EXPECT_FALSE(story.superseded(Key::role("buyer"), 1));
    EXPECT_FALSE(story.history().counts(1, Key::role("BUYER")));
    story.import(3, removes({"Buyer"}));
    EXPECT_EQ(story.origin("BUYER"), std::nullopt);
    EXPECT_TRUE(story.superseded(Key::role("buyer"), 1));
}

// Against the plainest model: the roles a customer has if one takes, for each role, the last decision that is left after
// every undo has put the decision before its source's back.
TEST(ChangeHistory, AgreesWithReplayingWhatIsLeft) {
    std::mt19937 random(6);
    const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    for (int round = 0; round < 2000; ++round) {
        Story story;
        struct Step {
            std::optional<std::int64_t> source;
            bool adds;
        };
        std::map<std::int64_t, Step> steps;  // of the one role that matters
        const int count = 1 + pick(9);
        for (std::int64_t id = 1; id <= count; ++id) {
            if (steps.empty() || pick(2) == 0) {
                steps[id] = {std::nullopt, pick(2) == 0};
                story.import(id, steps[id].adds ? adds({"buyer"}) : removes({"buyer"}));
                continue;
            }
            const std::int64_t source = 1 + pick(static_cast<int>(id - 1));
            steps[id] = {source, !steps[source].adds};
            story.undo(id, source, steps[id].adds ? adds({"buyer"}) : removes({"buyer"}));
        }
        // A step is in force unless a later undo of it that is in force itself has taken it back.
        const auto in_force = [&](const auto& self, std::int64_t id) -> bool {
            for (const auto& [later, step] : steps) {
                if (step.source == id && self(self, later)) {
                    return false;
                }
            }
            return true;
        };
        std::optional<std::int64_t> origin;
        for (const auto& [id, step] : steps) {
            EXPECT_EQ(story.history().counts(static_cast<std::size_t>(id - 1), Key::role("buyer")),
                      in_force(in_force, id));
            if (!step.source && in_force(in_force, id)) {
                origin = step.adds ? std::optional(id) : std::nullopt;
            }
        }
        EXPECT_EQ(story.origin("buyer"), origin);
    }
}

// The quick question gives what the slow one gives, also after entries were taken back, whatever was asked in between.
TEST(ChangeHistory, AnswersQuicklyWhatItAnswersSlowly) {
    std::mt19937 random(7);
    const auto pick = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    const std::vector<std::string> codes = {"buyer", "viewer"};
    for (int round = 0; round < 1000; ++round) {
        ChangeHistory history;
        std::vector<std::int64_t> lines;  // of each entry
        for (int step = 0; step < 14; ++step) {
            if (!lines.empty() && pick(4) == 0) {
                history.remove_last();
                lines.pop_back();
                continue;
            }
            const Change change = pick(6) == 0   ? creates({codes[pick(2)]})
                                  : pick(2) == 0 ? adds({codes[pick(2)]})
                                                 : removes({codes[pick(2)]});
            std::optional<std::int64_t> source;
            std::int64_t line = static_cast<std::int64_t>(pick(2));
            const std::int64_t import = static_cast<std::int64_t>(pick(4));  // several entries of one import and line
            if (!lines.empty() && pick(2) == 0) {
                const std::size_t entry = pick(lines.size());
                source = history.entries()[entry].import_id;
                line = lines[entry];
            }
            history.add(import, source, line, change, step);
            lines.push_back(line);
            const ChangeHistory::Entry* entries = history.entries().data();
            for (std::size_t entry = 0; entry < lines.size(); ++entry) {
                for (const Key& key : {Key::role("Buyer"), Key::role("viewer"), Key::existence()}) {
                    ASSERT_EQ(history.is_superseded_after(key, entry),
                              history.is_superseded(key, [&](const auto& later) { return &later > entries + entry; }))
                        << "round " << round << ", step " << step << ", entry " << entry;
                }
            }
        }
    }
}

TEST(ChangeHistory, WhatIsRemovedByHandEndsTheChain) {
    Story story;
    story.import(1, adds({"buyer", "approver"})).mark({"buyer"});
    EXPECT_EQ(story.origin("Buyer"), std::nullopt);
    EXPECT_EQ(story.origin("approver"), 1);
    story.import(2, adds({"buyer"}));
    EXPECT_EQ(story.origin("buyer"), 2);
    story.gone();
    EXPECT_EQ(story.origin("buyer"), std::nullopt);
    EXPECT_EQ(story.origin("approver"), std::nullopt);
    story.import(3, creates({"approver"}));
    EXPECT_EQ(story.origin("approver"), 3);
}

TEST(ChangeHistory, WhatAnUndoBringsBackIsGivenAnew) {
    Story story;
    story.import(1, adds({"buyer"})).undo(2, 1, removes({"buyer"})).mark({"buyer"});
    EXPECT_EQ(story.origin("buyer"), std::nullopt);
    story.undo(3, 2, adds({"buyer"}));
    EXPECT_EQ(story.origin("buyer"), 1);
    EXPECT_FALSE(story.superseded(Key::role("buyer"), 3)) << "a mark is no change of an import";
}

}  // namespace
}  // namespace customer_import
