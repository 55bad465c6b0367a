#include "core/undo_states.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace customer_import {
namespace {

// Imports that end one after the other, by numbers from 1.
class Family {
public:
    Family() { members_.push_back({1, std::nullopt, 10, 11, true, false}); }

    // Undoes a member; takes back what is in force of it, and leaves nothing.
    std::int64_t undo(std::int64_t source) { return add(source, true, false); }
    std::int64_t undo_in_part(std::int64_t source) { return add(source, true, true); }
    std::int64_t undo_nothing(std::int64_t source, bool has_issues) { return add(source, false, has_issues); }

    // "in force", "undone by N" or "undone by N in part".
    std::string state(std::int64_t id) const {
        const UndoState state = find_undo_states(members_).at(static_cast<std::size_t>(id - 1));
        if (!state.undone_by) {
            EXPECT_FALSE(state.in_part);
            return "in force";
        }
        return "undone by " + std::to_string(*state.undone_by) + (state.in_part ? " in part" : "");
    }

private:
    std::int64_t add(std::int64_t source, bool takes, bool leaves) {
        const std::int64_t id = static_cast<std::int64_t>(members_.size()) + 1;
        members_.push_back({id, source, id * 10, id * 10 + 1, takes, leaves});
        return id;
    }

    std::vector<FamilyMember> members_;
};

TEST(UndoStates, AnUndoThatTakesNothingBackChangesNoState) {
    Family family;
    EXPECT_EQ(family.state(1), "in force");
    family.undo_nothing(1, true);
    EXPECT_EQ(family.state(1), "in force");
    family.undo_nothing(1, false);
    EXPECT_EQ(family.state(1), "in force");
    EXPECT_EQ(family.state(2), "in force");
}

TEST(UndoStates, AnUndoIsInForceUntilItIsUndoneItself) {
    Family family;
    const auto undo = family.undo(1);
    EXPECT_EQ(family.state(1), "undone by 2");
    const auto again = family.undo(undo);
    EXPECT_EQ(family.state(1), "in force");
    EXPECT_EQ(family.state(undo), "undone by 3");
    family.undo(again);
    EXPECT_EQ(family.state(1), "undone by 2");
    EXPECT_EQ(family.state(undo), "in force");
    EXPECT_EQ(family.state(again), "undone by 4");
}

TEST(UndoStates, OfSeveralUndosEachCounts) {
    Family family;
    const auto first = family.undo_in_part(1);
    EXPECT_EQ(family.state(1), "undone by 2 in part");
    const auto second = family.undo(1);
    EXPECT_EQ(family.state(1), "undone by 3");
    const auto back = family.undo(first);
    EXPECT_EQ(family.state(1), "undone by 3 in part") << "what the first one took is in force again";
    EXPECT_EQ(family.state(first), "undone by 4");
    EXPECT_EQ(family.state(second), "in force");
    family.undo(back);
    EXPECT_EQ(family.state(1), "undone by 3") << "and now it is not";
    family.undo(second);
    EXPECT_EQ(family.state(1), "undone by 2 in part");
}

TEST(UndoStates, TheFirstOfTwoPartialUndosIsUndone) {
    Family family;
    const auto first = family.undo_in_part(1);
    const auto second = family.undo_in_part(1);
    family.undo(first);
    EXPECT_EQ(family.state(1), "undone by 3 in part");
    family.undo(second);
    EXPECT_EQ(family.state(1), "in force");
}

TEST(UndoStates, WhatWasBroughtBackBeforeTheNewestUndoDoesNotMatter) {
    Family family;
    family.undo(family.undo(1));
    family.undo(1);
    EXPECT_EQ(family.state(1), "undone by 4");
    EXPECT_EQ(family.state(2), "undone by 3");
}

TEST(UndoStates, WhatIsBroughtBackDeepBelowMatters) {
    Family family;
    const auto first = family.undo(1);
    const auto back = family.undo(first);
    const auto forth = family.undo_in_part(back);
    EXPECT_EQ(family.state(1), "undone by 2 in part");
    family.undo(1);
    EXPECT_EQ(family.state(1), "undone by 5");
    family.undo(forth);
    EXPECT_EQ(family.state(1), "undone by 5 in part")
        << "the undo of the first one counts again, and it is older than the fifth";
}

TEST(UndoStates, AnyDepth) {
    Family family;
    std::int64_t last = 1;
    for (int depth = 0; depth < 20'001; ++depth) {
        last = family.undo(last);
    }
    EXPECT_EQ(family.state(1), "undone by 2");
    EXPECT_EQ(family.state(2), "in force");
    EXPECT_EQ(family.state(last - 1), "undone by " + std::to_string(last));
}

TEST(UndoStates, ASourceThatWasPurged) {
    const std::vector<FamilyMember> family = {{7, 3, 10, 11, true, false}, {8, 7, 20, 21, true, false}};
    const std::vector<UndoState> states = find_undo_states(family);
    EXPECT_EQ(states[0].undone_by, 8);
    EXPECT_FALSE(states[1].undone_by);
    EXPECT_TRUE(find_undo_states({}).empty());
}

}  // namespace
}  // namespace customer_import
