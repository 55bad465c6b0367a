#include "pg/input/file_decoder.h"

#include "core/file_kind.h"
#include "core/format.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

namespace {

// In encodings with characters of two bytes, a few of them may happen to be valid UTF-8.
constexpr std::int64_t kEvidenceAmongWide = 8;

constexpr const char* kLeaveEncodingOut = "Leave the option \"encoding\" out.";

[[noreturn]] void refuse_encoding_of(std::string_view is, std::string_view is_not) {
    throw ImportError(ERRCODE_BAD_COPY_FILE_FORMAT,
                      format("the file is {}, not {}", is == kUtf8 ? "UTF-8" : is, is_not), {}, kLeaveEncodingOut);
}

void refuse_if_other_kind(std::string_view begin) {
    if (Status refusal = refuse_other_kind(begin)) {
        throw ImportError(*refusal);
    }
}

}  // namespace

FileDecoder::FileDecoder(FileEncoding& encoding, bool is_new)
    : encoding_(encoding), is_new_(is_new), has_begun_(!is_new) {
    encoding_.reset();
}

std::string_view FileDecoder::next(std::string_view bytes) {
    bytes_ += static_cast<std::int64_t>(bytes.size());
    if (has_begun_) {
        begin_.clear();
        return take(bytes);
    }
    begin_.append(bytes);
    return begin_.size() < kFileKindBytes ? std::string_view() : take_begin();
}

std::string_view FileDecoder::take_begin() {
    has_begun_ = true;
    look_at_begin(begin_);
    const std::string_view text = take(begin_);
    if (encoding_.is_utf16()) {
        refuse_if_other_kind(text);
    }
    return text;
}

std::string_view FileDecoder::take(std::string_view bytes) {
    if (is_new_ && encoding_.is_utf8()) {
        evidence_.see(bytes);
    } else if (is_new_ && !encoding_.is_utf16()) {
        utf8_evidence_.see(bytes);
    }
    return encoding_.decode(bytes, false);
}

std::string_view FileDecoder::finish() {
    std::string text;
    if (!has_begun_) {
        text = take_begin();
    }
    judge();
    text.append(encoding_.decode({}, true));
    begin_ = std::move(text);
    return begin_;
}

void FileDecoder::look_at_begin(std::string_view begin) {
    refuse_if_other_kind(begin);
    const std::string_view marked = marked_encoding(begin);
    const std::string name = encoding_.name();
    if (marked == name || begin.empty()) {
        return;
    }
    if (!marked.empty()) {
        if (!encoding_.is_utf8() && (name != kUtf16 || marked == kUtf8)) {
            refuse_encoding_of(marked, name);
        }
        encoding_ = FileEncoding(std::string(marked));
    } else if (encoding_.is_utf16()) {
        const std::string_view found = unmarked_utf16(begin);
        if (found.empty()) {
            throw ImportError(ERRCODE_BAD_COPY_FILE_FORMAT, format("the file is not {}", name), {}, kLeaveEncodingOut);
        }
        if (name == kUtf16) {
            encoding_ = FileEncoding(std::string(found));
        }
    }
}

void FileDecoder::judge() {
    if (encoding_.is_utf16()) {
        if (bytes_ % 2 != 0) {
            throw ImportError(ERRCODE_BAD_COPY_FILE_FORMAT, "the file ends in the middle of a character",
                              format("It is {} and has an odd number of bytes.", encoding_.name()),
                              "It was cut off or changed on its way here: get it anew.");
        }
        return;
    }
    if (!is_new_) {
        return;
    }
    if (!encoding_.is_utf8()) {
        if (utf8_evidence_.is_utf8(encoding_.is_multibyte() ? kEvidenceAmongWide : 1)) {
            refuse_encoding_of(kUtf8, encoding_.name());
        }
        return;
    }
    if (const std::optional<std::string_view> likely = evidence_.likely_encoding()) {
        advice_ = describe_likely_encoding(*likely);
    }
}

}  // namespace customer_import::pg
