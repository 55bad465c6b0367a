// Which records of a file change nothing, found from the customers in whatever order these come: for records that add
// roles and do nothing else.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/pace.h"

namespace customer_import {

// A hash table of the customers that records name.
class UnchangedRecords {
public:
    using Codes = std::span<const std::string_view>;

    // Stands for a user name: 96 bits of a hash whose seed nobody knows.
    using Key = std::array<std::uint32_t, 3>;

    // With so many the object takes 38 MB at the most.
    static constexpr std::size_t kMaxRecords = 1024 * 1024;

    // Adds a record that gives a customer these codes; does nothing where it has very many, is far down in the file, or is
    // one too many. The codes must outlive the object, the span need not.
    void add(std::int64_t line, Key key, Codes codes);

    // To be called before see(), and again after more was added. Of a customer with several records none will be found.
    void index(InterruptCheck check = ask_nobody);

    // Fetches into the cache of the processor what see() will read: at least some ten calls before it, and some five.
    void fetch_place(Key key) const;
    void fetch_entry(Key key) const;

    // Takes a customer with its codes: its record, if there is one, changes nothing where all are there, none of them in
    // another spelling as well.
    void see(Key key, Codes held);

    // Gives up the memory for all but contains() and found().
    void forget_customers();

    // Whether the record in this line was found to change nothing.
    bool contains(std::int64_t line) const {
        const auto bit = static_cast<std::size_t>(line);
        return bit / 64 < unchanged_.size() && (unchanged_[bit / 64] >> bit % 64 & 1) != 0;
    }

    std::size_t size() const { return entries_.size(); }
    std::size_t found() const { return found_; }

private:
    struct Entry {
        Key key;
        std::uint32_t line;        // 0: not to be found
        std::uint32_t codes : 24;  // where they begin in numbers_
        std::uint32_t count : 8;
    };
    struct Known {
        const char* text = nullptr;
        std::uint16_t number = 0;
    };

    std::uint16_t number_of(std::string_view code);
    std::size_t place_of(Key key) const;
    std::size_t first_place(Key key) const { return key[0] & (places_.size() - 1); }

    std::vector<Entry> entries_;
    std::vector<std::uint32_t> places_;   // by the hash: a number in entries_, and 1; 0: free
    std::vector<std::uint16_t> numbers_;  // the codes of all records, as numbers in codes_
    std::vector<std::string_view> codes_;
    std::array<Known, 256> recent_{};                       // by where their text is
    std::unordered_map<const char*, std::uint16_t> known_;  // by where their text is
    std::vector<std::string_view> wanted_;
    std::vector<std::uint64_t> unchanged_;  // a bit for each line
    std::size_t found_ = 0;
};

}  // namespace customer_import
