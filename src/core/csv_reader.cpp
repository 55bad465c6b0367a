#include "core/csv_reader.h"

#include <algorithm>
#include <array>
#include <string>

#include "core/blank_text.h"
#include "core/byte_escape.h"
#include "core/encoding_evidence.h"
#include "core/field_splitter.h"
#include "core/format.h"
#include "core/report.h"
#include "core/text.h"

namespace customer_import {

namespace {

constexpr std::string_view kDelimiters = ",;\t|";
constexpr std::string_view kUtf8Bom = "\xEF\xBB\xBF";

// Finds line breaks in a chunk from left to right. Either kind is looked up once only, so that a chunk without any CR
// is not searched for one again at every line.
class BreakFinder {
public:
    explicit BreakFinder(std::string_view chunk) : chunk_(chunk), lf_(chunk.find('\n')), cr_(chunk.find('\r')) {}

    std::size_t next(std::size_t from) {
        if (lf_ < from) {
            lf_ = chunk_.find('\n', from);
        }
        if (cr_ < from) {
            cr_ = chunk_.find('\r', from);
        }
        return std::min(lf_, cr_);
    }

private:
    std::string_view chunk_;
    std::size_t lf_;
    std::size_t cr_;
};

bool is_delimiter(char c) { return kDelimiters.find(c) != std::string_view::npos; }

// Takes the delimiters off the end of a line, all of one kind, and returns which; 0: there are none. A program that
// saves a line of one cell fills it up with those of the other columns.
char take_empty_cells(std::string_view& line) {
    const char delimiter = line.empty() || !is_delimiter(line.back()) ? '\0' : line.back();
    while (delimiter != '\0' && !line.empty() && line.back() == delimiter) {
        line.remove_suffix(1);
    }
    return delimiter;
}

// `sep=;` in the first line is how spreadsheets name the delimiter; others write it back with quotes, in capitals, or with
// the cells of the other columns behind it, whose delimiter is that of the file then. Returns it; 0: it is no such line.
char named_delimiter(std::string_view line) {
    constexpr std::string_view kBegin = "sep=";
    const bool is_quoted = line.starts_with('"');
    std::string_view rest = line.substr(is_quoted ? 1 : 0);
    if (!equal_ignoring_ascii_case(rest.substr(0, kBegin.size()), kBegin)) {
        return '\0';
    }
    rest.remove_prefix(kBegin.size());
    if (rest.empty() || !is_delimiter(rest.front())) {
        return '\0';
    }
    const char named = rest.front();
    rest.remove_prefix(1);
    if (is_quoted) {
        if (!rest.starts_with('"')) {
            return '\0';
        }
        rest.remove_prefix(1);
    }
    const char of_cells = take_empty_cells(rest);
    return !rest.empty() ? '\0' : of_cells != '\0' ? of_cells : named;
}

// Templates of Microsoft Entra ID name their version before the header.
bool names_version(std::string_view line) {
    constexpr std::string_view kBegin = "version:v";
    take_empty_cells(line);
    return equal_ignoring_ascii_case(line.substr(0, kBegin.size()), kBegin) &&
           std::none_of(line.begin(), line.end(), is_delimiter);
}

Status check_header(const CsvRecord& header) {
    if (header.raw.find('\0') != std::string_view::npos) {
        return broken_file("the file seems to be encoded in UTF-16", {},
                           "Save it as CSV UTF-8, or import it with encoding => 'UTF-16'.");
    }
    if (const std::size_t invalid = find_invalid_utf8(header.raw); invalid != std::string_view::npos) {
        EncodingEvidence evidence;
        if (read_byte_escape(header.raw.substr(invalid)) < 0) {  // the file is read as UTF-8
            evidence.see(header.raw);
        }
        const std::optional<std::string_view> likely = evidence.likely_encoding();
        return broken_file("the header contains an invalid byte sequence", {},
                           likely ? as_sentence(describe_likely_encoding(*likely))
                                  : "Save the file as UTF-8, or name its encoding with the option \"encoding\".");
    }
    if (header.malformed) {
        return broken_file(format("the header at line {} is malformed", header.line), std::string(kMalformedMessage));
    }
    const auto own = static_cast<std::size_t>(std::count_if(header.fields.begin(), header.fields.end(), is_own_column));
    if (header.too_many_fields || header.fields.size() - own > kMaxColumns) {
        return broken_file(format("the header has more than {} columns", kMaxColumns));
    }
    return {};
}

// Quoted ones: those without quotes never get so far.
bool has_blank_cells_only(const CsvRecord& record) {
    const char allowed[] = {record.delimiter, '"'};
    return is_blank_line(record.raw, {allowed, sizeof allowed}) && !record.malformed && !record.too_many_fields &&
           std::all_of(record.fields.begin(), record.fields.end(), is_blank_text);
}

}  // namespace

char detect_delimiter(std::string_view header) {
    std::array<std::size_t, kDelimiters.size()> counts{};
    bool quoted = false;
    for (const char c : header) {
        if (c == '"') {
            quoted = !quoted;
        }
        const std::size_t delimiter = kDelimiters.find(c);
        if (!quoted && delimiter != std::string_view::npos) {
            ++counts[delimiter];
        }
    }
    return kDelimiters[static_cast<std::size_t>(std::max_element(counts.begin(), counts.end()) - counts.begin())];
}

// What earlier chunks held of the record in progress is in carry_, the rest in the current chunk. Its lines are handed
// to the splitter one by one, as soon as they are complete.
struct CsvReader::State {
    State(const CsvOptions& options, RecordSink& sink) : sink_(sink) {
        if (options.delimiter) {
            use_delimiter(*options.delimiter);
        }
    }

    Status feed(std::string_view chunk);
    Status finish();

    std::optional<char> delimiter_;
    std::int64_t lines_ = 0;

private:
    Status start();
    Status read(std::string_view chunk);
    Status take_line(std::string_view record, std::size_t break_bytes);
    Status take_unbroken_line();
    bool passes_over(std::string_view raw, bool ends_file);
    Status hand_out(std::string_view raw, bool malformed, bool unterminated);
    Status refuse_long_record(std::string_view record);
    void use_delimiter(char delimiter);
    bool begins_field(std::string_view line, std::size_t offset) const;
    std::size_t track_quotes(std::string_view line);

    RecordSink& sink_;
    FieldSplitter splitter_;
    std::string begin_of_file_;  // until there are enough bytes to know a BOM
    bool is_detected_ = false;   // the delimiter, in the record that seemed to be the header
    bool started_ = false;
    bool header_seen_ = false;
    std::int64_t chunk_offset_ = 0;  // of the current chunk in all bytes
    std::int64_t line_end_ = 0;      // of the line that is taken
    std::int64_t record_offset_ = 0;
    std::size_t max_bytes_ = kMaxRecordBytes;  // of a record
    std::string carry_;
    std::size_t line_begin_ = 0;  // offset in the record of the physical line that is not complete yet
    bool record_open_ = false;    // a quoted field reaches over the last line break
    std::int64_t record_line_ = 0;
    std::int64_t open_quote_line_ = 0;  // 0: none is open
};

Status CsvReader::State::feed(std::string_view chunk) {
    if (!started_) {
        const std::size_t missing = kUtf8Bom.size() - begin_of_file_.size();
        begin_of_file_.append(chunk.substr(0, missing));
        if (begin_of_file_.size() < kUtf8Bom.size()) {
            return {};
        }
        chunk.remove_prefix(missing);
        if (Status refusal = start()) {
            return refusal;
        }
    }
    return read(chunk);
}

Status CsvReader::State::start() {
    started_ = true;
    if (begin_of_file_ == kUtf8Bom) {
        chunk_offset_ = static_cast<std::int64_t>(kUtf8Bom.size());
        return {};
    }
    return read(begin_of_file_);
}

Status CsvReader::State::read(std::string_view chunk) {
    if (chunk.empty()) {
        return {};
    }
    const std::int64_t chunk_offset = chunk_offset_;
    chunk_offset_ += static_cast<std::int64_t>(chunk.size());
    std::size_t record_begin = 0;
    std::size_t line_begin = 0;
    // A CR at the end of the last chunk: only now it is known whether a LF belongs to it.
    if (carry_.size() > line_begin_ && carry_.back() == '\r') {
        const bool has_lf = chunk.front() == '\n';
        if (has_lf) {
            carry_ += '\n';
        }
        line_end_ = chunk_offset + (has_lf ? 1 : 0);
        if (Status refusal = take_line(carry_, has_lf ? 2 : 1)) {
            return refusal;
        }
        if (!record_open_) {
            carry_.clear();
        }
        record_begin = line_begin = has_lf ? 1 : 0;
    }
    BreakFinder breaks(chunk);
    for (std::size_t line_break = breaks.next(line_begin); line_break != std::string_view::npos;
         line_break = breaks.next(line_begin)) {
        std::size_t line_end = line_break + 1;
        if (chunk[line_break] == '\r') {
            if (line_end == chunk.size()) {
                break;
            }
            if (chunk[line_end] == '\n') {
                ++line_end;
            }
        }
        std::string_view record = chunk.substr(record_begin, line_end - record_begin);
        if (!carry_.empty()) {
            carry_.append(record);
            record = carry_;
            record_begin = line_end;
        }
        line_end_ = chunk_offset + static_cast<std::int64_t>(line_end);
        if (Status refusal = take_line(record, line_end - line_break)) {
            return refusal;
        }
        if (!record_open_) {
            carry_.clear();
            record_begin = line_end;
        }
        line_begin = line_end;
    }
    // Complete lines of a record may have as many bytes as are allowed, and a line break after them: one byte more is
    // enough to refuse it, so the rest of a longer one is not kept.
    carry_.append(chunk.substr(record_begin, max_bytes_ + 3));
    const bool has_partial_line = carry_.size() > line_begin_;
    return has_partial_line && carry_.size() > max_bytes_ + 1 ? take_unbroken_line() : Status();
}

// Takes one more physical line. `record` holds all bytes of the record so far; the last `break_bytes` of them are the
// break of that line, none at the end of the file. Sets record_open_ to whether the record continues.
Status CsvReader::State::take_line(std::string_view record, std::size_t break_bytes) {
    ++lines_;
    const std::string_view raw = record.substr(0, record.size() - break_bytes);
    if (!record_open_) {
        if (raw.empty()) {
            return {};
        }
        if (lines_ == 1) {
            const char named = named_delimiter(raw);
            if (named != '\0' && !delimiter_) {
                use_delimiter(named);
            }
            if (named != '\0' || names_version(raw)) {
                return {};
            }
        }
        record_line_ = lines_;
        record_offset_ = line_end_ - static_cast<std::int64_t>(record.size());
    }
    if (raw.size() > max_bytes_) {
        return refuse_long_record(record);
    }
    if (!record_open_ && passes_over(raw, break_bytes == 0)) {
        return {};
    }
    std::string_view line = record.substr(line_begin_);
    line_begin_ = record.size();
    if (!delimiter_) {
        // libcsv needs the delimiter, and that is found in the whole header: quotes alone tell where it ends.
        track_quotes(line);
        record_open_ = open_quote_line_ != 0;
        if (record_open_) {
            return {};
        }
        use_delimiter(detect_delimiter(raw));
        is_detected_ = true;
        line = record;
    }
    FieldSplitter::State state = splitter_.add_line(line);
    if (state == FieldSplitter::State::open && break_bytes == 0) {
        state = splitter_.end();
    }
    record_open_ = state == FieldSplitter::State::open;
    if (record_open_) {
        track_quotes(line);
        return {};
    }
    line_begin_ = 0;
    open_quote_line_ = 0;
    return hand_out(raw, state == FieldSplitter::State::malformed, break_bytes == 0);
}

// Passes over a line without text outside quotes. Before the header the delimiter may not be known.
bool CsvReader::State::passes_over(std::string_view raw, bool ends_file) {
    const std::string_view delimiters = delimiter_ ? std::string_view(&*delimiter_, 1) : kDelimiters;
    if (!is_blank_line(raw, delimiters)) {
        return false;
    }
    if (!ends_file || !is_end_of_file_mark(raw)) {
        sink_.passed_over(record_line_);
    }
    return true;
}

// Takes what carry_ holds of the last line: all of it, or more than a record may have.
Status CsvReader::State::take_unbroken_line() {
    line_end_ = chunk_offset_;
    return take_line(carry_, carry_.back() == '\r' ? 1 : 0);
}

Status CsvReader::State::hand_out(std::string_view raw, bool malformed, bool unterminated) {
    const CsvRecord record{.line = record_line_,
                           .raw = raw,
                           .malformed = malformed,
                           .too_many_fields = splitter_.too_many_fields(),
                           .fields = splitter_.fields(),
                           .offset = record_offset_,
                           .delimiter = *delimiter_,
                           .unterminated = unterminated};
    if (has_blank_cells_only(record)) {
        sink_.passed_over(record_line_);
        if (is_detected_ && !header_seen_) {
            delimiter_.reset();
        }
        return {};
    }
    if (header_seen_) {
        return sink_.record(record);
    }
    header_seen_ = true;
    if (Status refusal = check_header(record)) {
        return refusal;
    }
    if (std::any_of(record.fields.begin(), record.fields.end(), is_own_column)) {
        max_bytes_ += kMaxOwnBytes;
    }
    return sink_.header(record);
}

Status CsvReader::State::finish() {
    if (!started_) {
        if (Status refusal = start()) {
            return refusal;
        }
    }
    if (carry_.size() > line_begin_) {
        if (Status refusal = take_unbroken_line()) {
            return refusal;
        }
    }
    if (record_open_ && !delimiter_) {
        // The quote that seems to be open in the header may be a stray one.
        use_delimiter(detect_delimiter(carry_));
        if (splitter_.add_line(carry_) == FieldSplitter::State::malformed) {
            return hand_out(carry_, true, true);
        }
    }
    if (record_open_) {
        return broken_file(format("a quote opened on line {} is never closed", open_quote_line_));
    }
    if (!header_seen_) {
        return broken_file("the file is empty", {}, "The first line names the columns, for example: userName,addRoles");
    }
    return sink_.end();
}

Status CsvReader::State::refuse_long_record(std::string_view record) {
    // A quote that is open where the record is cut off explains its length only if it was opened long before: a short
    // field at its end, such as rejected_csv() puts there, does not.
    const std::string_view allowed = record.substr(0, max_bytes_);
    const std::int64_t open_before = open_quote_line_;
    std::size_t opened = std::string_view::npos;
    if (line_begin_ < allowed.size()) {
        opened = track_quotes(allowed.substr(line_begin_));
    }
    const bool is_long = opened == std::string_view::npos ? open_before != 0 : line_begin_ + opened < max_bytes_ / 2;
    std::string detail;
    if (open_quote_line_ != 0 && is_long) {
        detail = format("A quote opened on line {} is still open.", open_quote_line_);
    }
    return broken_file(format("the record at line {} is longer than {} bytes", record_line_, max_bytes_),
                       std::move(detail));
}

void CsvReader::State::use_delimiter(char delimiter) {
    delimiter_ = delimiter;
    splitter_.set_delimiter(delimiter);
}

// True for the first byte of a field of the physical line lines_; elsewhere outside quotes a quote is a stray one.
bool CsvReader::State::begins_field(std::string_view line, std::size_t offset) const {
    if (offset == 0) {
        return lines_ == record_line_;
    }
    const char before = line[offset - 1];
    return delimiter_ ? before == *delimiter_ : kDelimiters.find(before) != std::string_view::npos;
}

// Updates open_quote_line_ after `line`, the physical line lines_. Returns where the last field was opened in it.
std::size_t CsvReader::State::track_quotes(std::string_view line) {
    std::size_t opened = std::string_view::npos;
    for (std::size_t quote = line.find('"'); quote != std::string_view::npos; quote = line.find('"', quote + 1)) {
        if (open_quote_line_ == 0) {
            if (begins_field(line, quote)) {
                open_quote_line_ = lines_;
                opened = quote;
            }
        } else if (line.substr(quote + 1).starts_with('"')) {
            ++quote;  // a doubled quote is a quote in the text
        } else {
            open_quote_line_ = 0;
        }
    }
    return opened;
}

CsvReader::CsvReader(const CsvOptions& options, RecordSink& sink) : state_(std::make_unique<State>(options, sink)) {}

CsvReader::~CsvReader() = default;

Status CsvReader::feed(std::string_view chunk) { return state_->feed(chunk); }

Status CsvReader::finish() { return state_->finish(); }

char CsvReader::delimiter() const { return state_->delimiter_.value_or(','); }

std::int64_t CsvReader::lines() const { return state_->lines_; }

}  // namespace customer_import
