#include "core/change_history.h"

#include <algorithm>
#include <iterator>

#include "core/text.h"

namespace customer_import {

namespace {

std::vector<std::string> sorted_copy(const std::vector<std::string_view>& names) {
    std::vector<std::string> copy(names.begin(), names.end());
    std::sort(copy.begin(), copy.end());
    return copy;
}

// A code is the same whatever its case: what only gets another spelling is neither added nor removed.
std::vector<std::string> codes_without(const std::vector<std::string_view>& codes,
                                       const std::vector<std::string_view>& others) {
    std::vector<std::string> folded, other, result;
    for (const std::string_view code : codes) folded.push_back(ascii_lower(code));
    for (const std::string_view code : others) other.push_back(ascii_lower(code));
    std::sort(folded.begin(), folded.end());
    std::sort(other.begin(), other.end());
    std::set_difference(folded.begin(), folded.end(), other.begin(), other.end(), std::back_inserter(result));
    return result;
}

bool contains(const std::vector<std::string>& sorted, std::string_view name) {
    return std::binary_search(sorted.begin(), sorted.end(), name);
}

}  // namespace

void ChangeHistory::add(std::int64_t import_id, std::optional<std::int64_t> source, std::int64_t line,
                        const Change& change, std::int64_t applied_at_microseconds) {
    std::vector<std::string_view> fields;
    for (const FieldChange& field : change.fields) fields.push_back(field.field);
    by_line_.emplace(std::pair(import_id, line), entries_.size());
    entries_.push_back({import_id, source, line, applied_at_microseconds});
    touched_.push_back({change.created || change.deleted, codes_without(change.added, change.removed),
                        codes_without(change.removed, change.added), sorted_copy(fields)});
}

bool ChangeHistory::touches(std::size_t entry, const Key& key) const {
    const Touched& touched = touched_[entry];
    if (touched.all) return true;
    switch (key.kind) {
    case Key::Kind::role: {
        const std::string code = ascii_lower(key.name);
        return contains(touched.added, code) || contains(touched.removed, code);
    }
    case Key::Kind::field:
        return contains(touched.fields, key.name);
    case Key::Kind::existence:
        return false;
    }
    return false;
}

// An undo takes back what its source did to the key before. Where there is nothing (a trigger's work, or the source was
// purged), the undo is a change like any other.
std::vector<std::size_t> ChangeHistory::find_undone(std::size_t entry, const Key& key) const {
    std::vector<std::size_t> undone;
    const Entry& undo = entries_[entry];
    if (!undo.source) return undone;
    const auto [first, last] = by_line_.equal_range(std::pair(*undo.source, undo.line));
    for (auto place = first; place != last; ++place) {
        if (place->second < entry && touches(place->second, key)) undone.push_back(place->second);
    }
    return undone;
}

// Returns the events of a key, newest first: whether one counts is known when all that came after it is.
std::vector<ChangeHistory::Event> ChangeHistory::find_events(const Key& key) const {
    std::vector<Event> events;
    std::vector<bool> taken_back(entries_.size(), false);
    for (std::size_t entry = entries_.size(); entry-- > 0;) {
        if (!touches(entry, key)) continue;
        Event& event = events.emplace_back();
        event.entry = entry;
        event.counts = !taken_back[entry];
        event.undone = find_undone(entry, key);
        if (!event.counts) continue;
        for (const std::size_t undone : event.undone) taken_back[undone] = true;
    }
    return events;
}

std::optional<std::size_t> ChangeHistory::origin_of_role(std::string_view code) const {
    for (const Event& event : find_events(Key::role(code))) {
        if (!event.counts || !event.undone.empty()) continue;
        return contains(touched_[event.entry].added, ascii_lower(code)) ? std::optional(event.entry) : std::nullopt;
    }
    return std::nullopt;
}

bool ChangeHistory::is_superseded(const Key& key, const std::function<bool(const Entry&)>& is_later) const {
    const std::vector<Event> events = find_events(key);
    return std::any_of(events.begin(), events.end(), [&](const Event& event) {
        if (!event.counts || !is_later(entries_[event.entry])) return false;
        return event.undone.empty() || std::any_of(event.undone.begin(), event.undone.end(), [&](std::size_t undone) {
                   return !is_later(entries_[undone]);
               });
    });
}

bool ChangeHistory::counts(std::size_t entry, const Key& key) const {
    const std::vector<Event> events = find_events(key);
    return std::any_of(events.begin(), events.end(),
                       [&](const Event& event) { return event.entry == entry && event.counts; });
}

bool ChangeHistory::anything_counts(std::size_t entry) const {
    const Touched& touched = touched_[entry];
    if (touched.all) return counts(entry, Key::existence());
    const auto code_counts = [&](const std::string& code) { return counts(entry, Key::role(code)); };
    return std::any_of(touched.added.begin(), touched.added.end(), code_counts) ||
           std::any_of(touched.removed.begin(), touched.removed.end(), code_counts) ||
           std::any_of(touched.fields.begin(), touched.fields.end(),
                       [&](const std::string& field) { return counts(entry, Key::field(field)); });
}

}  // namespace customer_import
