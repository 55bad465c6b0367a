// The encoding of a file and its conversion to UTF-8 and back.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "core/file_kind.h"
#include "pg/input/text_converter.h"

namespace customer_import::pg {

// A byte that is invalid in the encoding becomes the UTF-8 form of a lone surrogate (core/byte_escape), which no UTF-8
// text contains: the validator rejects its record, and encode() restores the byte. Of bytes that are valid, but not those
// that encode() would make of their text (some characters have two codes in SJIS), exact() says which ones they were.
class FileEncoding {
public:
    // UTF-8.
    FileEncoding() = default;
    // Any encoding, by any of its names. Errors: 22023.
    explicit FileEncoding(const std::string& name);

    bool is_utf8() const { return converter_ == nullptr; }
    bool is_utf16() const { return !is_utf8() && converter_->is_wide(); }
    // Whether a character may have more than one byte.
    bool is_multibyte() const { return is_utf8() || !converter_->is_one_to_one() || converter_->is_wide(); }
    const std::string& name() const { return name_; }

    // Converts the file's next bytes. An incomplete character at the end waits for the next call, unless `last`. The
    // view is valid until the next call.
    std::string_view decode(std::string_view bytes, bool last);
    // Forgets an incomplete character: the file is read again from its start.
    void reset();

    // Returns a piece of what decode() gave, which begins after so many bytes of it, in the form that encode() makes the
    // file's own bytes of. Pieces are asked for in order, none of them twice. The view is valid until the next call.
    std::string_view exact(std::string_view text, std::int64_t offset) {
        return inexact_.empty() ? text : restore(text, offset);
    }
    // Converts all bytes of something to that form.
    std::string decode_exact(std::string_view bytes);

    // Describes the bytes of the file that decode() could not convert and escaped at `offset` of a record, e.g. "0x83
    // 0x20".
    std::string describe_invalid(std::string_view record, std::size_t offset) const;

    // Converts text that decode() gave back to the file's bytes.
    std::string encode(std::string_view text) const;

private:
    // Text that encode() would make other bytes of.
    struct Inexact {
        std::int64_t offset;  // in all that decode() gave
        std::size_t size;
        std::string bytes;
    };

    std::string_view next_piece(std::string_view text) const;
    void note_inexact(std::string_view bytes, std::size_t begin);
    std::string_view restore(std::string_view text, std::int64_t offset);

    std::string name_{kUtf8};
    std::shared_ptr<TextConverter> converter_;  // null: it is UTF-8
    std::string rest_;
    std::string decoded_;
    std::int64_t decoded_before_ = 0;  // what decode() gave before decoded_
    std::deque<Inexact> inexact_;
    std::string exact_;
};

}  // namespace customer_import::pg
