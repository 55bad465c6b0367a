#include "core/batch.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>

namespace customer_import {

void* Batch::allocate(std::size_t bytes, std::size_t alignment) {
    bytes_ += bytes;
    return arena_.allocate(bytes, alignment);
}

std::string_view Batch::keep(std::string_view text) {
    if (text.empty()) {
        return {};
    }
    char* copy = static_cast<char*>(allocate(text.size(), 1));
    std::memcpy(copy, text.data(), text.size());
    return {copy, text.size()};
}

void Batch::keep(const Cell& cell, Cell& copy) {
    copy.action = cell.action;
    copy.text = keep(cell.whole()).substr(cell.lost_before, cell.text.size());
    copy.lost_before = cell.lost_before;
    copy.lost_after = cell.lost_after;
}

std::span<const std::string_view> Batch::keep_codes(std::span<const std::string_view> codes) {
    const std::span<std::string_view> copy = make_codes(codes.size());
    std::copy(codes.begin(), codes.end(), copy.begin());
    return copy;
}

std::span<std::string_view> Batch::make_codes(std::size_t count) { return make_list<std::string_view>(count); }

std::span<Cell> Batch::make_cells(std::size_t count) { return make_list<Cell>(count); }

template <typename Element>
std::span<Element> Batch::make_list(std::size_t count) {
    if (count == 0) {
        return {};
    }
    auto* list = static_cast<Element*>(allocate(count * sizeof(Element), alignof(Element)));
    std::uninitialized_default_construct_n(list, count);
    return {list, count};
}

void Batch::clear() {
    records_.clear();
    arena_.release();
    bytes_ = 0;
}

namespace {

// The indexes of the records, by user name and then as they come.
std::vector<std::uint32_t> order_by_user(std::span<const Record> records) {
    std::vector<std::uint32_t> order(records.size());
    std::iota(order.begin(), order.end(), 0);
    const auto before = [&](std::uint32_t a, std::uint32_t b) {
        const int names = records[a].user_name.compare(records[b].user_name);
        return names != 0 ? names < 0 : a < b;
    };
    if (!std::is_sorted(order.begin(), order.end(), before)) {
        std::sort(order.begin(), order.end(), before);
    }
    return order;
}

}  // namespace

std::vector<std::vector<std::uint32_t>> group_by_user(std::span<const Record> records) {
    std::vector<std::vector<std::uint32_t>> groups;
    for (const std::uint32_t index : order_by_user(records)) {
        if (groups.empty() || records[groups.back().front()].user_name != records[index].user_name) {
            groups.emplace_back();
        }
        groups.back().push_back(index);
    }
    return groups;
}

std::vector<std::vector<std::uint32_t>> make_rounds(std::span<const Record> records) {
    const std::vector<std::uint32_t> order = order_by_user(records);
    // The records of one user name are now adjacent, in file order: the n-th of them goes to round n, and every round
    // is filled in the order of the names.
    std::vector<std::vector<std::uint32_t>> rounds;
    std::size_t round = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
        const bool same_user = i > 0 && records[order[i]].user_name == records[order[i - 1]].user_name;
        round = same_user ? round + 1 : 0;
        if (round == rounds.size()) {
            rounds.emplace_back();
        }
        rounds[round].push_back(order[i]);
    }
    return rounds;
}

}  // namespace customer_import
