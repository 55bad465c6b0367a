#include "core/change_history.h"

#include <algorithm>

#include "core/role_set.h"
#include "core/text.h"

namespace customer_import {

namespace {

std::vector<std::string> sorted_copy(const std::vector<std::string_view>& names) {
    std::vector<std::string> copy(names.begin(), names.end());
    std::sort(copy.begin(), copy.end());
    return copy;
}

bool contains(const std::vector<std::string>& sorted, std::string_view name) {
    return std::binary_search(sorted.begin(), sorted.end(), name);
}

}  // namespace

void ChangeHistory::add(std::int64_t import_id, std::optional<std::int64_t> source, std::int64_t line,
                        const Change& change, std::int64_t applied_at_microseconds) {
    std::vector<std::string_view> fields;
    for (const FieldChange& field : change.fields) {
        fields.push_back(field.field);
    }
    by_line_.emplace(std::pair(import_id, line), entries_.size());
    entries_.push_back({import_id, source, line, applied_at_microseconds});
    touched_.push_back({change.created || change.deleted, codes_without(change.added, change.removed),
                        codes_without(change.removed, change.added), sorted_copy(fields)});
}

void ChangeHistory::remove_last() {
    const auto [first, last] = by_line_.equal_range(std::pair(entries_.back().import_id, entries_.back().line));
    by_line_.erase(std::find_if(first, last, [&](const auto& place) { return place.second == entries_.size() - 1; }));
    entries_.pop_back();
    touched_.pop_back();
    for (auto& [key, known] : events_) {
        if (known.entries <= entries_.size()) {
            continue;
        }
        known.entries = entries_.size();
        if (known.events.empty() || known.events.back().entry < entries_.size()) {
            continue;
        }
        const Event removed = std::move(known.events.back());
        set_counting(known, removed, false);
        known.events.pop_back();
    }
}

void ChangeHistory::add_mark(const std::optional<std::vector<std::string_view>>& codes) {
    marks_.push_back({entries_.size(), !codes, codes ? codes_without(*codes, {}) : std::vector<std::string>()});
}

std::optional<std::size_t> ChangeHistory::find(std::int64_t import_id, std::int64_t line) const {
    std::optional<std::size_t> found;
    const auto [first, last] = by_line_.equal_range(std::pair(import_id, line));
    for (auto place = first; place != last; ++place) {
        found = std::max(found, std::optional(place->second));
    }
    return found;
}

bool ChangeHistory::touches(std::size_t entry, const Key& key) const {
    const Touched& touched = touched_[entry];
    if (touched.all) {
        return true;
    }
    switch (key.kind) {
        case Key::Kind::role: return contains(touched.added, key.name) || contains(touched.removed, key.name);
        case Key::Kind::field: return contains(touched.fields, key.name);
        case Key::Kind::existence: return false;
    }
    return false;
}

// An undo takes back what its source did to the key before. Where the source has no such change (a trigger made it, or
// the source was purged), the undo is a change like any other.
std::vector<std::size_t> ChangeHistory::find_undone(std::size_t entry, const std::vector<Event>& events) const {
    std::vector<std::size_t> undone;
    const Entry& undo = entries_[entry];
    if (!undo.source) {
        return undone;
    }
    const auto [first, last] = by_line_.equal_range(std::pair(*undo.source, undo.line));
    for (auto place = first; place != last; ++place) {
        const auto event = std::lower_bound(events.begin(), events.end(), place->second,
                                            [](const Event& a, std::size_t wanted) { return a.entry < wanted; });
        if (event != events.end() && event->entry == place->second) {
            undone.push_back(static_cast<std::size_t>(event - events.begin()));
        }
    }
    return undone;
}

// An event counts unless a later one that counts takes it back. When one begins or ceases to count, so do those that
// the events it takes back have taken back themselves. One may do so more than once on the way: the sets follow it at
// once.
void ChangeHistory::set_counting(Events& known, const Event& changed, bool begins) {
    std::vector<std::pair<const Event*, bool>> todo;  // those that take something back
    const auto note = [&](const Event& event, bool counts) {
        if (event.undone.empty()) {
            if (counts) {
                known.plain.insert(event.entry);
            } else {
                known.plain.erase(event.entry);
            }
            return;
        }
        const std::size_t first = known.events[event.undone.front()].entry;  // they are in order
        if (counts) {
            known.first_undone.insert(first);
        } else {
            known.first_undone.erase(known.first_undone.find(first));
        }
        todo.emplace_back(&event, counts);
    };
    note(changed, begins);
    while (!todo.empty()) {
        const auto [event, counts] = todo.back();
        todo.pop_back();
        for (const std::size_t place : event->undone) {
            Event& undone = known.events[place];
            const bool counted = undone.counts();
            undone.taken_back_by += counts ? 1 : std::size_t(-1);
            if (undone.counts() != counted) {
                note(undone, undone.counts());
            }
        }
    }
}

const ChangeHistory::Events& ChangeHistory::find_events(const Key& wanted) const {
    const auto place = events_
                           .try_emplace({wanted.kind, wanted.kind == Key::Kind::role ? ascii_lower(wanted.name)
                                                                                     : std::string(wanted.name)})
                           .first;
    const Key key{wanted.kind, place->first.second};
    Events& known = place->second;
    for (; known.entries < entries_.size(); ++known.entries) {
        if (!touches(known.entries, key)) {
            continue;
        }
        Event event;
        event.entry = known.entries;
        event.undone = find_undone(known.entries, known.events);
        known.events.push_back(std::move(event));
        set_counting(known, known.events.back(), true);
    }
    return known;
}

std::size_t ChangeHistory::entries_before_mark(std::string_view code) const {
    const auto newest = std::find_if(marks_.rbegin(), marks_.rend(),
                                     [&](const Mark& mark) { return mark.all || contains(mark.codes, code); });
    return newest == marks_.rend() ? 0 : newest->entries;
}

std::optional<std::size_t> ChangeHistory::origin_of_role(std::string_view code) const {
    const std::string folded = ascii_lower(code);
    const std::size_t marked = entries_before_mark(folded);
    const std::vector<Event>& events = find_events(Key::role(code)).events;
    bool given_since = false;
    for (auto event = events.rbegin(); event != events.rend(); ++event) {
        if (!event->counts()) {
            continue;
        }
        const bool gives = contains(touched_[event->entry].added, folded);
        given_since = given_since || (gives && event->entry >= marked);
        if (!event->undone.empty()) {
            continue;
        }
        return gives && given_since ? std::optional(event->entry) : std::nullopt;
    }
    return std::nullopt;
}

bool ChangeHistory::is_superseded(const Key& key, const std::function<bool(const Entry&)>& is_later) const {
    const std::vector<Event>& events = find_events(key).events;
    return std::any_of(events.rbegin(), events.rend(), [&](const Event& event) {
        if (!event.counts() || !is_later(entries_[event.entry])) {
            return false;
        }
        return event.undone.empty() || std::any_of(event.undone.begin(), event.undone.end(), [&](std::size_t undone) {
                   return !is_later(entries_[events[undone].entry]);
               });
    });
}

bool ChangeHistory::is_superseded_after(const Key& key, std::size_t entry) const {
    const Events& known = find_events(key);
    if (known.plain.upper_bound(entry) != known.plain.end()) {
        return true;
    }
    if (known.first_undone.empty() || *known.first_undone.begin() > entry) {
        return false;
    }
    return std::any_of(known.events.rbegin(), known.events.rend(), [&](const Event& event) {
        return event.counts() && event.entry > entry && !event.undone.empty() &&
               known.events[event.undone.front()].entry <= entry;
    });
}

bool ChangeHistory::counts(std::size_t entry, const Key& key) const {
    const std::vector<Event>& events = find_events(key).events;
    const auto event = std::lower_bound(events.begin(), events.end(), entry,
                                        [](const Event& a, std::size_t wanted) { return a.entry < wanted; });
    return event != events.end() && event->entry == entry && event->counts();
}

bool ChangeHistory::anything_counts(std::size_t entry) const {
    const Touched& touched = touched_[entry];
    if (touched.all) {
        return counts(entry, Key::existence());
    }
    const auto code_counts = [&](const std::string& code) { return counts(entry, Key::role(code)); };
    return std::any_of(touched.added.begin(), touched.added.end(), code_counts) ||
           std::any_of(touched.removed.begin(), touched.removed.end(), code_counts) ||
           std::any_of(touched.fields.begin(), touched.fields.end(),
                       [&](const std::string& field) { return counts(entry, Key::field(field)); });
}

}  // namespace customer_import
