// Rejected records as a CSV file that is safe to open in a spreadsheet program, and that the importer reads back
// exactly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/header_map.h"
#include "core/pace.h"

namespace customer_import {

struct RejectedRecord {
    std::int64_t line = 0;
    std::string raw;  // as it came, in UTF-8
    std::string error;
    bool is_broken = false;  // its cells are not those of the columns, or not the text that was meant
};

// Writes records of a file, followed by their own columns: _line, _error, where a record needs it _escaped and _broken.
//
// A broken record has the cells of its columns empty and is in its cell _broken as a whole; one whose text was damaged
// (it has U+FFFD) has its cells, and a word in _broken. An importer rejects both until somebody has emptied that cell.
class SpreadsheetWriter {
public:
    enum class Form : std::uint8_t {
        attachment,  // always with _escaped; every record is written anew
        file,        // a record that needs no guard is as it came
    };

    SpreadsheetWriter(std::string_view raw_header, char delimiter, const std::vector<Field>& fields, Form form,
                      InterruptCheck check = ask_nobody);

    // Finds out which own columns the record needs. To be called with all of them before the header is written.
    void look_at(const RejectedRecord& record);

    std::string header() const;
    std::string row(const RejectedRecord& record) const;

private:
    // A record as it is written: its cells, guarded, and its own cells.
    struct Row {
        std::vector<std::string> cells;  // of the columns that are kept
        std::string escaped, broken;
        bool is_as_it_came = false;
    };

    std::vector<std::string> cells_of(const RejectedRecord& record, bool& has_all) const;
    Row make_row(const RejectedRecord& record) const;
    std::string write(const RejectedRecord& record, const Row& row) const;

    const char delimiter_;
    const Form form_;
    const InterruptCheck check_;
    std::string raw_header_;
    std::vector<std::string> header_;
    std::vector<std::string> names_;  // of the columns, as _escaped lists them
    std::vector<std::size_t> kept_;   // columns that are not own ones
    std::optional<std::size_t> escaped_, broken_;
    bool needs_escaped_ = false;
    bool needs_broken_ = false;
    bool is_header_guarded_ = false;
};

struct SpreadsheetFile {
    std::string csv;
    std::size_t records = 0;  // how many of the records are in it
};

// Writes an attachment: header and records, as long as they take at most `max_bytes`, behind a byte order mark.
SpreadsheetFile make_spreadsheet_csv(std::string_view raw_header, char delimiter, const std::vector<Field>& fields,
                                     std::span<const RejectedRecord> records, std::size_t max_bytes,
                                     InterruptCheck check = ask_nobody);

}  // namespace customer_import
