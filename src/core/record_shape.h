// Between steps 1 and 3: gives each record as many cells as the header has, where that cannot mean anything else. Programs
// leave out empty cells at the end of a record, or add some.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/csv_reader.h"
#include "core/file_warnings.h"

namespace customer_import {

struct ShapeOptions {
    bool strict = false;  // records stay as they are

    // Asked for a record that has not as many cells as the header: whether it may get them, where that was decided
    // before. Nothing: the rules below decide.
    std::function<std::optional<bool>()> decided_before = [] { return std::nullopt; };
};

// A sink in front of another one. Records with missing cells get empty ones, surplus empty cells are dropped, the header
// once more is passed over; all of it is counted (but for cells of columns without a name). Not completed, and handed on with the reason, is a record that may be a
// part of one: what has a single cell; the last one of a file without a final line break; two neighbors that have, put
// together, exactly the cells of one; what holds a whole line of the file in a cell. A file with the columns _line and
// _error has records that were written as a whole: in it nothing is completed or dropped.
class RecordShaper final : public RecordSink {
public:
    // Both must outlive the object.
    RecordShaper(ShapeOptions options, RecordSink& next, FileWarnings& warnings);

    Status header(const CsvRecord& record) override;
    Status record(const CsvRecord& record) override;
    void passed_over(std::int64_t line) override;
    Status end() override;

private:
    // A record with memory of its own.
    struct Held {
        CsvRecord record;
        std::string raw;
        std::string text;  // its cells
        std::vector<std::string_view> cells;
    };

    bool is_header(const CsvRecord& record) const;
    Status take_long(const CsvRecord& record);
    Status take_short(CsvRecord record);
    ShapeFault fault_of(const CsvRecord& record) const;
    bool has_split_cell(const CsvRecord& record) const;
    bool has_swallowed(const CsvRecord& record) const;
    bool is_part_of_one(std::size_t cells) const;
    Status complete(CsvRecord record);
    void hold(const CsvRecord& record);
    Status hand_out_held();
    Status end_run();

    const ShapeOptions options_;
    RecordSink& next_;
    FileWarnings& warnings_;
    std::string raw_header_;
    std::vector<std::string> names_;  // of the header's columns
    std::size_t least_ = 0;           // as many of them as there are up to the last that has a name
    bool is_strict_ = false;

    // What waits for its neighbor: a record that would be completed, and behind it those of a single cell, which may be
    // lines in the middle of a cell. The first held_count_ are in use; the others keep their memory.
    std::deque<Held> held_;
    std::size_t held_count_ = 0;
    std::size_t last_cells_ = 0;  // of the last short record with more than one cell, while it may have a neighbor
    std::size_t lines_in_between_ = 0;  // records of a single cell since then
    std::vector<std::string_view> completed_;
};

}  // namespace customer_import
