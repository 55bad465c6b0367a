#include "core/unchanged_records.h"

#include <algorithm>
#include <bit>

#include "core/role_set.h"

namespace customer_import {

namespace {

constexpr std::size_t kSmall = 4096;
constexpr std::size_t kMaxCodes = 64;  // of a record
constexpr std::size_t kMaxNumbers = 3 * UnchangedRecords::kMaxRecords;
constexpr std::size_t kMaxKnown = 0xFFFF;
constexpr std::int64_t kMaxLine = 16'000'000;
constexpr std::size_t kAhead = 16;

}  // namespace

std::uint16_t UnchangedRecords::number_of(std::string_view code) {
    Known& recent = recent_[reinterpret_cast<std::uintptr_t>(code.data()) / 16 % recent_.size()];
    if (recent.text != code.data()) {
        const auto [place, is_new] = known_.try_emplace(code.data(), static_cast<std::uint16_t>(codes_.size()));
        if (is_new) {
            codes_.push_back(code);
        }
        recent = {code.data(), place->second};
    }
    return recent.number;
}

void UnchangedRecords::add(std::int64_t line, Key key, Codes codes) {
    if (codes.size() > kMaxCodes || line > kMaxLine || entries_.size() == kMaxRecords ||
        codes_.size() + codes.size() > kMaxKnown || numbers_.size() + codes.size() > kMaxNumbers) {
        return;
    }
    if (entries_.size() == kSmall) {  // pages that are never written take no memory
        entries_.reserve(kMaxRecords);
        numbers_.reserve(kMaxNumbers);
    }
    Entry& entry = entries_.emplace_back();
    entry.key = key;
    entry.line = static_cast<std::uint32_t>(line);
    entry.codes = static_cast<std::uint32_t>(numbers_.size()) & 0xFFFFFF;
    entry.count = static_cast<std::uint32_t>(codes.size()) & 0xFF;
    for (const std::string_view code : codes) {
        numbers_.push_back(number_of(code));
    }
}

void UnchangedRecords::index(InterruptCheck check) {
    places_.assign(std::bit_ceil(entries_.size() + entries_.size() / 2 + 1), 0);
    std::uint32_t last_line = 0;
    Pace pace(check);
    for (std::size_t number = 0; number < entries_.size(); ++number) {
        pace.step();
        if (number + kAhead < entries_.size()) {
            fetch_place(entries_[number + kAhead].key);
        }
        Entry& entry = entries_[number];
        last_line = std::max(last_line, entry.line);
        std::uint32_t& place = places_[place_of(entry.key)];
        if (place == 0) {
            place = static_cast<std::uint32_t>(number + 1);
        } else {
            entries_[place - 1].line = 0;
        }
    }
    unchanged_.assign(last_line / 64 + 1, 0);
    found_ = 0;
}

std::size_t UnchangedRecords::place_of(Key key) const {
    for (std::size_t place = first_place(key);; place = (place + 1) & (places_.size() - 1)) {
        if (places_[place] == 0) {
            return place;
        }
        if (entries_[places_[place] - 1].key == key) {
            return place;
        }
    }
}

void UnchangedRecords::forget_customers() {
    entries_ = {};
    places_ = {};
    numbers_ = {};
    codes_ = {};
    known_ = {};
    recent_ = {};
}

void UnchangedRecords::fetch_place(Key key) const { __builtin_prefetch(&places_[first_place(key)]); }

void UnchangedRecords::fetch_entry(Key key) const {
    if (const std::uint32_t number = places_[first_place(key)]; number != 0) {
        __builtin_prefetch(&entries_[number - 1]);
    }
}

void UnchangedRecords::see(Key key, Codes held) {
    const std::uint32_t number = places_[place_of(key)];
    if (number == 0) {
        return;
    }
    const Entry& entry = entries_[number - 1];
    wanted_.clear();
    for (const std::uint16_t code : std::span(numbers_).subspan(entry.codes, entry.count)) {
        wanted_.push_back(codes_[code]);
    }
    if (entry.line != 0 && holds_as_spelled(held, wanted_)) {
        unchanged_[entry.line / 64] |= std::uint64_t{1} << entry.line % 64;
        ++found_;
    }
}

}  // namespace customer_import
