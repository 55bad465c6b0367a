#include "core/role_catalogue.h"

#include <algorithm>
#include <bit>

#include "core/text.h"

namespace customer_import {

namespace {

// Whether a letter of UTF-8 begins with this byte.
bool begins_letter(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x80 || byte >= 0xc0;
}

// The set of letters that occur, some of which share a bit.
std::uint64_t letters(std::string_view lower_case) {
    std::uint64_t set = 0;
    for (const char c : lower_case) {
        if (begins_letter(c)) set |= std::uint64_t{1} << (static_cast<unsigned char>(c) & 63);
    }
    return set;
}

}  // namespace

bool RoleCatalogue::add(std::string_view code, bool privileged) {
    const std::string lower_case = ascii_lower(code);
    return spelling_.try_emplace(lower_case, Entry{std::string(code), letters(lower_case), privileged}).second;
}

std::string_view RoleCatalogue::find(std::string_view code) const {
    const auto found = spelling_.find(ascii_lower(code));
    return found == spelling_.end() ? std::string_view() : std::string_view(found->second.spelling);
}

bool RoleCatalogue::is_privileged(std::string_view code) const {
    const auto found = spelling_.find(ascii_lower(code));
    return found != spelling_.end() && found->second.privileged;
}

std::vector<std::string> RoleCatalogue::codes() const {
    std::vector<std::string> codes;
    for (const auto& [lower_case, entry] : spelling_) codes.push_back(entry.spelling);
    return codes;
}

std::string_view RoleCatalogue::nearest(std::string_view code, InterruptCheck check) const {
    const auto length = static_cast<std::size_t>(std::count_if(code.begin(), code.end(), begins_letter));
    std::size_t nearest_distance = std::max<std::size_t>(1, length / 3);
    std::string_view nearest;
    const std::uint64_t own_letters = letters(ascii_lower(code));
    Pace pace(check);
    for (const auto& [lower_case, entry] : spelling_) {
        pace.step();
        // Codes have letters of one byte.
        if (length > entry.spelling.size() + nearest_distance) continue;
        // One edit adds and removes a letter at the most: far codes need no closer look.
        const auto differing = static_cast<std::size_t>(std::popcount(own_letters ^ entry.letters));
        if (differing > 2 * nearest_distance) continue;
        pace.step(32 * code.size() * entry.spelling.size() / 16);
        const std::size_t distance = edit_distance(code, entry.spelling, nearest_distance);
        if (distance > nearest_distance) continue;
        if (nearest.empty() || distance < nearest_distance || entry.spelling < nearest) nearest = entry.spelling;
        nearest_distance = distance;
    }
    return nearest;
}

}  // namespace customer_import
