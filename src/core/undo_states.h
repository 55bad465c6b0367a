// Which imports of a family are undone: an import, its undos, the undos of these and so on. The one rule by which the
// state `undone` comes and goes.
//
// - An undo is in force until it is undone itself.
// - An import is undone as long as an undo of it that took something back is in force, and by the newest of these. How
//   the undo ended does not matter: what a canceled one has taken back is taken back.
// - It is undone in part when another undo might find something: when the newest one left something, or when something
//   of what undos had taken back before has been brought back since, and is in force.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace customer_import {

// An import that has ended. Times are microseconds.
struct FamilyMember {
    std::int64_t id = 0;
    std::optional<std::int64_t> undoes;  // its source, if it is an undo
    std::int64_t started_at = 0;
    std::int64_t finished_at = 0;
    bool took_something_back = false;  // it has changed a customer
    bool left_something = false;       // it has issues, or records that it did not reach
};

struct UndoState {
    std::optional<std::int64_t> undone_by;
    bool in_part = false;  // only if it is undone
};

// Returns the state of each member. Members come by id, so each after the one that it undoes; a source that is not
// among them does not matter.
std::vector<UndoState> find_undo_states(std::span<const FamilyMember> family);

}  // namespace customer_import
