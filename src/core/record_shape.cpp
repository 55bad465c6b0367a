#include "core/record_shape.h"

#include <algorithm>
#include <utility>

#include "core/blank_text.h"
#include "core/text.h"

namespace customer_import {

namespace {

constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";
constexpr std::size_t kMaxLinesInBetween = 10;  // as many lines has a cell at most that is looked for

std::string_view without_mark(std::string_view text) {
    return text.starts_with(kUtf8Mark) ? text.substr(kUtf8Mark.size()) : text;
}

// The place of the next character from `place` on that counts in the name of a column.
std::size_t next_letter(std::string_view name, std::size_t place) {
    const auto counts = [](char c) { return c != '_' && c != '-' && c != ' ' && (c < '\t' || c > '\r'); };
    while (place < name.size() && !counts(name[place])) {
        ++place;
    }
    return place;
}

// Whether both name the same column. Takes no memory, and ends at the first letter that differs.
bool same_name(std::string_view a, std::string_view b) {
    std::size_t i = next_letter(a, 0);
    std::size_t j = next_letter(b, 0);
    while (i < a.size() && j < b.size() && ascii_lower(a[i]) == ascii_lower(b[j])) {
        i = next_letter(a, i + 1);
        j = next_letter(b, j + 1);
    }
    return i == a.size() && j == b.size();
}

bool has_column(const std::vector<std::string>& names, std::string_view name) {
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& other) { return equal_ignoring_ascii_case(trim(other), name); });
}

}  // namespace

RecordShaper::RecordShaper(ShapeOptions options, RecordSink& next, FileWarnings& warnings)
    : options_(std::move(options)), next_(next), warnings_(warnings) {}

Status RecordShaper::header(const CsvRecord& record) {
    raw_header_ = without_mark(record.raw);
    for (const std::string_view name : record.fields) {
        names_.emplace_back(without_mark(name));
    }
    least_ = names_.size();
    while (least_ > 1 && is_blank_text(names_[least_ - 1])) {
        --least_;
    }
    is_strict_ = options_.strict || (has_column(names_, "_line") && has_column(names_, "_error"));
    return next_.header(record);
}

Status RecordShaper::record(const CsvRecord& record) {
    if (is_header(record)) {
        if (Status refusal = end_run()) {
            return refusal;
        }
        warnings_.add(FileWarnings::Kind::repeated_header, record.line);
        next_.passed_over(record.line);
        return {};
    }
    if (is_strict_) {
        return next_.record(record);
    }
    if (!record.malformed && (record.fields.size() < least_ || is_part_of_one(record.fields.size()))) {
        return take_short(record);
    }
    if (Status refusal = end_run()) {
        return refusal;
    }
    if (record.fields.size() == names_.size() || record.malformed) {
        return next_.record(record);
    }
    if (record.fields.size() > names_.size()) {
        return take_long(record);
    }
    return options_.decided_before().value_or(true) ? complete(record) : next_.record(record);
}

// A file that was put together from several ones has the header of each.
bool RecordShaper::is_header(const CsvRecord& record) const {
    if (record.malformed) {  // a quote behind a byte order mark
        return equal_ignoring_ascii_case(without_mark(record.raw), raw_header_);
    }
    // From the last column on, which differs at the first letter as a rule: user names and "userName" may begin alike.
    for (std::size_t column = std::max(record.fields.size(), names_.size()); column-- > 0;) {
        const std::string_view cell = column < record.fields.size() ? record.fields[column] : std::string_view();
        const std::string_view name = column < names_.size() ? std::string_view(names_[column]) : std::string_view();
        if (!same_name(column == 0 ? without_mark(cell) : cell, name)) {
            return false;
        }
    }
    return true;
}

Status RecordShaper::take_long(const CsvRecord& record) {
    const auto surplus = record.fields.subspan(names_.size());
    if (record.too_many_fields || !std::all_of(surplus.begin(), surplus.end(), is_blank_text) ||
        !options_.decided_before().value_or(true)) {
        return next_.record(record);
    }
    CsvRecord shaped = record;
    if (has_split_cell(record)) {
        shaped.shape = ShapeFault::split_cell;
        return next_.record(shaped);
    }
    warnings_.add(FileWarnings::Kind::surplus_cells, record.line);
    shaped.fields = record.fields.first(names_.size());
    return next_.record(shaped);
}

// Whether a cell goes on in the next one, as "Miller, Sons & Co" without quotes does: then all that follow are in the wrong
// columns. In some files each delimiter has a blank behind it; the header has them, too.
bool RecordShaper::has_split_cell(const CsvRecord& record) const {
    const auto begins_with_blank = [](std::string_view text) { return text.starts_with(' ') && !is_blank_text(text); };
    if (std::any_of(names_.begin(), names_.end(), begins_with_blank)) {
        return false;
    }
    for (std::size_t cell = 1; cell < record.fields.size(); ++cell) {
        if (begins_with_blank(record.fields[cell]) && !is_blank_text(record.fields[cell - 1])) {
            return true;
        }
    }
    return false;
}

Status RecordShaper::take_short(CsvRecord record) {
    if (const std::optional<bool> may_be_completed = options_.decided_before()) {
        return *may_be_completed ? complete(record) : next_.record(record);
    }
    record.shape = fault_of(record);
    const std::size_t cells = record.fields.size();
    if (cells == 1) {
        if (++lines_in_between_ > kMaxLinesInBetween) {
            if (Status refusal = end_run()) {
                return refusal;
            }
        }
        if (held_count_ == 0) {
            return next_.record(record);
        }
        hold(record);
        return {};
    }
    if (is_part_of_one(cells)) {
        record.shape = ShapeFault::line_break;
        if (held_count_ > 0) {
            held_[0].record.shape = ShapeFault::line_break;
        }
    }
    if (Status refusal = end_run()) {
        return refusal;
    }
    last_cells_ = cells < least_ ? cells : 0;
    if (record.shape != ShapeFault::none) {
        return next_.record(record);
    }
    hold(record);
    return {};
}

ShapeFault RecordShaper::fault_of(const CsvRecord& record) const {
    return record.unterminated         ? ShapeFault::cut_off
           : record.fields.size() == 1 ? ShapeFault::single_cell
           : has_swallowed(record)     ? ShapeFault::open_quote
                                       : ShapeFault::none;
}

// Whether a cell holds a line with as many delimiters as a record has: a quote may have been opened and not closed.
bool RecordShaper::has_swallowed(const CsvRecord& record) const {
    if (record.raw.find_first_of("\r\n") == std::string_view::npos) {
        return false;
    }
    return std::any_of(record.fields.begin(), record.fields.end(), [&](std::string_view cell) {
        std::size_t delimiters = 0;
        for (std::size_t place = cell.find_first_of("\r\n"); place < cell.size(); ++place) {
            if (cell[place] == '\r' || cell[place] == '\n') {
                delimiters = 0;
            } else if (cell[place] == record.delimiter && ++delimiters + 1 >= least_) {
                return true;
            }
        }
        return false;
    });
}

// Whether a record of so many cells and the short one before it are one that has a line break in a cell.
bool RecordShaper::is_part_of_one(std::size_t cells) const {
    const std::size_t together = last_cells_ + cells - 1;
    return last_cells_ != 0 && cells < names_.size() && together >= least_ && together <= names_.size();
}

Status RecordShaper::complete(CsvRecord record) {
    if (record.fields.size() < least_) {
        warnings_.add(FileWarnings::Kind::short_record, record.line);
    }
    completed_.assign(record.fields.begin(), record.fields.end());
    completed_.resize(names_.size());
    record.fields = completed_;
    return next_.record(record);
}

void RecordShaper::hold(const CsvRecord& record) {
    if (held_count_ == held_.size()) {
        held_.emplace_back();
    }
    Held& held = held_[held_count_++];
    held.record = record;
    held.raw = record.raw;
    held.text.clear();
    for (const std::string_view cell : record.fields) {
        held.text += cell;
    }
    held.cells.clear();
    std::size_t begin = 0;
    for (const std::string_view cell : record.fields) {
        held.cells.push_back(std::string_view(held.text).substr(begin, cell.size()));
        begin += cell.size();
    }
}

Status RecordShaper::hand_out_held() {
    const std::size_t count = std::exchange(held_count_, 0);
    for (std::size_t index = 0; index < count; ++index) {
        CsvRecord record = held_[index].record;
        record.raw = held_[index].raw;
        record.fields = held_[index].cells;
        if (Status refusal = record.shape == ShapeFault::none ? complete(record) : next_.record(record)) {
            return refusal;
        }
    }
    return {};
}

// No record that comes now is a neighbor of those before.
Status RecordShaper::end_run() {
    last_cells_ = 0;
    lines_in_between_ = 0;
    return hand_out_held();
}

void RecordShaper::passed_over(std::int64_t line) {
    warnings_.add(FileWarnings::Kind::blank_record, line);
    next_.passed_over(line);
}

Status RecordShaper::end() {
    if (Status refusal = end_run()) {
        return refusal;
    }
    return next_.end();
}

}  // namespace customer_import
