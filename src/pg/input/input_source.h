// Where the bytes of an import come from: an argument or a large object, read in chunks, in UTF-8.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// Bytes that can be read from the start as often as wanted.
class InputSource {
public:
    virtual ~InputSource() = default;
    // Returns the next bytes, valid until the next call; an empty view at the end.
    virtual std::string_view next() = 0;
    virtual void rewind() = 0;
    // Bytes handed out since the start.
    std::int64_t bytes() const { return bytes_; }

    // The line that the next record is known by; `line` is its line in the bytes. Asked once for each record.
    virtual std::int64_t line_of_next_record(std::int64_t line) { return line; }

    // Makes what it reads the stored file of an import, where that takes no copy. Returns false, and does nothing, where
    // it would.
    virtual bool become_file(std::int64_t /*import_id*/) { return false; }

protected:
    std::int64_t bytes_ = 0;
};

// Reads bytes that stay in memory as long as the source.
std::unique_ptr<InputSource> memory_source(std::string_view bytes);

// Reads a large object with the caller's rights and the active snapshot.
std::unique_ptr<InputSource> large_object_source(Oid large_object);

// Hands out what comes in big chunks in small pieces.
class ChunkedSource : public InputSource {
public:
    std::string_view next() final;
    void rewind() final;

private:
    // Reads the chunk that begins after the first bytes_ bytes; nothing at the end.
    virtual void read_chunk(std::string& chunk) = 0;

    std::string chunk_;
    std::size_t taken_ = 0;
};

// The most that is stored as one chunk.
inline constexpr std::int32_t kBigChunkBytes = 1024 * 1024;

// Reads the stored file of an import in the background, as the extension's owner. Needs an SPI connection.
std::unique_ptr<InputSource> stored_file_source(std::int64_t import_id);

// Reads the rejected records of an import as a file, under their own lines: those that no retry has taken, or that of
// `retry_id` (0: none). Amended ones as they were amended. As the extension's owner; needs an SPI connection.
std::unique_ptr<InputSource> rejected_records_source(std::int64_t import_id, std::int64_t retry_id);

// Stores what a source gives as the file of an import, as the extension's owner.
void store_file(std::int64_t import_id, InputSource& source);

// The encoding of a file and its conversion to UTF-8 and back. A byte that is invalid in the encoding becomes the UTF-8
// form of a lone surrogate (U+DC80 and up), which no UTF-8 text contains: the validator rejects its record, and
// encode() restores the byte. Source: PEP 383.
class FileEncoding {
public:
    // UTF-8.
    FileEncoding();
    // Any encoding of the server, by name. Errors: 22023.
    explicit FileEncoding(const std::string& name);

    bool is_utf8() const { return encoding_ == PG_UTF8; }
    const std::string& name() const { return name_; }

    // Converts the file's next bytes. An incomplete character at the end waits for the next call, unless `last`. The
    // view is valid until the next call.
    std::string_view decode(std::string_view bytes, bool last);
    // Forgets an incomplete character: the file is read again from its start.
    void reset() { rest_.clear(); }

    // Describes the bytes of the file that decode() could not convert and escaped at `offset` of a record, e.g. "0x83
    // 0x20".
    std::string describe_invalid(std::string_view record, std::size_t offset) const;

    // Converts text that decode() gave back to the file's bytes.
    std::string encode(std::string_view text) const;

private:
    int encoding_ = PG_UTF8;
    std::string name_ = "UTF8";
    Oid to_utf8_ = InvalidOid;
    Oid from_utf8_ = InvalidOid;
    std::string rest_;
    std::string decoded_;
};

}  // namespace customer_import::pg
