#include "pg/input/raw_records.h"

#include <algorithm>
#include <cerrno>

namespace customer_import::pg {

namespace {

constexpr std::size_t kRecentBytes = 2 * 1024 * 1024;
constexpr std::size_t kCopiedBytes = 32 * 1024;

}  // namespace

RawRecords::~RawRecords() { clear(); }

void RawRecords::clear() {
    if (file_ >= 0) {
        release([&] { FileClose(file_); });
        file_ = -1;
    }
    written_ = 0;
    recent_.clear();
}

RawPlace RawRecords::add(std::string_view raw) {
    if (recent_.size() + raw.size() > kRecentBytes) {
        write_out();
    }
    const RawPlace place{written_ + recent_.size(), raw.size()};
    recent_ += raw;
    return place;
}

void RawRecords::write_out() {
    if (recent_.empty()) {
        return;
    }
    call([&] {
        if (file_ < 0) {
            PrepareTempTablespaces();
            file_ = OpenTemporaryFile(outlives_);
        }
        errno = 0;
        const std::int64_t written = FileWrite(file_, recent_.data(), static_cast<int>(recent_.size()),
                                               static_cast<off_t>(written_), WAIT_EVENT_BUFFILE_WRITE);
        if (written != static_cast<std::int64_t>(recent_.size())) {
            if (errno == 0) {
                errno = ENOSPC;  // it has written less
            }
            ereport(ERROR, (errcode_for_file_access(), errmsg("could not write to a temporary file: %m")));
        }
    });
    written_ += recent_.size();
    recent_.clear();
}

std::string RawRecords::read(RawPlace place) const {
    if (place.begin >= written_) {
        const std::size_t begin = place.begin - written_;
        if (begin > recent_.size() || place.size > recent_.size() - begin) {
            refuse_raw_place();
        }
        return recent_.substr(begin, place.size);
    }
    if (place.size > written_ - place.begin) {
        refuse_raw_place();
    }
    std::string bytes(place.size, '\0');
    call([&] {
        errno = 0;
        const std::int64_t read = FileRead(file_, bytes.data(), static_cast<int>(bytes.size()),
                                           static_cast<off_t>(place.begin), WAIT_EVENT_BUFFILE_READ);
        if (read < 0) {
            ereport(ERROR, (errcode_for_file_access(), errmsg("could not read from a temporary file: %m")));
        } else if (read != static_cast<std::int64_t>(bytes.size())) {
            ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("a temporary file is shorter than it was")));
        }
    });
    return bytes;
}

void RawRecords::for_each_piece(const std::function<void(std::string_view piece)>& take) const {
    for (std::uint64_t begin = 0; begin < written_;) {
        check_interrupts();
        const std::size_t size = std::min<std::uint64_t>(kCopiedBytes, written_ - begin);
        take(read({begin, size}));
        begin += size;
    }
    take(recent_);
}

void refuse_raw_place() { throw ImportError(ERRCODE_INTERNAL_ERROR, "a record is not where it was kept"); }

}  // namespace customer_import::pg
