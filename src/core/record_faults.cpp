#include "core/record_faults.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/blank_text.h"
#include "core/format.h"
#include "core/text.h"

namespace customer_import {

namespace {

constexpr std::size_t kMaxShownBytes = 100;

// A quote where none may be, as strict readers have it.
struct StrayQuote {
    enum class Kind { none, blank_before, inside, blank_after, text_after };
    Kind kind = Kind::none;
    std::size_t opened = 0;  // of a quoted field: where its first quote is
    std::size_t place = 0;
};

// The quoted field with the most bytes, and the first stray quote, up to which it is looked for.
struct Quotes {
    std::size_t longest_opened = 0;
    std::size_t longest_closed = 0;
    StrayQuote stray;
};

// The place of the quote that closes the field which begins at `opened`.
std::size_t closing_quote(std::string_view record, std::size_t opened) {
    std::size_t quote = record.find('"', opened + 1);
    while (quote != std::string_view::npos && record.substr(quote + 1).starts_with('"')) {
        quote = record.find('"', quote + 2);
    }
    return quote;
}

Quotes find_quotes(std::string_view record, char delimiter) {
    Quotes quotes;
    for (std::size_t begin = 0; begin < record.size();) {
        if (record[begin] != '"') {
            const std::size_t end = std::min(record.find(delimiter, begin), record.size());
            const std::string_view field = record.substr(begin, end - begin);
            const std::size_t quote = field.find('"');
            if (quote != std::string_view::npos) {
                quotes.stray = {
                    is_blank_text(field.substr(0, quote)) ? StrayQuote::Kind::blank_before : StrayQuote::Kind::inside,
                    begin, begin + quote};
                return quotes;
            }
            begin = end + 1;
            continue;
        }
        const std::size_t closed = closing_quote(record, begin);
        if (closed == std::string_view::npos) {
            return quotes;
        }
        if (closed - begin > quotes.longest_closed - quotes.longest_opened) {
            quotes.longest_opened = begin;
            quotes.longest_closed = closed;
        }
        const std::size_t end = std::min(record.find(delimiter, closed + 1), record.size());
        if (end > closed + 1) {
            quotes.stray = {is_blank_text(record.substr(closed + 1, end - closed - 1)) ? StrayQuote::Kind::blank_after
                                                                                       : StrayQuote::Kind::text_after,
                            begin, closed};
            return quotes;
        }
        begin = end + 1;
    }
    return quotes;
}

// The physical line of a place in the record.
std::int64_t line_of(const CsvRecord& record, std::size_t place) {
    std::int64_t line = record.line;
    for (std::size_t i = 0; i < place; ++i) {
        const bool is_pair = record.raw[i] == '\r' && record.raw.substr(i + 1).starts_with('\n');
        line += (record.raw[i] == '\r' && !is_pair) || record.raw[i] == '\n' ? 1 : 0;
    }
    return line;
}

std::string swallowed_lines(std::int64_t opened, std::int64_t closed) {
    return format(
        "A quote opened on line {0} is closed on line {1}, so that lines {0} to {1} are one record. Close it where its "
        "field ends.",
        opened, closed);
}

std::string name_of(char delimiter) { return delimiter == '\t' ? "a tab" : format("\"{}\"", delimiter); }

// The delimiter that the record seems to have instead of its own, or 0.
char other_delimiter(std::string_view cell, std::size_t wanted) {
    for (const char other : {',', ';', '\t', '|'}) {
        if (static_cast<std::size_t>(std::count(cell.begin(), cell.end(), other)) + 1 == wanted) {
            return other;
        }
    }
    return 0;
}

std::string surplus_hint(const CsvRecord& record, std::size_t wanted) {
    std::string surplus;
    std::size_t empty = 0;  // fields before the one that is looked at
    for (std::size_t field = wanted; field < record.fields.size() && surplus.size() <= kMaxShownBytes; ++field) {
        if (is_blank_text(record.fields[field])) {
            ++empty;
            continue;
        }
        surplus.append(surplus.empty() ? 0 : empty + 1, record.delimiter) += record.fields[field];
        empty = 0;
    }
    if (surplus.empty()) {
        return record.shape == ShapeFault::split_cell
                   ? format("Put a cell that contains {} in quotes, or remove the empty fields at its end.",
                            name_of(record.delimiter))
                   : "Remove the empty fields at its end.";
    }
    return format("Beyond the last column it has {}. Put a cell that contains {} in quotes.", quoted(surplus),
                  name_of(record.delimiter));
}

std::string field_count_hint(const CsvRecord& record, std::size_t wanted) {
    const std::size_t found = record.fields.size();
    if (record.too_many_fields || found > wanted) {
        return surplus_hint(record, wanted);
    }
    const char other = found == 1 ? other_delimiter(record.fields[0], wanted) : '\0';
    if (other != 0) {
        return format("It seems to be separated by {}, but the header by {}.", name_of(other),
                      name_of(record.delimiter));
    }
    switch (record.shape) {
        case ShapeFault::cut_off: return "The file ends in this record, without a line break. Is the file complete?";
        case ShapeFault::single_cell: return "Is there a line break inside a cell? Put such a cell in quotes.";
        case ShapeFault::line_break:
            return format(
                "Is there a line break inside a cell? Put such a cell in quotes; or give each record {} fields.",
                wanted);
        case ShapeFault::open_quote: {
            const Quotes quotes = find_quotes(record.raw, record.delimiter);
            return swallowed_lines(line_of(record, quotes.longest_opened), line_of(record, quotes.longest_closed));
        }
        case ShapeFault::none:
        case ShapeFault::split_cell: break;
    }
    return format("Give it {} fields; empty ones change nothing.", wanted);
}

}  // namespace

Issue wrong_field_count_issue(const CsvRecord& record, std::size_t wanted) {
    const std::size_t found = record.fields.size();
    return make_issue(IssueCode::wrong_field_count, {}, {},
                      record.too_many_fields
                          ? format("the record has more than {} fields, the header has {}", kMaxFields, wanted)
                      : found == 1 ? format("the record has {} field, the header has {}", found, wanted)
                                   : format("the record has {} fields, the header has {}", found, wanted),
                      one_line(field_count_hint(record, wanted)));
}

Issue malformed_record_issue(const CsvRecord& record) {
    const StrayQuote stray = find_quotes(record.raw, record.delimiter).stray;
    std::string hint = "Double every quote inside a quoted field.";
    switch (stray.kind) {
        case StrayQuote::Kind::blank_before: hint = "Remove the blank before the quote."; break;
        case StrayQuote::Kind::blank_after: hint = "Remove the blank after the quote."; break;
        case StrayQuote::Kind::text_after: {
            const std::int64_t opened = line_of(record, stray.opened);
            const std::int64_t closed = line_of(record, stray.place);
            if (opened < closed) {
                hint = swallowed_lines(opened, closed);
            }
            break;
        }
        case StrayQuote::Kind::inside: hint = "Put the field in quotes, and double every quote inside it."; break;
        case StrayQuote::Kind::none: break;
    }
    return make_issue(IssueCode::malformed_record, {}, {}, std::string(kMalformedMessage), std::move(hint));
}

}  // namespace customer_import
