#include "core/file_warnings.h"

#include <algorithm>

#include "core/format.h"
#include "core/report.h"
#include "core/text.h"

namespace customer_import {

namespace {

constexpr std::size_t kMaxEntries = 100;

}  // namespace

void FileWarnings::add(Kind kind, std::int64_t line, std::string_view column, std::string_view value) {
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
        return entry.kind == kind && entry.column == column && entry.value == value;
    });
    if (found != entries_.end()) {
        ++found->count;
        found->first_line = std::min(found->first_line, line);
    } else if (entries_.size() < kMaxEntries || column.empty()) {
        entries_.push_back({kind, std::string(column), std::string(value), line, 1});
    }
}

std::vector<std::string> FileWarnings::texts() const {
    std::vector<Entry> sorted = entries_;
    std::stable_sort(sorted.begin(), sorted.end(), [](const Entry& a, const Entry& b) { return a.kind < b.kind; });
    std::vector<std::string> texts;
    for (const Entry& entry : sorted) {
        const std::string count = format_count(entry.count);
        const std::int64_t line = entry.first_line;
        const bool one = entry.count == 1;
        switch (entry.kind) {
            case Kind::blank_record:
                texts.push_back(one ? format("the blank record at line {} was passed over", line)
                                    : format("{} blank records were passed over, first at line {}", count, line));
                break;
            case Kind::short_record:
                texts.push_back(one ? format("the record at line {} has fewer cells than the header: the missing ones "
                                             "were read as empty",
                                             line)
                                    : format("{} records have fewer cells than the header, first at line {}: the "
                                             "missing ones were read as empty",
                                             count, line));
                break;
            case Kind::surplus_cells:
                texts.push_back(
                    one ? format("the record at line {} has empty cells beyond the header: they were ignored", line)
                        : format("{} records have empty cells beyond the header, first at line {}: they "
                                 "were ignored",
                                 count, line));
                break;
            case Kind::repeated_header:
                texts.push_back(one ? format("the header is repeated at line {} and was passed over", line)
                                    : format("the header is repeated {} times, first at line {}, and was passed over",
                                             count, line));
                break;
            case Kind::damaged_cell:
                texts.push_back(
                    one ? format("\"{}\": one cell holds {}, at line {}", entry.column, quoted(entry.value), line)
                        : format("\"{}\": {} cells hold {}, first at line {}", entry.column, count, quoted(entry.value),
                                 line));
                break;
            case Kind::shortened_number:
                texts.push_back(
                    one ? format("\"{}\": one cell looks like a number shortened by a spreadsheet, at line {}",
                                 entry.column, line)
                        : format("\"{}\": {} cells look like numbers shortened by a spreadsheet, first at line {}",
                                 entry.column, count, line));
                break;
        }
    }
    return texts;
}

}  // namespace customer_import
