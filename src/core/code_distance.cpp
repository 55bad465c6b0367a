#include "core/code_distance.h"

#include <algorithm>
#include <bit>

#include "core/text.h"

namespace customer_import {

namespace {

// In no role code.
constexpr char kOther = '\0';

std::string letters_of(std::string_view text) {
    std::string letters;
    for (const char c : ascii_lower(text)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            letters += c;
        }
        if (byte >= 0xc0) {
            letters += kOther;
        }
    }
    return letters;
}

}  // namespace

LetterCounts::LetterCounts(std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        occurring_ |= std::uint64_t{1} << byte % 64;
        std::uint8_t& count = counts_[byte % counts_.size()];
        count = static_cast<std::uint8_t>(std::min(count + 1, 255));
    }
}

bool LetterCounts::may_be_within(std::size_t limit, const LetterCounts& other) const {
    if (static_cast<std::size_t>(std::popcount(occurring_ ^ other.occurring_)) > 2 * limit) {
        return false;
    }
    unsigned more = 0, fewer = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        const unsigned largest = std::max(counts_[i], other.counts_[i]);
        more += largest - other.counts_[i];
        fewer += largest - counts_[i];
    }
    return std::max(more, fewer) <= limit;
}

CodeDistance::CodeDistance(std::string_view code) : code_(code), letters_(letters_of(code)), counts_(letters_) {
    if (letters_.size() <= kBits) {
        places_ = places_of(letters_);
    }
}

CodeDistance::Places CodeDistance::places_of(std::string_view letters) {
    Places places{};
    for (std::size_t i = 0; i < letters.size(); ++i) {
        if (letters[i] != kOther) {
            places[static_cast<unsigned char>(letters[i]) % places.size()] |= std::uint64_t{1} << i;
        }
    }
    return places;
}

std::size_t CodeDistance::to(std::string_view other, std::size_t limit) const {
    const std::size_t difference = letters_.size() > other.size() ? letters_.size() - other.size()
                                                                  : other.size() - letters_.size();
    if (difference > limit) {
        return limit + 1;
    }
    if (letters_.size() <= kBits) {
        return distance(places_, letters_.size(), other, limit);
    }
    if (other.size() <= kBits) {
        return distance(places_of(other), other.size(), letters_, limit);
    }
    return edit_distance(code_, other, limit);
}

// A column of the matrix for each letter of `other`: where it is one more than in the column or the row before, and
// where one less, a bit for each of the letters that `places` are of.
std::size_t CodeDistance::distance(const Places& places, std::size_t length, std::string_view other,
                                   std::size_t limit) {
    if (length == 0) {
        return std::min(other.size(), limit + 1);
    }
    const std::uint64_t last = std::uint64_t{1} << (length - 1);
    std::uint64_t rises = ~std::uint64_t{0}, falls = 0, diagonal = 0, same_before = 0;
    std::size_t result = length;
    for (std::size_t left = other.size(); left > 0; --left) {
        const std::uint64_t same = places[static_cast<unsigned char>(other[other.size() - left]) % places.size()];
        const std::uint64_t exchanged = ((~diagonal & same) << 1) & same_before;
        diagonal = (((same & rises) + rises) ^ rises) | same | falls | exchanged;
        std::uint64_t more = falls | ~(diagonal | rises);
        std::uint64_t fewer = diagonal & rises;
        result += (more & last) != 0;
        result -= (fewer & last) != 0;
        // Each of the remaining letters reduces the distance by one at most.
        if (result >= limit + left) {
            return limit + 1;
        }
        more = more << 1 | 1;
        fewer <<= 1;
        rises = fewer | ~(diagonal | more);
        falls = more & diagonal;
        same_before = same;
    }
    return std::min(result, limit + 1);
}

}  // namespace customer_import
