#include "core/spreadsheet_csv.h"

#include <algorithm>
#include <optional>

#include "core/csv_reader.h"
#include "core/text.h"

namespace customer_import {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // replaces bytes that were not text
constexpr std::string_view kOwnColumns[] = {"_line", "_error", kEscapedColumn};

bool is_own_column(std::string_view name) {
    return std::any_of(std::begin(kOwnColumns), std::end(kOwnColumns),
                       [&](std::string_view own) { return equal_ignoring_ascii_case(trim(name), own); });
}

// Reads one CSV record. Nothing when it is not one.
class SingleRecord final : public RecordSink {
public:
    std::optional<std::vector<std::string>> read(std::string_view raw, char delimiter) {
        found_.reset();
        CsvReader reader({delimiter}, *this);
        const bool refused = reader.feed("h\n") || reader.feed(raw) || reader.feed("\n") || reader.finish();
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

// Writes cells, escaped and quoted where it is needed.
class RowWriter {
public:
    explicit RowWriter(char delimiter) : delimiter_(delimiter) {}

    void add(std::string_view cell) {
        if (!row_.empty()) {
            row_ += delimiter_;
        }
        const bool plain = cell.find_first_of("\"\r\n,;|\t") == std::string_view::npos;
        if (plain && !cell.empty()) {
            row_ += cell;
            return;
        }
        row_ += '"';
        for (const char c : cell) {
            row_.append(c == '"' ? 2 : 1, c);
        }
        row_ += '"';
    }

    // Returns true when the cell had to be escaped.
    bool add_safe(std::string_view cell) {
        if (!is_formula(cell)) {
            add(cell);
            return false;
        }
        add("'" + std::string(cell));
        return true;
    }

    std::string take() {
        row_ += '\n';
        return std::move(row_);
    }

private:
    const char delimiter_;
    std::string row_;
};

// The columns of the file that are written, and the fields that they feed.
struct Columns {
    std::vector<std::size_t> kept;
    std::vector<std::string> fields;  // of each column of the file; empty: none
    std::optional<std::size_t> escaped;
    std::size_t count = 0;
};

Columns find_columns(const std::vector<std::string>& header, const std::vector<Field>& fields) {
    Columns columns;
    columns.count = header.size();
    columns.fields.resize(header.size());
    const FieldFinder finder(fields);
    for (std::size_t column = 0; column < header.size(); ++column) {
        if (equal_ignoring_ascii_case(trim(header[column]), kEscapedColumn)) {
            columns.escaped = column;
        }
        if (!is_own_column(header[column])) {
            columns.kept.push_back(column);
        }
        // As HeaderMap::escape_names() has it: whatever the caller said of the header.
        const std::string name = visible_header(header[column]);
        const int field = finder.find(name);
        columns.fields[column] = field == kNoField ? name : fields[static_cast<std::size_t>(field)].name;
    }
    return columns;
}

std::string write_record(const RejectedRecord& record, char delimiter, const Columns& columns) {
    RowWriter row(delimiter);
    std::string escaped;
    auto note = [&](std::string_view field) {
        if (!field.empty()) {
            escaped += (escaped.empty() ? "" : ";") + std::string(field);
        }
    };
    const auto cells = SingleRecord().read(record.raw, delimiter);
    const bool is_record = cells && cells->size() == columns.count;
    if (is_record) {
        const std::string_view list = columns.escaped ? std::string_view((*cells)[*columns.escaped]) : "";
        for (const std::size_t column : columns.kept) {
            std::string_view cell = (*cells)[column];
            const std::string& field = columns.fields[column];
            if (!field.empty() && names_escaped_field(list, field)) {
                cell = unescape_formula(cell);
            }
            if (row.add_safe(cell)) {
                note(field);
            }
        }
    } else {
        for (std::size_t index = 0; index < columns.kept.size(); ++index) {
            if (row.add_safe(index == 0 ? std::string_view(record.raw) : std::string_view())) {
                note(columns.fields[columns.kept[index]]);
            }
        }
    }
    row.add(std::to_string(record.line));
    row.add_safe(record.error);
    row.add(escaped);
    // A record that cannot be imported as it is gets one cell too many: so it is not imported by mistake before it is
    // corrected.
    if (!is_record || record.raw.find(kReplacement) != std::string::npos) {
        row.add("");
    }
    return row.take();
}

}  // namespace

bool is_formula(std::string_view cell) {
    for (const std::string_view start :
         {"=", "+", "-", "@", "\t", "\r", "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0"}) {
        if (cell.starts_with(start)) {
            return true;
        }
    }
    return false;
}

std::string_view unescape_formula(std::string_view cell) { return cell.starts_with('\'') ? cell.substr(1) : cell; }

bool names_escaped_field(std::string_view list, std::string_view field) {
    while (!list.empty()) {
        const std::size_t end = list.find(';');
        if (equal_ignoring_ascii_case(trim(list.substr(0, end)), field)) {
            return true;
        }
        list = end == std::string_view::npos ? std::string_view() : list.substr(end + 1);
    }
    return false;
}

SpreadsheetFile make_spreadsheet_csv(std::string_view raw_header, char delimiter, const std::vector<Field>& fields,
                                     std::span<const RejectedRecord> records, std::size_t max_bytes,
                                     InterruptCheck check) {
    const std::vector<std::string> header =
        SingleRecord().read(raw_header, delimiter).value_or(std::vector<std::string>());
    const Columns columns = find_columns(header, fields);
    SpreadsheetFile file;
    file.csv = kByteOrderMark;
    RowWriter row(delimiter);
    for (const std::size_t column : columns.kept) {
        row.add_safe(header[column]);
    }
    for (const std::string_view own : kOwnColumns) {
        row.add(own);
    }
    file.csv += row.take();
    for (const RejectedRecord& record : records) {
        check();
        const std::string line = write_record(record, delimiter, columns);
        if (file.csv.size() + line.size() > max_bytes) {
            break;
        }
        file.csv += line;
        ++file.records;
    }
    return file;
}

}  // namespace customer_import
