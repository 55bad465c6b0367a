#include "pg/background/shared_slices.h"

#include <algorithm>
#include <cstring>

#include "core/format.h"
#include "core/packed.h"
#include "pg/input/raw_records.h"

namespace customer_import::pg {

// Lives in the shared memory. The server counts the processes that use the files, and removes them with the last one.
struct SharedSlices::Content {
    std::uint64_t magic;
    std::int64_t import_id;
    std::uint64_t number;  // random: in the files, too
    pg_atomic_uint32 is_published;
    SharedFileSet files;
};

namespace {

constexpr std::uint64_t kMagic = 0x33736563696c73;  // changes with what is written
constexpr std::size_t kPieceBytes = 32 * 1024;      // that are read or written at once
const char* const kHeadName = "head";
const char* const kRawName = "raw";

// The segments of this process. The server itself would detach them at its exit when it can no longer count, as it does,
// which temporary files are removed.
List* segments = NIL;

void detach_at_exit(int, Datum) {
    while (segments != NIL) {
        auto segment = static_cast<dsm_segment*>(llast(segments));
        segments = list_delete_last(segments);
        dsm_detach(segment);
    }
}

// To be run in a `call`: has the segment stay until detach(), or the end of the process.
void keep(dsm_segment* segment) {
    static bool is_watched = false;
    if (!is_watched) {
        before_shmem_exit(detach_at_exit, 0);
        is_watched = true;
    }
    MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
    segments = lappend(segments, segment);
    MemoryContextSwitchTo(before);
    dsm_pin_mapping(segment);
}

void detach(dsm_segment* segment) {
    segments = list_delete_ptr(segments, segment);
    dsm_detach(segment);
}

std::string slice_name(int slice) { return format("slice{}", slice); }

std::string number_text(std::uint64_t number) {
    return std::string(reinterpret_cast<const char*>(&number), sizeof number);
}

}  // namespace

SharedSlices::~SharedSlices() {
    if (segment_ != nullptr) {
        release([&] { detach(segment_); });
    }
}

SharedSlices SharedSlices::create(std::int64_t import_id) {
    return SharedSlices(call([&]() -> dsm_segment* {
        dsm_segment* segment = dsm_create(sizeof(Content), DSM_CREATE_NULL_IF_MAXSEGMENTS);
        if (segment == nullptr) {
            return nullptr;
        }
        auto content = static_cast<Content*>(dsm_segment_address(segment));
        content->import_id = import_id;
        if (!pg_strong_random(&content->number, sizeof content->number)) {
            ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate a random number")));
        }
        pg_atomic_init_u32(&content->is_published, 0);
        SharedFileSetInit(&content->files, segment);
        content->magic = kMagic;
        keep(segment);
        return segment;
    }));
}

SharedSlices SharedSlices::join(std::uint32_t handle, std::int64_t import_id) {
    return SharedSlices(call([&]() -> dsm_segment* {
        dsm_segment* segment = handle == 0 ? nullptr : dsm_attach(handle);
        if (segment == nullptr) {
            return nullptr;
        }
        auto content = static_cast<Content*>(dsm_segment_address(segment));
        // The handle may be another segment's by now.
        if (dsm_segment_map_length(segment) < sizeof(Content) || content->magic != kMagic ||
            content->import_id != import_id) {
            dsm_detach(segment);
            return nullptr;
        }
        SharedFileSetAttach(&content->files, segment);
        keep(segment);
        return segment;
    }));
}

SharedSlices::Content& SharedSlices::content() const { return *static_cast<Content*>(dsm_segment_address(segment_)); }

std::uint32_t SharedSlices::handle() const { return segment_ == nullptr ? 0 : dsm_segment_handle(segment_); }

void SharedSlices::clear() {
    call([&] { FileSetDeleteAll(&content().files.fs); });
}

void SharedSlices::begin() {
    clear();
    Content& shared = content();
    call([&] {
        // Whose they are stays: the process that made them.
        FileSet own;
        FileSetInit(&own);
        shared.files.fs.ntablespaces = own.ntablespaces;
        memcpy(shared.files.fs.tablespaces, own.tablespaces, sizeof own.tablespaces);
    });
}

void SharedSlices::publish() {
    pg_write_barrier();
    pg_atomic_write_u32(&content().is_published, 1);
}

bool SharedSlices::is_published() const {
    const bool is_published = exists() && pg_atomic_read_u32(&content().is_published) != 0;
    pg_read_barrier();
    return is_published;
}

void SharedSlices::remove(int slice) {
    const std::string name = slice_name(slice);
    release([&] { BufFileDeleteFileSet(&content().files.fs, name.c_str(), true); });
}

// ---- writing ------------------------------------------------------------------------------------------------------

SliceWriter::SliceWriter(const SharedSlices& shared, int slices) : shared_(shared) {
    files_.reserve(static_cast<std::size_t>(slices) + 2);
    for (int slice = 0; slice < slices; ++slice) {
        open(slice_name(slice));
    }
    open(kRawName);
}

SliceWriter::~SliceWriter() {
    for (const File& file : files_) {
        if (file.file != nullptr) {
            release([&] { BufFileClose(file.file); });
        }
    }
}

void SliceWriter::open(const std::string& name) {
    File& file = files_.emplace_back();
    file.file = call([&] { return BufFileCreateFileSet(&shared_.content().files.fs, name.c_str()); });
}

void SliceWriter::write(File& file) {
    call([&] { BufFileWrite(file.file, file.rest.data(), file.rest.size()); });
    file.rest.clear();
}

void SliceWriter::add(int slice, std::string_view record) {
    File& file = files_[static_cast<std::size_t>(slice)];
    const Size bytes = record.size();
    file.rest.append(reinterpret_cast<const char*>(&bytes), sizeof bytes);
    append(file, record);
}

void SliceWriter::add_raw(std::string_view piece) { append(files_.back(), piece); }

void SliceWriter::append(File& file, std::string_view bytes) {
    file.rest += bytes;
    if (file.rest.size() >= kPieceBytes) {
        write(file);
    }
}

void SliceWriter::finish(std::string_view shape, std::string_view header) {
    open(kHeadName);
    std::string& head = files_.back().rest;
    put_text(head, number_text(shared_.content().number));
    put_text(head, shape);
    put_text(head, header);
    for (File& file : files_) {
        write(file);
        call([&] {
            BufFileExportFileSet(file.file);
            BufFileClose(file.file);
        });
        file.file = nullptr;
    }
}

// ---- reading ------------------------------------------------------------------------------------------------------

SliceReader::SliceReader(const SharedSlices& shared, int slice) : shared_(shared) {
    if (!shared.is_published() || !open(kHeadName)) {
        return;
    }
    while (fill(buffer_.size() + 1)) {
    }
    std::string_view rest = buffer_;
    std::string_view number;
    std::string_view shape;
    std::string_view header;
    const bool is_ours = get_text(rest, number) && number == number_text(shared.content().number) &&
                         get_text(rest, shape) && get_text(rest, header) && rest.empty();
    shape_ = shape;
    header_ = header;
    buffer_.clear();
    close();
    if (is_ours) {
        (void)open(slice_name(slice));
    }
}

SliceReader::~SliceReader() { close(); }

bool SliceReader::open(const std::string& name) {
    file_ = call([&] { return BufFileOpenFileSet(&shared_.content().files.fs, name.c_str(), O_RDONLY, true); });
    return file_ != nullptr;
}

void SliceReader::close() {
    if (file_ != nullptr) {
        release([&] { BufFileClose(file_); });
        file_ = nullptr;
    }
}

// Has the buffer hold so many bytes that were not taken yet. Returns false when the file has less.
bool SliceReader::fill(std::size_t bytes) {
    if (buffer_.size() - taken_ >= bytes) {
        return true;
    }
    buffer_.erase(0, taken_);
    taken_ = 0;
    const std::size_t before = buffer_.size();
    const std::size_t wanted = std::max(bytes - before, kPieceBytes);
    buffer_.resize(before + wanted);
    buffer_.resize(before + call([&] { return BufFileRead(file_, buffer_.data() + before, wanted); }));
    return buffer_.size() >= bytes;
}

std::string_view SliceReader::next() {
    Size bytes;
    if (!fill(sizeof bytes)) {
        return {};
    }
    memcpy(&bytes, buffer_.data() + taken_, sizeof bytes);
    if (bytes > MaxAllocSize || !fill(sizeof bytes + bytes)) {
        return {};
    }
    const std::string_view record = std::string_view(buffer_).substr(taken_ + sizeof bytes, bytes);
    taken_ += sizeof bytes + bytes;
    return record;
}

// ---- reading what is kept apart -----------------------------------------------------------------------------------

SharedRawRecords::~SharedRawRecords() {
    if (file_ != nullptr) {
        release([&] { BufFileClose(file_); });
    }
}

std::string SharedRawRecords::read(RawPlace place) {
    if (file_ == nullptr) {
        file_ = call([&] { return BufFileOpenFileSet(&shared_.content().files.fs, kRawName, O_RDONLY, false); });
    }
    std::string bytes(place.size, '\0');
    bytes.resize(call([&]() -> std::size_t {
        return BufFileSeek(file_, 0, static_cast<off_t>(place.begin), SEEK_SET) == 0
                   ? BufFileRead(file_, bytes.data(), bytes.size())
                   : 0;
    }));
    if (bytes.size() != place.size) {
        refuse_raw_place();
    }
    return bytes;
}

}  // namespace customer_import::pg
