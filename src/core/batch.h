// Step 4: a batch of validated records, with all the memory that they point into.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

namespace customer_import {

// A validated cell of a value field.
struct Cell {
    enum class Action : std::uint8_t { keep, set, clear };
    Action action = Action::keep;
    std::string_view text;  // for set: valid UTF-8 without NUL; a boolean field holds "true" or "false"
    // How many bytes the cell has lost at both ends of `text`, where they still are.
    std::uint8_t lost_before = 0;
    std::uint8_t lost_after = 0;

    bool is_whole() const { return (lost_before | lost_after) == 0; }
    std::string_view whole() const { return {text.data() - lost_before, text.size() + lost_before + lost_after}; }
};

// Where the bytes of a record are, among those of others; of no size where they are not kept apart.
struct RawPlace {
    std::uint64_t begin = 0;
    std::uint64_t size = 0;
};

// A record that passed validation. Views point into its batch or, for role codes, into the catalog.
struct Record {
    std::int64_t line = 0;
    std::string_view raw;                         // many cells are views of it; empty where it is kept apart
    RawPlace raw_place;                           // where that is
    std::string_view user_name;                   // folded
    std::span<const std::string_view> add_roles;  // canonical role sets in the catalog's spelling
    std::span<const std::string_view> remove_roles;
    std::span<const std::string_view> lost_roles;  // codes to remove or, with replaces_roles, to keep that the catalog
                                                   // does not have, as written
    std::span<const std::string_view> replace_roles;
    bool replaces_roles = false;  // `roles` was filled or cleared
    std::span<const std::string_view>
        settled_roles;                // with replaces_roles: codes that stay as the customer has them, in
                                      // any case (of a retry alone, and never spooled)
    std::span<const Cell> cells;      // one per HeaderMap::value_fields()
    std::string_view doubtful_name;   // the user name as written, where it is taken only if a customer has it: see
                                      // is_doubtful_name()
    bool has_doubtful_cells = false;  // a cell has text that is written nowhere: see is_doubtful_text()
};

// Owns records. clear() gives the memory up for the next batch. Not copyable: records point into it.
class Batch {
public:
    Batch() = default;
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;

    std::string_view keep(std::string_view text);
    void keep(const Cell& cell, Cell& copy);
    std::span<const std::string_view> keep_codes(std::span<const std::string_view> codes);  // the list, not the texts
    std::span<std::string_view> make_codes(std::size_t count);
    std::span<Cell> make_cells(std::size_t count);

    void add(const Record& record) { records_.push_back(record); }
    // Gives the last record other bytes that it came from.
    void replace_raw(std::string_view raw) { records_.back().raw = keep(raw); }
    const std::vector<Record>& records() const { return records_; }
    std::size_t size() const { return records_.size(); }
    std::size_t bytes() const { return bytes_; }  // what keep() and friends took
    void clear();

private:
    void* allocate(std::size_t bytes, std::size_t alignment);
    template <typename Element>
    std::span<Element> make_list(std::size_t count);

    std::pmr::monotonic_buffer_resource arena_;
    std::vector<Record> records_;
    std::size_t bytes_ = 0;
};

// Groups records by user name. The groups are sorted by user name in byte order; each holds the indexes of its records,
// in file order.
std::vector<std::vector<std::uint32_t>> group_by_user(std::span<const Record> records);

// Splits records[0 .. count) into rounds in which every user name appears at most once, each sorted by user name in
// byte order; round n holds the n-th records of their user names. Returns indexes. Applying the rounds in order has the
// effect of applying each customer's records in file order.
std::vector<std::vector<std::uint32_t>> make_rounds(std::span<const Record> records);

}  // namespace customer_import
