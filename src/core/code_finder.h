// Role codes to be looked up ignoring the case of ASCII letters.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "core/pace.h"

namespace customer_import {

class CodeFinder {
public:
    // The codes must outlive the object.
    explicit CodeFinder(std::span<const std::string_view> codes, InterruptCheck check = ask_nobody);

    // Returns the code as it is spelled among them, of several spellings the first one in byte order; an empty view if
    // it is not among them.
    std::string_view find(std::string_view code) const;
    bool contains(std::string_view code) const { return !find(code).empty(); }

private:
    std::span<const std::string_view> codes_;
    std::vector<std::string_view> sorted_;  // empty while they are few
};

}  // namespace customer_import
