// Step 1: the bytes of a file become UTF-8, and a file that is another one than its user takes it for is known: no CSV, or
// in another encoding.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/encoding_evidence.h"
#include "pg/input/file_encoding.h"

namespace customer_import::pg {

class FileDecoder {
public:
    // `encoding` becomes another one when a byte order mark says so. `is_new`: the file is as its user has it; of the
    // rejected records of an earlier import all is known. Both must outlive the object.
    FileDecoder(FileEncoding& encoding, bool is_new);

    // Returns text of the next bytes, and of some of those before. The view is valid until the next call, as long as
    // `bytes` are. Errors: 22P04.
    std::string_view next(std::string_view bytes);
    // Returns the rest. Errors: 22P04, also for all that only the whole file shows.
    std::string_view finish();

    // After finish(): what to tell people of a file that is no UTF-8 although it is read as such; empty if nothing.
    const std::string& advice() const { return advice_; }

private:
    std::string_view take_begin();
    std::string_view take(std::string_view bytes);
    void look_at_begin(std::string_view begin);
    void judge();

    FileEncoding& encoding_;
    const bool is_new_;
    bool has_begun_ = false;
    std::string begin_;  // until there is enough to know what it is
    std::int64_t bytes_ = 0;
    Utf8Evidence utf8_evidence_;
    EncodingEvidence evidence_;
    std::string advice_;
};

}  // namespace customer_import::pg
