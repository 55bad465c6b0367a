// Role sets: sorted in byte order, unique, without empty codes. Views only: the codes belong to the caller.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/pace.h"

namespace customer_import {

class RoleSet {
public:
    RoleSet() = default;
    // Takes any codes and makes them canonical. Linear when they are sorted already.
    explicit RoleSet(std::vector<std::string_view> codes, InterruptCheck check = ask_nobody);

    const std::vector<std::string_view>& codes() const { return codes_; }
    bool empty() const { return codes_.empty(); }
    std::size_t size() const { return codes_.size(); }
    bool contains(std::string_view code) const;

    // Linear merges. The result views the operands' codes.
    friend RoleSet operator|(const RoleSet& a, const RoleSet& b);  // union
    friend RoleSet operator-(const RoleSet& a, const RoleSet& b);  // difference
    friend RoleSet operator&(const RoleSet& a, const RoleSet& b);  // intersection
    friend bool operator==(const RoleSet& a, const RoleSet& b) { return a.codes_ == b.codes_; }

    static bool is_canonical(const std::string_view* codes, std::size_t count, InterruptCheck check = ask_nobody);

private:
    std::vector<std::string_view> codes_;
};

inline constexpr std::size_t kMaxRoleCodeBytes = 63;

// The most that the SQL functions take of a role cell, or of an array of codes: as much as a cell of a file may have.
inline constexpr std::size_t kMaxRoleSetBytes = 1024 * 1024;

// What separates the codes of a role cell.
inline constexpr std::string_view kRoleSeparators = ",;|\r\n";

// Splits a role cell at , ; | and line breaks; trims each code, drops empty ones and repeats (exact ones only: the
// catalog knows about case). The order of first appearance is kept. The views point into `cell`.
std::vector<std::string_view> split_role_cell(std::string_view cell, InterruptCheck check = ask_nobody);

// The codes of one list that another one lacks, in lower case and sorted: a code is the same whatever its case, so what
// only gets another spelling is neither added nor removed.
std::vector<std::string> codes_without(std::span<const std::string_view> codes,
                                       std::span<const std::string_view> others, InterruptCheck check = ask_nobody);

// Whether giving a customer these codes changes nothing: it holds all of them, and none in another spelling as well.
bool holds_as_spelled(std::span<const std::string_view> held, std::span<const std::string_view> codes,
                      InterruptCheck check = ask_nobody);

// True for 1 to 63 of ASCII letters, digits, _ . : -
bool is_role_code(std::string_view code);

}  // namespace customer_import
