#include "core/field_splitter.h"

#include <algorithm>
#include <new>

#include "core/csv_reader.h"

namespace customer_import {

namespace {

// libcsv trims what this function calls a space; cells are taken as they are.
int is_never_space(unsigned char) { return 0; }

std::size_t size_without_break(std::string_view line) {
    const std::size_t last = line.find_last_not_of("\r\n");
    return last == std::string_view::npos ? 0 : last + 1;
}

}  // namespace

FieldSplitter::FieldSplitter() { open_parser(); }

FieldSplitter::~FieldSplitter() { csv_free(&parser_); }

void FieldSplitter::open_parser() {
    constexpr std::size_t kBufferStep = 64 * 1024;  // by which libcsv lets its buffer for a field grow
    csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI);
    csv_set_space_func(&parser_, is_never_space);
    csv_set_blk_size(&parser_, kBufferStep);
    csv_set_delim(&parser_, static_cast<unsigned char>(delimiter_));
}

void FieldSplitter::set_delimiter(char delimiter) {
    delimiter_ = delimiter;
    csv_set_delim(&parser_, static_cast<unsigned char>(delimiter));
}

void FieldSplitter::on_field(void* text, std::size_t size, void* self) noexcept {
    auto& splitter = *static_cast<FieldSplitter*>(self);
    if (splitter.field_ends_.size() > kMaxFields) {
        return;
    }
    try {
        splitter.text_.append(static_cast<const char*>(text), size);
        splitter.field_ends_.push_back(splitter.text_.size());
    } catch (const std::bad_alloc&) {
        splitter.out_of_memory_ = true;
    }
}

void FieldSplitter::on_record(int, void* self) noexcept { static_cast<FieldSplitter*>(self)->record_ended_ = true; }

FieldSplitter::State FieldSplitter::add_line(std::string_view line) {
    const bool begins_record = state_ != State::open;
    if (begins_record) {
        text_.clear();
        field_ends_.clear();
        fields_.clear();
        record_ended_ = false;
    }
    const std::size_t parsed = csv_parse(&parser_, line.data(), line.size(), on_field, on_record, this);
    if (parsed < line.size()) {
        if (csv_error(&parser_) != CSV_EPARSE) {
            throw std::bad_alloc();
        }
        // libcsv cannot be used after an error.
        csv_free(&parser_);
        open_parser();
        return state_ = State::malformed;
    }
    return state_ = state_after_parsing(begins_record ? line : std::string_view());
}

FieldSplitter::State FieldSplitter::end() {
    csv_fini(&parser_, on_field, on_record, this);
    return state_ = state_after_parsing({});
}

// `line` is the record, if it is of one line.
FieldSplitter::State FieldSplitter::state_after_parsing(std::string_view line) {
    if (out_of_memory_) {
        throw std::bad_alloc();
    }
    if (!record_ended_) {
        return State::open;
    }
    // Where libcsv has taken no quote out, the fields are in the line as they are, with a delimiter between each two.
    const std::size_t delimiters = field_ends_.size() - 1;
    const bool is_plain = field_ends_.size() <= kMaxFields && text_.size() + delimiters == size_without_break(line);
    const std::string_view text = is_plain ? line : text_;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < std::min(field_ends_.size(), kMaxFields); ++i) {
        const std::size_t size = field_ends_[i] - begin;
        fields_.push_back(text.substr(begin + (is_plain ? i : 0), size));
        begin = field_ends_[i];
    }
    return State::complete;
}

}  // namespace customer_import
