// What imports did to one customer over time, and what of it still counts: after an undo its source's changes no longer
// count, after the undo of that undo they count again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/change_page.h"

namespace customer_import {

class ChangeHistory {
public:
    struct Entry {
        std::int64_t import_id = 0;
        std::optional<std::int64_t> source;  // the import that an undo undoes
        std::int64_t line = 0;               // of an undo: the line of the entry that it undoes
        std::int64_t applied_at = 0;         // microseconds
    };

    // What an entry can change of a customer. Creating or deleting one changes all of it.
    struct Key {
        enum class Kind { role, field, existence };
        Kind kind = Kind::existence;
        std::string_view name;  // the code, in any case, or the field's CSV name; empty for existence

        static Key role(std::string_view code) { return {Kind::role, code}; }
        static Key field(std::string_view name) { return {Kind::field, name}; }
        static Key existence() { return {}; }
    };

    // Appends an entry; they come in the order in which they were applied. `source` is nothing for every mode but undo.
    // Copies what it keeps.
    void add(std::int64_t import_id, std::optional<std::int64_t> source, std::int64_t line, const Change& change,
             std::int64_t applied_at_microseconds);

    // Removes the newest entry.
    void remove_last();

    // Notes a removal that no import made, after all entries so far: codes that the customer lost or, without codes,
    // that there was no customer of this name for a while. For origin_of_role() alone: it is not an entry.
    void add_mark(const std::optional<std::vector<std::string_view>>& codes);

    std::span<const Entry> entries() const { return entries_; }

    // Returns the index of the newest entry of an import and line.
    std::optional<std::size_t> find(std::int64_t import_id, std::int64_t line) const;

    // Returns the index of the entry that gave a role which the customer holds: the newest one that counts and touches
    // the code, if it added it. Nothing when the origin is unknown: the role was given by hand, or its import was
    // purged, or a mark is newer than all entries that gave it, an undo that brought it back included.
    std::optional<std::size_t> origin_of_role(std::string_view code) const;

    // Whether entries for which `is_later` holds have changed the key in a way that still counts: by a change of their
    // own, or by undoing one that is not later.
    bool is_superseded(const Key& key, const std::function<bool(const Entry&)>& is_later) const;

    // The same for all entries after one: fast, however many there are.
    bool is_superseded_after(const Key& key, std::size_t entry) const;

    // Whether the entry has changed the key and no undo that still counts has taken that back.
    bool counts(std::size_t entry, const Key& key) const;

    // The same of anything that the entry has changed.
    bool anything_counts(std::size_t entry) const;

private:
    // What an entry touches, sorted; codes in lower case.
    struct Touched {
        bool all = false;
        std::vector<std::string> added, removed, fields;
    };

    // What was taken away by hand.
    struct Mark {
        std::size_t entries = 0;  // how many came before
        bool all = false;
        std::vector<std::string> codes;  // sorted, in lower case
    };

    // An entry that touches a key, as far as the key is concerned.
    struct Event {
        std::size_t entry = 0;
        std::size_t taken_back_by = 0;    // how many later events that count take it back
        std::vector<std::size_t> undone;  // the events that it takes back, by their place
        bool counts() const { return taken_back_by == 0; }
    };

    // The events of a key, oldest first. Kept between queries: a customer may have thousands of entries, and an undo
    // asks about each of them.
    struct Events {
        std::vector<Event> events;
        // Of the events that count: the entries of those that take nothing back, and the first entry that each of the
        // others takes back.
        std::set<std::size_t> plain;
        std::multiset<std::size_t> first_undone;
        std::size_t entries = 0;  // how many have been processed
    };

    // For a key whose code is in lower case.
    bool touches(std::size_t entry, const Key& key) const;
    std::vector<std::size_t> find_undone(std::size_t entry, const std::vector<Event>& events) const;
    const Events& find_events(const Key& key) const;
    static void set_counting(Events& known, const Event& event, bool counts);

    // How many entries came before the code, in lower case, was taken away by hand the last time.
    std::size_t entries_before_mark(std::string_view code) const;

    std::vector<Entry> entries_;
    std::vector<Touched> touched_;  // of each entry
    std::vector<Mark> marks_;
    std::multimap<std::pair<std::int64_t, std::int64_t>, std::size_t> by_line_;  // entries by import and line
    mutable std::map<std::pair<Key::Kind, std::string>, Events> events_;         // of each key that was asked about
};

}  // namespace customer_import
