#include "core/own_columns.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "core/spreadsheet_guard.h"
#include "core/text.h"

namespace customer_import {

namespace {

constexpr std::size_t kMaxErrorBytes = 16000;  // every byte may be a quote, which is doubled

// Where the fields of a record end; nothing when a quote is open at its end.
std::vector<std::size_t> field_ends(std::string_view record, char delimiter) {
    std::vector<std::size_t> ends;
    bool quoted = false;
    for (std::size_t place = 0; place < record.size(); ++place) {
        if (record[place] == '"') {
            quoted = !quoted;
        }
        if (record[place] == delimiter && !quoted) {
            ends.push_back(place);
        }
    }
    if (quoted) {
        return {};
    }
    ends.push_back(record.size());
    return ends;
}

bool is_named(std::string_view record, const std::vector<std::size_t>& ends, std::size_t field, std::string_view name) {
    const std::size_t begin = ends[field - 1] + 1;
    std::string_view text = trim(record.substr(begin, ends[field] - begin));
    if (text.size() > 1 && text.front() == '"' && text.back() == '"') {
        text = text.substr(1, text.size() - 2);
    }
    return equal_ignoring_ascii_case(trim(text), name);
}

}  // namespace

bool is_own_column(std::string_view header) {
    static constexpr std::string_view kOwn[] = {kLineColumn, kErrorColumn, kEscapedColumn, kBrokenColumn};
    const std::string_view name = trim(header);
    return std::any_of(std::begin(kOwn), std::end(kOwn),
                       [&](std::string_view own) { return equal_ignoring_ascii_case(name, own); });
}

std::string error_cell(std::string_view error) { return shorten(error, kMaxErrorBytes); }

OwnColumns::OwnColumns(std::string_view header, char delimiter) : delimiter_(delimiter), header_(header) {
    const std::vector<std::size_t> ends = field_ends(header, delimiter);
    columns_ = kept_ = ends.size();
    while (kept_ > 2 && is_named(header, ends, kept_ - 2, kLineColumn) &&
           is_named(header, ends, kept_ - 1, kErrorColumn)) {
        kept_ -= 2;
    }
    if (kept_ < columns_) {
        header_ = header.substr(0, ends[kept_ - 1]);
    }
}

std::string OwnColumns::complete(std::string_view record) const {
    const std::vector<std::size_t> ends = field_ends(record, delimiter_);
    if (ends.size() > columns_) {
        record = record.substr(0, ends[columns_ - 1]);
    }
    std::string completed(record);
    if (!ends.empty() && ends.size() < columns_) {
        completed.append(columns_ - ends.size(), delimiter_);
    }
    return completed;
}

std::string_view OwnColumns::strip(std::string_view record) const {
    if (kept_ == columns_) {
        return record;
    }
    const std::vector<std::size_t> ends = field_ends(record, delimiter_);
    return ends.size() == columns_ ? record.substr(0, ends[kept_ - 1]) : record;
}

}  // namespace customer_import
