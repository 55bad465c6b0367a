// The role codes that exist, looked up ignoring ASCII case; the catalog's spelling is what is stored.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/code_distance.h"
#include "core/pace.h"
#include "core/text.h"

namespace customer_import {

class RoleCatalog {
public:
    RoleCatalog() = default;
    RoleCatalog(const RoleCatalog& other);
    RoleCatalog& operator=(const RoleCatalog&) = delete;

    // Adds a code, of at most kMaxRoleCodeBytes, unless one that differs only in case is there already. Returns true when
    // it was added.
    bool add(std::string_view code, bool privileged = false);

    // Returns the catalog's spelling, or an empty view. The view lives as long as the catalog, also when more
    // codes are added.
    std::string_view find(std::string_view code) const;

    // True for a code, in any case, that only administrators may give to customers or take from them.
    bool is_privileged(std::string_view code) const;

    // True when each code of `other` is here, spelled as there.
    bool covers(const RoleCatalog& other) const;

    // True when the privileged codes of both are the same.
    bool protects_as(const RoleCatalog& other) const;

    // Returns the nearest code to one that does not exist, or an empty view when none is near enough: distance at most
    // max(1, length / 3); the smallest distance wins, then byte order. Takes time for each code of the catalog; files
    // repeat their mistakes, so the answers are remembered.
    std::string_view nearest(std::string_view code, InterruptCheck check = ask_nobody) const;

    // The same for an issue of a record that has `earlier` issues already: nothing after many of them.
    std::string_view suggest(std::string_view code, std::size_t earlier, InterruptCheck check = ask_nobody) const;

    // All codes, in no particular order.
    std::vector<std::string> codes() const;

    std::size_t size() const { return spelling_.size(); }

private:
    struct Entry {
        std::string spelling;
        bool privileged;
    };
    // What nearest() looks through; the views are of spelling_.
    struct Candidate {
        LetterCounts counts;
        std::string_view lower_case;
        std::string_view spelling;
    };

    const Entry* find_entry(std::string_view code) const;
    std::string_view find_nearest(std::string_view code, InterruptCheck check) const;

    TextMap<Entry> spelling_;                          // by lower case; node based, so views stay valid
    mutable std::array<const Entry*, 1024> recent_{};  // found lately, where they were spelled as here
    std::vector<Candidate> candidates_;
    std::size_t longest_ = 0;
    mutable TextMap<std::string_view> remembered_;  // answers of nearest(), until the catalog grows
};

}  // namespace customer_import
