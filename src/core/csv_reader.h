// Step 1: bytes in, records out. Reads RFC 4180 with libcsv (strict), line by physical line, in chunks of any size:
// every cut of the same bytes gives the same records. Keeps no more than one record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "core/own_columns.h"
#include "core/result.h"

namespace customer_import {

// Of a file; one with own columns (core/own_columns) may have kMaxOwnBytes and kMaxOwnColumns more.
inline constexpr std::size_t kMaxRecordBytes = std::size_t{1024} * 1024;
inline constexpr std::size_t kMaxColumns = 1600;
inline constexpr std::size_t kMaxFields = kMaxColumns + kMaxOwnColumns;

// What a stray quote is called, in a record as in the header.
inline constexpr std::string_view kMalformedMessage =
    "a quote appears inside an unquoted field, or text follows a closing quote";

// Why a record with another number of fields than the header stays as it is: see core/record_shape.
enum class ShapeFault : std::uint8_t {
    none,
    single_cell,  // all that it has is one field
    cut_off,      // the file ends in it
    line_break,   // with its neighbor it has as many fields as one record that a line break has cut in two
    open_quote,   // one of its fields seems to hold the next records
    split_cell,   // a delimiter seems to be a part of a text
};

// One CSV record. All views live until the sink returns.
struct CsvRecord {
    std::int64_t line = 0;                     // physical line of its first byte, from 1
    std::string_view raw;                      // its bytes without the final line break
    bool malformed = false;                    // a stray quote: `fields` is empty
    bool too_many_fields = false;              // more than kMaxFields; `fields` holds the first kMaxFields
    std::span<const std::string_view> fields;  // unquoted
    std::int64_t offset = 0;                   // where `raw` begins in all bytes that were fed
    char delimiter = ',';                      // between them
    bool unterminated = false;                 // the file ends without a line break after it
    ShapeFault shape = ShapeFault::none;
};

// Receives records in file order. A refusal stops the reading and comes back from feed() or finish(). May throw.
class RecordSink {
public:
    virtual ~RecordSink() = default;
    virtual Status header(const CsvRecord& record) = 0;
    virtual Status record(const CsvRecord& record) = 0;

    // What holds nothing to import was passed over on that line: a record of blank cells.
    virtual void passed_over(std::int64_t /*line*/) {}

    // The file has ended. Not called when it was refused.
    virtual Status end() { return {}; }
};

struct CsvOptions {
    std::optional<char> delimiter;  // takes precedence over a sep= line and detection
};

// Finds the delimiter in the bytes of a header record: the most frequent of , ; tab | outside quotes, in that order on
// a tie; a comma when there is none.
char detect_delimiter(std::string_view header);

class CsvReader {
public:
    CsvReader(const CsvOptions& options, RecordSink& sink);
    ~CsvReader();
    CsvReader(const CsvReader&) = delete;
    CsvReader& operator=(const CsvReader&) = delete;

    // Reads the next bytes (valid UTF-8 or not). Drops a BOM.
    Status feed(std::string_view chunk);

    // Ends the file: hands out a last record without line break, refuses an unclosed quote and an empty file.
    // (A file is empty, too, when all its cells are blank.)
    Status finish();

    // The delimiter in use; known once the header was handed out.
    char delimiter() const;

    // Physical lines seen so far.
    std::int64_t lines() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace customer_import
