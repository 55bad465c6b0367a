#include "core/spreadsheet_csv.h"

#include <algorithm>

#include "core/csv_reader.h"
#include "core/header_names.h"
#include "core/own_columns.h"
#include "core/spreadsheet_guard.h"
#include "core/text.h"

namespace customer_import {

namespace {

constexpr std::size_t kMaxLineBytes = kMaxRecordBytes + kMaxOwnBytes;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // replaces bytes that were not text
constexpr std::string_view kDamaged = "the text was damaged before it came here";
constexpr std::string_view kTooLong = "the record is too long for a spreadsheet; rejected_csv_bytes() gives it";

// Reads one CSV record. Nothing when it is not one.
class SingleRecord final : public RecordSink {
public:
    std::optional<std::vector<std::string>> read(std::string_view raw, char delimiter) {
        found_.reset();
        CsvReader reader({delimiter}, *this);
        // A header with an own column allows for records that came with them.
        const bool refused = reader.feed(std::string(kErrorColumn) + "\n") || reader.feed(raw) || reader.feed("\n") ||
                             reader.finish();
        return refused || records_ != 1 ? std::nullopt : std::move(found_);
    }

private:
    Status header(const CsvRecord&) override {
        records_ = 0;
        return {};
    }
    Status record(const CsvRecord& record) override {
        ++records_;
        if (!record.malformed && !record.too_many_fields) {
            found_.emplace(record.fields.begin(), record.fields.end());
        }
        return {};
    }

    int records_ = 0;
    std::optional<std::vector<std::string>> found_;
};

// Writes cells, quoted where it is needed.
class RowWriter {
public:
    RowWriter(char delimiter, bool quotes_empty) : delimiter_(delimiter), quotes_empty_(quotes_empty) {}

    void add(std::string_view cell) {
        if (has_cells_) {
            row_ += delimiter_;
        }
        has_cells_ = true;
        const bool plain = cell.find_first_of("\"\r\n,;|\t") == std::string_view::npos;
        if (plain && (!cell.empty() || !quotes_empty_)) {
            row_ += cell;
        } else {
            quote(cell);
        }
    }

    void add_quoted(std::string_view cell) {
        row_ += delimiter_;
        quote(cell);
    }

    // Adds cells that are written already.
    void add_raw(std::string_view cells) {
        row_ += cells;
        has_cells_ = true;
    }

    std::string take() {
        row_ += '\n';
        return std::move(row_);
    }

private:
    void quote(std::string_view cell) {
        row_ += '"';
        for (const char c : cell) {
            row_.append(c == '"' ? 2 : 1, c);
        }
        row_ += '"';
    }

    const char delimiter_;
    const bool quotes_empty_;
    bool has_cells_ = false;
    std::string row_;
};

std::string guard_text(std::string_view text) { return guarded(text, guard_needed(text)); }

}  // namespace

SpreadsheetWriter::SpreadsheetWriter(std::string_view raw_header, char delimiter, const std::vector<Field>& fields,
                                     Form form, InterruptCheck check)
    : delimiter_(delimiter), form_(form), check_(check), raw_header_(raw_header) {
    header_ = SingleRecord().read(raw_header, delimiter).value_or(std::vector<std::string>());
    const bool has_list = std::any_of(header_.begin(), header_.end(), [](const std::string& cell) {
        return equal_ignoring_ascii_case(trim(cell), kEscapedColumn);
    });
    std::string storage;
    for (std::string& cell : header_) {
        if (has_list) {
            cell = std::string(unguarded_header(trim(cell), storage));
        }
    }
    const FieldFinder finder(fields);
    for (std::size_t column = 0; column < header_.size(); ++column) {
        const std::string_view name = trim(header_[column]);
        // As HeaderMap::escape_names() has it: whatever the caller said of the header.
        const std::string shown = visible_header(name);
        const int field = finder.find(shown);
        names_.push_back(field == kNoField ? shown : fields[static_cast<std::size_t>(field)].name);
        if (equal_ignoring_ascii_case(name, kEscapedColumn)) {
            escaped_ = column;
        } else if (equal_ignoring_ascii_case(name, kBrokenColumn)) {
            broken_ = column;
        }
        if (!is_own_column(name)) {
            kept_.push_back(column);
            is_header_guarded_ = is_header_guarded_ || guarded_header(header_[column]) != header_[column];
        }
    }
    needs_escaped_ = form == Form::attachment || is_header_guarded_;
}

// Cells that are missing at the end are empty.
std::vector<std::string> SpreadsheetWriter::cells_of(const RejectedRecord& record, bool& has_all) const {
    auto cells = SingleRecord().read(record.raw, delimiter_);
    if (!cells || (record.is_broken && cells->size() != header_.size())) {
        return {};
    }
    for (std::size_t extra = header_.size(); extra < cells->size(); ++extra) {
        if (!trim((*cells)[extra]).empty()) {
            return {};
        }
    }
    has_all = cells->size() == header_.size();
    cells->resize(header_.size());
    return *std::move(cells);
}

SpreadsheetWriter::Row SpreadsheetWriter::make_row(const RejectedRecord& record) const {
    Row row;
    if (record.raw.size() > kMaxLineBytes) {  // of bytes that were not text, which have become longer
        row.cells.resize(kept_.size());
        row.broken = kTooLong;
        return row;
    }
    bool has_all = false;
    const std::vector<std::string> cells = cells_of(record, has_all);
    check_();
    if (cells.empty()) {
        row.cells.resize(kept_.size());
        row.broken = guard_text(record.raw);
        return row;
    }
    const std::string_view list = escaped_ ? std::string_view(cells[*escaped_]) : std::string_view();
    std::string storage;
    for (const std::size_t column : kept_) {
        check_();
        std::string_view cell = cells[column];
        if (!list.empty()) {
            cell = unguarded(cell, listed_guard(list, names_[column]), storage);
        }
        const Guard guard = guard_needed(cell);
        note_guard(row.escaped, names_[column], guard);
        row.cells.push_back(guarded(cell, guard));
    }
    row.escaped = guard_list_cell(row.escaped);
    if (broken_ && !trim(cells[*broken_]).empty()) {
        row.broken = cells[*broken_];
    } else if (record.is_broken || record.raw.find(kReplacement) != std::string::npos) {
        row.broken = kDamaged;
    }
    row.is_as_it_came = form_ == Form::file && has_all && row.escaped.empty() && row.broken.empty() &&
                        kept_.size() == header_.size();
    return row;
}

std::string SpreadsheetWriter::write(const RejectedRecord& record, const Row& row) const {
    check_();
    RowWriter writer(delimiter_, form_ == Form::attachment);
    if (row.is_as_it_came) {
        writer.add_raw(record.raw);
    } else {
        for (const std::string& cell : row.cells) {
            writer.add(cell);
        }
    }
    if (needs_escaped_) {
        writer.add(row.escaped);
    }
    if (needs_broken_) {
        writer.add(row.broken);
    }
    writer.add(std::to_string(record.line));
    // The last column is never empty: Excel leaves out empty cells at the end of records.
    const std::string error = guard_text(error_cell(record.error));
    if (form_ == Form::file) {
        writer.add_quoted(error);
    } else {
        writer.add(error);
    }
    return writer.take();
}

void SpreadsheetWriter::look_at(const RejectedRecord& record) {
    const Row row = make_row(record);
    needs_escaped_ = needs_escaped_ || !row.escaped.empty();
    needs_broken_ = needs_broken_ || !row.broken.empty() || write(record, row).size() > kMaxLineBytes;
}

std::string SpreadsheetWriter::header() const {
    RowWriter writer(delimiter_, false);
    if (form_ == Form::file && !is_header_guarded_ && kept_.size() == header_.size()) {
        writer.add_raw(raw_header_);
    } else {
        for (const std::size_t column : kept_) {
            writer.add(guarded_header(header_[column]));
        }
    }
    if (needs_escaped_) {
        writer.add(kEscapedColumn);
    }
    if (needs_broken_) {
        writer.add(kBrokenColumn);
    }
    writer.add(kLineColumn);
    writer.add(kErrorColumn);
    return writer.take();
}

std::string SpreadsheetWriter::row(const RejectedRecord& record) const {
    std::string line = write(record, make_row(record));
    if (line.size() <= kMaxLineBytes) {
        return line;
    }
    // Guards and quotes have made it longer than a record may be.
    Row empty;
    empty.cells.resize(kept_.size());
    empty.broken = kTooLong;
    return write(record, empty);
}

SpreadsheetFile make_spreadsheet_csv(std::string_view raw_header, char delimiter, const std::vector<Field>& fields,
                                     std::span<const RejectedRecord> records, std::size_t max_bytes,
                                     InterruptCheck check) {
    SpreadsheetWriter writer(raw_header, delimiter, fields, SpreadsheetWriter::Form::attachment, check);
    for (const RejectedRecord& record : records) {
        writer.look_at(record);
    }
    SpreadsheetFile file;
    file.csv = kByteOrderMark;
    file.csv += writer.header();
    for (const RejectedRecord& record : records) {
        const std::string line = writer.row(record);
        if (file.csv.size() + line.size() > max_bytes) {
            break;
        }
        file.csv += line;
        ++file.records;
    }
    return file;
}

}  // namespace customer_import
