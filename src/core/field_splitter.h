// Part of step 1: splits one CSV record into its fields with libcsv, physical line by physical line. Knows nothing of
// files, chunks and encodings.
#pragma once

#include <csv.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace customer_import {

class FieldSplitter {
public:
    enum class State {
        complete,   // fields() holds a record; the next line begins another one
        open,       // a quoted field continues in the next line
        malformed,  // a stray quote; the next line begins another record
    };

    FieldSplitter();
    ~FieldSplitter();
    FieldSplitter(const FieldSplitter&) = delete;
    FieldSplitter& operator=(const FieldSplitter&) = delete;

    void set_delimiter(char delimiter);

    // Takes the next line with its line break. It must not be empty where it begins a record.
    State add_line(std::string_view line);

    // Ends the file after a last line without line break. Stays open when a quoted field is not closed.
    State end();

    // The unquoted fields of a complete record, at most kMaxFields. They live until the next add_line(), and as long as
    // the line in which the record ends: those of a line without quotes are views of it.
    std::span<const std::string_view> fields() const { return fields_; }
    bool too_many_fields() const { return field_ends_.size() > fields_.size(); }

private:
    static void on_field(void* text, std::size_t size, void* self) noexcept;
    static void on_record(int terminator, void* self) noexcept;
    void open_parser();
    State state_after_parsing(std::string_view line);

    csv_parser parser_;
    char delimiter_ = ',';
    State state_ = State::complete;
    bool record_ended_ = false;
    bool out_of_memory_ = false;
    std::string text_;                     // the fields one after the other
    std::vector<std::size_t> field_ends_;  // one more than kMaxFields when there are too many
    std::vector<std::string_view> fields_;
};

}  // namespace customer_import
