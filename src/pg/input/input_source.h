// Where the bytes of an import come from: an argument or a large object, read in chunks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
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
    // Whether there is anything to read, before it is read.
    virtual bool exists() { return true; }
    // Bytes handed out since the start.
    std::int64_t bytes() const { return bytes_; }

    // The line that the next record is known by; `line` is its line in the bytes. Asked once for each record.
    virtual std::int64_t line_of_next_record(std::int64_t line) { return line; }

    // Whether the next record, before its line is asked for, may get the cells that it lacks; nothing where nothing of it
    // is known yet.
    virtual std::optional<bool> completes_next_record() const { return std::nullopt; }

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

// Reads the records of an import with that outcome, rejected or skipped, as a file, under their own lines: those that no
// retry has taken, or that of `retry_id` (0: none). Amended ones as they were amended. `outcome` is a literal,
// `line_break` one in the encoding of the file. As the extension's owner; needs an SPI connection.
std::unique_ptr<InputSource> retried_records_source(std::int64_t import_id, std::string_view outcome,
                                                    std::int64_t retry_id, std::string line_break);

// Stores what a source gives as the file of an import, as the extension's owner.
void store_file(std::int64_t import_id, InputSource& source);

}  // namespace customer_import::pg
