// Which slice of an import a customer belongs to. All records of a customer are in one slice.
#pragma once

#include <cstdint>
#include <string_view>

namespace customer_import {

// Frozen with each import: an import that began with one version must be able to resume with the next one. Source:
// FNV-1a, 64 bits, of the folded user name; draft-eastlake-fnv.
constexpr std::uint64_t slice_hash(std::string_view user_name) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : user_name) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    return hash;
}

// Returns the slice, from 0, of `slices` slices. The high bits decide: the low ones of this hash are worse.
constexpr int slice_of(std::string_view user_name, int slices) {
    return static_cast<int>((slice_hash(user_name) >> 32) * static_cast<std::uint64_t>(slices) >> 32);
}

}  // namespace customer_import
