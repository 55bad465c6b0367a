// What search_customers() compares: the texts by which people look for a customer, folded as user names are.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace customer_import {

// No more than this is searched of a longer text.
inline constexpr std::size_t kMaxSearchedBytes = 64 * 1024;

// What a customer is found by; empty where it has none.
struct SearchedCustomer {
    std::string_view user_name;
    std::string_view email;
    std::string_view first_name;
    std::string_view last_name;
    std::string_view company;
};

// How well a customer matches, best first.
enum class SearchRank { user_name, user_name_begins, other_begins, inside };

// Returns all that a customer is found by, folded, a line each; first and last name are one line, so that both together
// are found.
std::string search_text(const SearchedCustomer& customer);

// Returns how well a customer matches a folded query; nothing when it does not match. It matches exactly when the query
// is part of a line of search_text().
std::optional<SearchRank> search_rank(std::string_view folded_query, const SearchedCustomer& customer);

// Returns the pattern of SQL's LIKE for texts that contain the query.
std::string like_pattern(std::string_view query);

// Whether an index of trigrams narrows the search down: the query has three letters or digits in a row. What is not
// ASCII counts as letters.
bool has_trigram(std::string_view query);

}  // namespace customer_import
