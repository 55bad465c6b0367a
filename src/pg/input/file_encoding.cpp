#include "pg/input/file_encoding.h"

#include <algorithm>

#include "core/byte_escape.h"
#include "core/text.h"
#include "pg/server/guard.h"

namespace customer_import::pg {

namespace {

constexpr std::size_t kPieceBytes = TextConverter::kBytesAtOnce;

// No byte up to this one is a part of a longer character in any encoding: what is before and after it can be converted
// apart.
constexpr char kLastSeparator = '/';

bool is_separator(char c) { return c >= 0 && c <= kLastSeparator; }

// The bytes up to the last separator, that one included; none if there is no separator.
std::string_view up_to_separator(std::string_view text) {
    std::size_t size = text.size();
    while (size > 0 && !is_separator(text[size - 1])) {
        --size;
    }
    return text.substr(0, size);
}

}  // namespace

FileEncoding::FileEncoding(const std::string& name) {
    NamedConverter found = find_converter(name);
    name_ = std::move(found.name);
    converter_ = std::move(found.converter);
}

void FileEncoding::reset() {
    rest_.clear();
    decoded_.clear();
    decoded_before_ = 0;
    inexact_.clear();
}

// Characters that follow each other may have one code together (SHIFT_JIS_2004): a piece ends where none does.
std::string_view FileEncoding::next_piece(std::string_view text) const {
    if (text.size() <= kPieceBytes) {
        return text;
    }
    text = text.substr(0, kPieceBytes);
    const std::string_view piece = converter_->is_one_to_one() ? text : up_to_separator(text);
    return piece.empty() ? text : piece;
}

std::string_view FileEncoding::decode(std::string_view bytes, bool last) {
    if (is_utf8()) {
        return bytes;
    }
    rest_.append(bytes);
    decoded_before_ += static_cast<std::int64_t>(decoded_.size());
    decoded_.clear();
    std::string_view left = rest_;
    std::size_t waiting = 0;
    if (!last && !converter_->is_one_to_one()) {
        const std::string_view whole = up_to_separator(left);
        if (left.size() - whole.size() <= kPieceBytes) {
            waiting = left.size() - whole.size();
            left = whole;
        }
    }
    while (!left.empty()) {
        check_interrupts();
        const std::size_t begin = decoded_.size();
        const std::size_t used = converter_->to_utf8(next_piece(left), decoded_);
        if (used > 0) {
            if (!converter_->is_one_to_one()) {
                note_inexact(left.substr(0, used), begin);
            }
            left.remove_prefix(used);
            continue;
        }
        // A NUL is no character for the server.
        const bool is_character = left.front() != '\0' || converter_->is_wide();
        const std::size_t size = is_character ? converter_->character_bytes(left) : 1;
        if (!last && size > left.size()) {
            break;
        }
        if (!converter_->is_wide()) {
            append_byte_escape(decoded_, static_cast<unsigned char>(left.front()));
            left.remove_prefix(1);
            continue;
        }
        for (int unit_bytes = 2; unit_bytes > 0 && !left.empty(); --unit_bytes) {
            append_exact_byte(decoded_, static_cast<unsigned char>(left.front()));
            left.remove_prefix(1);
        }
    }
    rest_.erase(0, rest_.size() - left.size() - waiting);
    return decoded_;
}

// Compares run by run of what is not ASCII: characters of one run may depend on each other.
void FileEncoding::note_inexact(std::string_view bytes, std::size_t begin) {
    if (is_ascii(bytes) || encode(std::string_view(decoded_).substr(begin)) == bytes) {
        return;
    }
    const std::size_t known = inexact_.size();
    std::size_t place = begin;
    const auto note = [&](std::size_t at, std::size_t size, std::string_view own) {
        inexact_.push_back({decoded_before_ + static_cast<std::int64_t>(at), size, std::string(own)});
    };
    std::string text;
    for (std::size_t at = 0; at < bytes.size() && place < decoded_.size();) {
        check_interrupts();
        if (is_ascii(bytes.substr(at, 1))) {
            ++at;
            ++place;
            continue;
        }
        std::size_t end = at;
        while (end < bytes.size() && !is_ascii(bytes.substr(end, 1))) {
            end = std::min(bytes.size(), end + converter_->character_bytes(bytes.substr(end)));
        }
        const std::string_view run = bytes.substr(at, end - at);
        text.clear();
        converter_->to_utf8(run, text);
        if (std::string_view(decoded_).substr(place, text.size()) != text) {
            break;
        }
        if (encode(text) != run) {
            note(place, text.size(), run);
        }
        at = end;
        place += text.size();
    }
    if (place != decoded_.size() || inexact_.size() == known) {  // they depend also on what is beside them
        inexact_.resize(known);
        note(begin, decoded_.size() - begin, bytes);
    }
}

std::string_view FileEncoding::restore(std::string_view text, std::int64_t offset) {
    const auto end_of = [](const Inexact& piece) { return piece.offset + static_cast<std::int64_t>(piece.size); };
    while (!inexact_.empty() && end_of(inexact_.front()) <= offset) {
        inexact_.pop_front();
    }
    const std::int64_t end = offset + static_cast<std::int64_t>(text.size());
    if (inexact_.empty() || end_of(inexact_.front()) > end) {
        return text;
    }
    exact_.clear();
    std::size_t copied = 0;
    for (const Inexact& piece : inexact_) {
        if (end_of(piece) > end) {
            break;
        }
        const auto begin = static_cast<std::size_t>(piece.offset - offset);
        exact_ += text.substr(copied, begin - copied);
        for (const char byte : piece.bytes) {
            append_exact_byte(exact_, static_cast<unsigned char>(byte));
        }
        copied = begin + piece.size;
    }
    exact_ += text.substr(copied);
    return exact_;
}

std::string FileEncoding::decode_exact(std::string_view bytes) {
    reset();
    std::string text(exact(decode(bytes, true), 0));
    reset();
    return text;
}

std::string FileEncoding::describe_invalid(std::string_view record, std::size_t offset) const {
    const std::string bytes = encode(record);
    const std::size_t begin = encode(record.substr(0, offset)).size();
    const std::string_view rest = std::string_view(bytes).substr(begin);
    return describe_bytes(rest.substr(0, converter_->character_bytes(rest)));
}

std::string FileEncoding::encode(std::string_view text) const {
    if (is_utf8()) {
        return std::string(text);
    }
    std::string bytes;
    while (!text.empty()) {
        check_interrupts();
        std::string_view window = next_piece(text);
        if (!converter_->is_wide()) {
            window = window.substr(0, window.find('\0'));
        }
        window = window.substr(0, find_invalid_utf8(window));
        const std::size_t used = converter_->from_utf8(window, bytes);
        text.remove_prefix(used);
        if (used > 0) {
            continue;
        }
        const int byte = read_byte_escape(text);
        if (byte >= 0) {
            bytes.push_back(static_cast<char>(byte));
            text.remove_prefix(kByteEscapeBytes);
        } else if (!window.empty()) {  // a character that the encoding does not have
            bytes.push_back('?');
            std::size_t size = 1;
            while (size < text.size() && (text[size] & '\xC0') == '\x80') {
                ++size;
            }
            text.remove_prefix(size);
        } else {
            bytes.push_back(text.front());
            text.remove_prefix(1);
        }
    }
    return bytes;
}

}  // namespace customer_import::pg
