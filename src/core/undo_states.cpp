#include "core/undo_states.h"

#include <algorithm>
#include <cstddef>
#include <map>

namespace customer_import {

namespace {

// What is known of a member once all later ones are known.
struct Known {
    std::vector<std::size_t> undos;   // of this member, newest first
    std::int64_t touched_at = 0;      // when it, or anything below it, last ended
    std::optional<std::size_t> undo;  // the newest that is in force and took something back
    bool in_force = true;             // in part at least
};

// Whether something that undos of the member have taken back was brought back after `since`, and still is.
bool is_brought_back(const Known& member, const std::vector<Known>& known, std::span<const FamilyMember> family,
                     std::int64_t since) {
    return std::any_of(member.undos.begin(), member.undos.end(), [&](std::size_t undo) {
        const std::vector<std::size_t>& undos = known[undo].undos;
        return std::any_of(undos.begin(), undos.end(), [&](std::size_t index) {
            return family[index].took_something_back && known[index].in_force && known[index].touched_at >= since;
        });
    });
}

}  // namespace

// From the newest to the oldest: what an undo means for its source is known when all that undo it are. A loop, since
// undos of undos may be nested to any depth.
std::vector<UndoState> find_undo_states(std::span<const FamilyMember> family) {
    std::map<std::int64_t, std::size_t> places;
    for (std::size_t index = 0; index < family.size(); ++index) {
        places.emplace(family[index].id, index);
    }
    std::vector<Known> known(family.size());
    std::vector<UndoState> states(family.size());
    for (std::size_t index = family.size(); index-- > 0;) {
        const FamilyMember& member = family[index];
        Known& fact = known[index];
        fact.touched_at = std::max(fact.touched_at, member.finished_at);
        for (const std::size_t undo : fact.undos) {
            if (!fact.undo && family[undo].took_something_back && !known[undo].undo) {
                fact.undo = undo;
            }
        }
        if (fact.undo) {
            const FamilyMember& undo = family[*fact.undo];
            fact.in_force = undo.left_something || is_brought_back(fact, known, family, undo.started_at);
            states[index] = {undo.id, fact.in_force};
        }
        const auto source = member.undoes ? places.find(*member.undoes) : places.end();
        if (source != places.end() && source->second < index) {
            known[source->second].undos.push_back(index);
            known[source->second].touched_at = std::max(known[source->second].touched_at, fact.touched_at);
        }
    }
    return states;
}

}  // namespace customer_import
