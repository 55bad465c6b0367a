// Which slice of an import a customer belongs to. All records of a customer are in one slice.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace customer_import {

// Divides records that come in the order of user names: each slice gets a range of names, so that those who apply them
// meet neither each other nor a page of the index twice.
class SliceCutter {
public:
    // `records`: how many will come. `check_cost`: who applies the first slice has checked all of them before, which takes
    // so long, where 1 is the time to apply all; that slice is so much smaller than an equal share.
    SliceCutter(std::int64_t records, int slices, double check_cost)
        : records_(records), slices_(slices), check_cost_(check_cost) {}

    // Returns the slice, from 0, of the next record.
    int next(std::string_view user_name) {
        // The last cuts may be at one record, and a customer with many records may be behind several: slices are empty then.
        while (user_name != last_ && slice() + 1 < slices_ && seen_ >= begin_of(slice() + 1)) {
            names_.emplace_back(user_name);
        }
        last_ = user_name;
        ++seen_;
        return slice();
    }

    // For slice_of(): where each slice but the first begins, as far as there are records.
    const std::vector<std::string>& names() const { return names_; }

private:
    static constexpr double kLeastShare = 0.25;  // of an equal share

    int slice() const { return static_cast<int>(names_.size()); }

    // After so many records the slice begins.
    std::int64_t begin_of(int slice) const {
        const double equal = 1.0 / slices_;
        const double first = std::max(equal - check_cost_ * (1 - equal), kLeastShare * equal);
        const double others = slices_ > 1 ? (1 - first) / (slices_ - 1) : 0;
        return std::llround(static_cast<double>(records_) * (first + others * (slice - 1)));
    }

    const std::int64_t records_;
    const int slices_;
    const double check_cost_;
    std::int64_t seen_ = 0;
    std::string last_;  // no user name is empty
    std::vector<std::string> names_;
};

// Returns the slice of a customer where the slices begin at these names.
inline int slice_of(std::string_view user_name, const std::vector<std::string>& names) {
    return static_cast<int>(std::upper_bound(names.begin(), names.end(), user_name) - names.begin());
}

// Frozen with each import: an import that began with one version must be able to resume with the next one. Source:
// FNV-1a, 64 bits, of the folded user name; draft-eastlake-fnv.
constexpr std::uint64_t slice_hash(std::string_view user_name) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : user_name) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    return hash;
}

// Returns the slice, from 0, of `slices` slices where nobody has seen the records in order. The high bits decide: the
// low ones of this hash are worse.
constexpr int slice_of(std::string_view user_name, int slices) {
    return static_cast<int>((slice_hash(user_name) >> 32) * static_cast<std::uint64_t>(slices) >> 32);
}

}  // namespace customer_import
