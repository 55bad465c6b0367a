#include "core/field_splitter.h"

#include <algorithm>
#include <new>

#include "core/csv_reader.h"

namespace customer_import {

namespace {

// libcsv trims what this function calls a space; cells are taken as they are.
int is_never_space(unsigned char) { return 0; }

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
    if (state_ != State::open) {
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
    return state_ = state_after_parsing();
}

FieldSplitter::State FieldSplitter::end() {
    csv_fini(&parser_, on_field, on_record, this);
    return state_ = state_after_parsing();
}

FieldSplitter::State FieldSplitter::state_after_parsing() {
    if (out_of_memory_) {
        throw std::bad_alloc();
    }
    if (!record_ended_) {
        return State::open;
    }
    std::size_t begin = 0;
    for (std::size_t i = 0; i < std::min(field_ends_.size(), kMaxFields); ++i) {
        fields_.emplace_back(text_.data() + begin, field_ends_[i] - begin);
        begin = field_ends_[i];
    }
    return State::complete;
}

}  // namespace customer_import
