#include "pg/input/raw_records.h"

#include <algorithm>

namespace customer_import::pg {

namespace {

constexpr std::size_t kRecentBytes = 2 * 1024 * 1024;
constexpr std::size_t kCopiedBytes = 32 * 1024;

// Reads up to `size` bytes from there on.
std::string read_bytes(BufFile* file, std::uint64_t begin, std::size_t size) {
    std::string bytes(size, '\0');
    bytes.resize(call([&]() -> std::size_t {
        if (BufFileSeek(file, 0, static_cast<off_t>(begin), SEEK_SET) != 0) {
            return 0;
        }
        return BufFileRead(file, bytes.data(), size);
    }));
    return bytes;
}

}  // namespace

RawRecords::~RawRecords() { clear(); }

void RawRecords::clear() {
    if (file_ != nullptr) {
        release([&] { BufFileClose(file_); });
        file_ = nullptr;
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
        if (file_ == nullptr) {
            MemoryContext before = MemoryContextSwitchTo(context_);
            file_ = BufFileCreateTemp(true);
            MemoryContextSwitchTo(before);
        }
        BufFileWrite(file_, recent_.data(), recent_.size());
    });
    written_ += recent_.size();
    recent_.clear();
}

std::string RawRecords::read(RawPlace place) const {
    if (place.begin < written_) {
        return read_raw_record(file_, place);
    }
    const std::size_t begin = place.begin - written_;
    if (begin > recent_.size() || place.size > recent_.size() - begin) {
        throw ImportError(ERRCODE_INTERNAL_ERROR, "a record is not where it was kept");
    }
    return recent_.substr(begin, place.size);
}

void RawRecords::for_each_piece(const std::function<void(std::string_view piece)>& take) const {
    for (std::uint64_t begin = 0; begin < written_;) {
        check_interrupts();
        const std::size_t size = std::min<std::uint64_t>(kCopiedBytes, written_ - begin);
        take(read_raw_record(file_, {begin, size}));
        begin += size;
    }
    take(recent_);
}

std::string read_raw_record(BufFile* file, RawPlace place) {
    std::string bytes = read_bytes(file, place.begin, place.size);
    if (bytes.size() != place.size) {
        throw ImportError(ERRCODE_INTERNAL_ERROR, "a record is not where it was kept");
    }
    return bytes;
}

}  // namespace customer_import::pg
