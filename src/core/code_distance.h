// How far a role code that does not exist is from those that do: many comparisons with one code, made cheap. The
// distance is edit_distance() of core/text, by the bit-parallel algorithm of Hyyrö 2003 ("A bit-vector algorithm for
// computing Levenshtein and Damerau edit distances"): a letter of the one is compared with all letters of the other at
// once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace customer_import {

// How often each letter occurs in a text; some letters share a count.
class LetterCounts {
public:
    explicit LetterCounts(std::string_view text);

    // False when the two texts are certainly more than `limit` edits apart: an edit adds at most one letter and removes
    // at most one.
    bool may_be_within(std::size_t limit, const LetterCounts& other) const;

private:
    std::uint64_t occurring_ = 0;  // a bit for each letter, some share one: tells most pairs apart at a glance
    std::array<std::uint8_t, 32> counts_{};
};

// A code that is compared with many others.
class CodeDistance {
public:
    explicit CodeDistance(std::string_view code);

    std::size_t letters() const { return letters_.size(); }
    const LetterCounts& counts() const { return counts_; }

    // Returns edit_distance(code, other, limit). `other` is ASCII, as role codes are, in lower case.
    std::size_t to(std::string_view other, std::size_t limit) const;

private:
    static constexpr std::size_t kBits = 64;

    // For each letter the positions where it occurs; letters beyond ASCII have none.
    using Places = std::array<std::uint64_t, 128>;
    static Places places_of(std::string_view letters);
    static std::size_t distance(const Places& places, std::size_t length, std::string_view other, std::size_t limit);

    std::string code_;
    std::string letters_;  // in lower case, one byte each; those beyond ASCII are kOther
    LetterCounts counts_;
    Places places_{};  // of letters_, when these are few enough
};

}  // namespace customer_import
