#include "core/role_catalog.h"

#include <algorithm>
#include <array>

#include "core/role_set.h"
#include "core/text.h"

namespace customer_import {

namespace {

constexpr std::size_t kMaxRemembered = 4096;
constexpr std::size_t kMaxSuggestions = 50;  // of a record
constexpr std::size_t kBytesOfLetter = 32;   // a letter is a step of its own

}  // namespace

RoleCatalog::RoleCatalog(const RoleCatalog& other) {
    for (const auto& [key, entry] : other.spelling_) {
        add(entry.spelling, entry.privileged);
    }
}

bool RoleCatalog::add(std::string_view code, bool privileged) {
    const auto [place, added] = spelling_.try_emplace(ascii_lower(code), Entry{std::string(code), privileged});
    if (!added) {
        return false;
    }
    candidates_.push_back({LetterCounts(place->first), place->first, place->second.spelling});
    longest_ = std::max(longest_, code.size());
    remembered_.clear();
    return true;
}

std::string_view RoleCatalog::find(std::string_view code) const {
    const Entry* found = find_entry(code);
    return found == nullptr ? std::string_view() : std::string_view(found->spelling);
}

bool RoleCatalog::is_privileged(std::string_view code) const {
    const Entry* found = find_entry(code);
    return found != nullptr && found->privileged;
}

const RoleCatalog::Entry* RoleCatalog::find_entry(std::string_view code) const {
    const Entry*& recent = recent_[hash_of_ends(code) % recent_.size()];
    if (recent != nullptr && recent->spelling == code) {
        return recent;
    }
    std::array<char, kMaxRoleCodeBytes> lower_case;
    if (code.size() > lower_case.size()) {
        return nullptr;  // whatever its length, no more is read
    }
    std::transform(code.begin(), code.end(), lower_case.begin(), [](char c) { return ascii_lower(c); });
    const auto found = spelling_.find(std::string_view(lower_case.data(), code.size()));
    if (found == spelling_.end()) {
        return nullptr;
    }
    if (found->second.spelling == code) {
        recent = &found->second;
    }
    return &found->second;
}

bool RoleCatalog::covers(const RoleCatalog& other) const {
    return size() >= other.size() &&
           std::all_of(other.spelling_.begin(), other.spelling_.end(),
                       [&](const auto& entry) { return find(entry.second.spelling) == entry.second.spelling; });
}

bool RoleCatalog::protects_as(const RoleCatalog& other) const {
    const auto leaves_open = [](const RoleCatalog& catalog) {
        return [&catalog](const auto& entry) { return entry.second.privileged && !catalog.is_privileged(entry.first); };
    };
    return std::none_of(spelling_.begin(), spelling_.end(), leaves_open(other)) &&
           std::none_of(other.spelling_.begin(), other.spelling_.end(), leaves_open(*this));
}

std::vector<std::string> RoleCatalog::codes() const {
    std::vector<std::string> codes;
    for (const auto& [lower_case, entry] : spelling_) {
        codes.push_back(entry.spelling);
    }
    return codes;
}

std::string_view RoleCatalog::nearest(std::string_view code, InterruptCheck check) const {
    // A letter has four bytes at the most: with more than twice as many letters as the longest code it is near none of
    // them, and not read.
    if (code.size() > 8 * longest_) {
        return {};
    }
    const auto known = remembered_.find(code);
    if (known != remembered_.end()) {
        return known->second;
    }
    const std::string_view nearest = find_nearest(code, check);
    if (remembered_.size() >= kMaxRemembered) {
        remembered_.clear();
    }
    remembered_.emplace(code, nearest);
    return nearest;
}

std::string_view RoleCatalog::suggest(std::string_view code, std::size_t earlier, InterruptCheck check) const {
    return earlier < kMaxSuggestions ? nearest(code, check) : std::string_view();
}

std::string_view RoleCatalog::find_nearest(std::string_view code, InterruptCheck check) const {
    const CodeDistance distance_from(code);
    const std::size_t length = distance_from.letters();
    std::size_t nearest_distance = std::max<std::size_t>(1, length / 3);
    std::string_view nearest;
    Pace pace(check);
    for (const Candidate& candidate : candidates_) {
        pace.step(kBytesOfLetter * 4);
        // Distant ones need no exact comparison.
        if (!distance_from.counts().may_be_within(nearest_distance, candidate.counts)) {
            continue;
        }
        pace.step(kBytesOfLetter * (length + candidate.lower_case.size()));
        const std::size_t distance = distance_from.to(candidate.lower_case, nearest_distance);
        if (distance > nearest_distance) {
            continue;
        }
        if (nearest.empty() || distance < nearest_distance || candidate.spelling < nearest) {
            nearest = candidate.spelling;
        }
        nearest_distance = distance;
    }
    return nearest;
}

}  // namespace customer_import
