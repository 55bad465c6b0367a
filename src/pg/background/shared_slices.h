// Between the check of an import and its slices: the worker that checks the file writes the records of each slice to a
// temporary file, and those that apply them read theirs. It is a short cut alone: where there are no such files, the
// file of the import is read again. They are gone with the processes that know them, however those end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/batch.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// A file of fewer bytes has one slice: one worker is done with it before another one has started.
inline constexpr std::int64_t kSharedFileBytes = 256 * 1024;

// The temporary files of one import, as the processes share them. The supervisor makes them and keeps them for the time
// of the import; workers join.
class SharedSlices {
public:
    SharedSlices() = default;
    SharedSlices(SharedSlices&& other) noexcept : segment_(std::exchange(other.segment_, nullptr)) {}
    SharedSlices& operator=(SharedSlices&& other) noexcept {
        std::swap(segment_, other.segment_);
        return *this;
    }
    ~SharedSlices();

    // Makes room for those of an import. There is none where the server has no shared memory left. Needs a transaction.
    static SharedSlices create(std::int64_t import_id);

    // Joins by the handle of another process; 0, or one that is gone: nothing. Needs a transaction.
    static SharedSlices join(std::uint32_t handle, std::int64_t import_id);

    bool exists() const { return segment_ != nullptr; }
    std::uint32_t handle() const;  // 0: nothing to join

    // Removes all files.
    void clear();

    // Removes what an earlier check has written, and has the files in the temporary tablespaces of the current role.
    // Needs a transaction.
    void begin();
    // The check of which they tell is committed: others may read them.
    void publish();
    bool is_published() const;

    // Removes the file of a slice that has ended.
    void remove(int slice);

private:
    friend class SliceWriter;
    friend class SliceReader;
    friend class SharedRawRecords;
    struct Content;  // of the shared memory
    explicit SharedSlices(dsm_segment* segment) : segment_(segment) {}
    Content& content() const;

    dsm_segment* segment_ = nullptr;
};

// Writes the records of all slices. Lives within a transaction.
class SliceWriter {
public:
    SliceWriter(const SharedSlices& shared, int slices);
    ~SliceWriter();
    SliceWriter(const SliceWriter&) = delete;
    SliceWriter& operator=(const SliceWriter&) = delete;

    // Adds a record as a RecordSpool has shown it.
    void add(int slice, std::string_view record);

    // Adds bytes of what the spool keeps apart of all records.
    void add_raw(std::string_view piece);

    // Ends the files. `shape` and `header` are handed to the readers.
    void finish(std::string_view shape, std::string_view header);

private:
    struct File {
        BufFile* file = nullptr;
        std::string rest;  // not yet written
    };
    void open(const std::string& name);
    static void append(File& file, std::string_view bytes);
    static void write(File& file);

    const SharedSlices& shared_;
    std::vector<File> files_;  // of the slices, and of what is kept apart
};

// Reads what a SliceWriter has written. Lives within a transaction.
class SliceReader {
public:
    SliceReader(const SharedSlices& shared, int slice);
    ~SliceReader();
    SliceReader(const SliceReader&) = delete;
    SliceReader& operator=(const SliceReader&) = delete;

    // Whether there are files of a check that was committed.
    bool exists() const { return file_ != nullptr; }
    const std::string& shape() const { return shape_; }
    const std::string& header() const { return header_; }

    // Returns the next record, valid until the next call; an empty view at the end, and where the file breaks off.
    std::string_view next();

private:
    bool open(const std::string& name);
    void close();
    bool fill(std::size_t bytes);

    const SharedSlices& shared_;
    BufFile* file_ = nullptr;
    std::string shape_;
    std::string header_;
    std::string buffer_;
    std::size_t taken_ = 0;  // of the buffer
};

// What a SliceWriter has written of the bytes of records. Lives within a transaction.
class SharedRawRecords {
public:
    explicit SharedRawRecords(const SharedSlices& shared) : shared_(shared) {}
    ~SharedRawRecords();
    SharedRawRecords(const SharedRawRecords&) = delete;
    SharedRawRecords& operator=(const SharedRawRecords&) = delete;

    // Returns the record there. Errors: XX000 where there is none.
    std::string read(RawPlace place);

private:
    const SharedSlices& shared_;
    BufFile* file_ = nullptr;  // open once one was read
};

}  // namespace customer_import::pg
