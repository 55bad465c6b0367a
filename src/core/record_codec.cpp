#include "core/record_codec.h"

#include <cstring>
#include <span>

#include "core/packed.h"

namespace customer_import {

// The bytes:
//   by_user_name  user name, NUL, line (8 bytes, highest first), rest
//   by_line       line (8 bytes, highest first), user name, NUL, rest
//                 backwards: the line's complement
//   rest          raw record (text), flags (1 byte), the doubtful name if there is one (text), codes to add, to remove,
//                 lost, to replace (number, texts), number of cells, cells
//   cell          action (1 byte), text; kSetWithout: the bytes that were lost before and after it (2 bytes), the whole text

namespace {

constexpr std::size_t kLineBytes = 8;
constexpr unsigned char kSetWithout = static_cast<unsigned char>(Cell::Action::clear) + 1;  // set, and not whole
constexpr unsigned char kReplacesRoles = 1, kHasDoubtfulName = 2, kHasDoubtfulCells = 4;

bool begins_with_line(RecordOrder order) {
    return order == RecordOrder::by_line || order == RecordOrder::by_line_backwards;
}

std::uint64_t line_bits(RecordOrder order, std::uint64_t line) {
    return order == RecordOrder::by_user_name_backwards || order == RecordOrder::by_line_backwards ? ~line : line;
}

// The most bytes that a number takes.
constexpr std::size_t kNumberBytes = 10;

std::size_t most_bytes(std::string_view text) { return kNumberBytes + text.size(); }

std::size_t most_bytes(std::span<const std::string_view> codes) {
    std::size_t bytes = kNumberBytes;
    for (const std::string_view code : codes) {
        bytes += most_bytes(code);
    }
    return bytes;
}

// No less than what is written of a record.
std::size_t most_bytes(const Record& record) {
    std::size_t bytes = record.user_name.size() + 1 + kLineBytes + most_bytes(record.raw) + 1 +
                        most_bytes(record.add_roles) + most_bytes(record.remove_roles) + most_bytes(record.lost_roles) +
                        most_bytes(record.replace_roles) + most_bytes(record.doubtful_name) + kNumberBytes;
    for (const Cell& cell : record.cells) {
        bytes += 3 + most_bytes(cell.whole());
    }
    return bytes;
}

// Writes what core/packed.h reads to memory that is known to be enough: where each byte asks for room, a record takes
// several times as long.
class Writer {
public:
    explicit Writer(char* out) : out_(out) {}
    char* end() const { return out_; }

    void byte(unsigned char byte) { *out_++ = static_cast<char>(byte); }

    void number(std::uint64_t number) {
        while (number >= 0x80) {
            byte(static_cast<unsigned char>(number | 0x80));
            number >>= 7;
        }
        byte(static_cast<unsigned char>(number));
    }

    void bytes(std::string_view text) {
        if (!text.empty()) {
            std::memcpy(out_, text.data(), text.size());
            out_ += text.size();
        }
    }

    void text(std::string_view text) {
        number(text.size());
        bytes(text);
    }

    void line(RecordOrder order, std::int64_t line) {
        const std::uint64_t bits = line_bits(order, static_cast<std::uint64_t>(line));
        for (int shift = 56; shift >= 0; shift -= 8) {
            byte(static_cast<unsigned char>(bits >> shift));
        }
    }

    void codes(std::span<const std::string_view> codes) {
        number(codes.size());
        for (const std::string_view code : codes) {
            text(code);
        }
    }

private:
    char* out_;
};

bool get_line(std::string_view& rest, RecordOrder order, std::int64_t& line) {
    if (rest.size() < kLineBytes) {
        return false;
    }
    std::uint64_t number = 0;
    for (const char c : rest.substr(0, kLineBytes)) {
        number = number << 8 | static_cast<unsigned char>(c);
    }
    line = static_cast<std::int64_t>(line_bits(order, number));
    rest.remove_prefix(kLineBytes);
    return true;
}

bool get_user_name(std::string_view& rest, std::string_view& user_name) {
    const std::size_t end = rest.find('\0');
    if (end == std::string_view::npos) {
        return false;
    }
    user_name = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return true;
}

bool take_key(std::string_view& rest, RecordOrder order, RecordKey& key) {
    return begins_with_line(order) ? get_line(rest, order, key.line) && get_user_name(rest, key.user_name)
                                   : get_user_name(rest, key.user_name) && get_line(rest, order, key.line);
}

bool get_codes(std::string_view& rest, Batch& batch, std::span<const std::string_view>& codes) {
    std::uint64_t count = 0;
    if (!get_count(rest, 1, count)) {
        return false;
    }
    const std::span<std::string_view> list = batch.make_codes(count);
    for (std::string_view& code : list) {
        if (!get_text(rest, code)) {
            return false;
        }
    }
    codes = list;
    return true;
}

bool get_cells(std::string_view& rest, Batch& batch, std::span<const Cell>& cells) {
    std::uint64_t count = 0;
    if (!get_count(rest, 2, count)) {
        return false;
    }
    const std::span<Cell> list = batch.make_cells(count);
    for (Cell& cell : list) {
        unsigned char action = 0;
        if (!get_byte(rest, action) || action > kSetWithout) {
            return false;
        }
        cell.action = action == kSetWithout ? Cell::Action::set : static_cast<Cell::Action>(action);
        if (action == kSetWithout && (!get_byte(rest, cell.lost_before) || !get_byte(rest, cell.lost_after))) {
            return false;
        }
        const std::size_t lost = std::size_t{cell.lost_before} + cell.lost_after;
        if (!get_text(rest, cell.text) || cell.text.size() < lost || cell.is_whole() != (action != kSetWithout)) {
            return false;
        }
        cell.text = cell.text.substr(cell.lost_before, cell.text.size() - lost);
    }
    cells = list;
    return true;
}

}  // namespace

void encode_record(const Record& record, RecordOrder order, std::string& out, std::size_t begin) {
    out.resize(begin + most_bytes(record));
    Writer writer(out.data() + begin);
    if (begins_with_line(order)) {
        writer.line(order, record.line);
    }
    writer.bytes(record.user_name);
    writer.byte(0);
    if (!begins_with_line(order)) {
        writer.line(order, record.line);
    }
    writer.text(record.raw);
    writer.byte(static_cast<unsigned char>((record.replaces_roles ? kReplacesRoles : 0) |
                                           (record.doubtful_name.empty() ? 0 : kHasDoubtfulName) |
                                           (record.has_doubtful_cells ? kHasDoubtfulCells : 0)));
    if (!record.doubtful_name.empty()) {
        writer.text(record.doubtful_name);
    }
    writer.codes(record.add_roles);
    writer.codes(record.remove_roles);
    writer.codes(record.lost_roles);
    writer.codes(record.replace_roles);
    writer.number(record.cells.size());
    for (const Cell& cell : record.cells) {
        writer.byte(cell.is_whole() ? static_cast<unsigned char>(cell.action) : kSetWithout);
        if (!cell.is_whole()) {
            writer.byte(cell.lost_before);
            writer.byte(cell.lost_after);
        }
        writer.text(cell.whole());
    }
    out.resize(static_cast<std::size_t>(writer.end() - out.data()));
}

RecordKey record_key(std::string_view bytes, RecordOrder order) {
    RecordKey key;
    return take_key(bytes, order, key) ? key : RecordKey();
}

bool decode_record(std::string_view bytes, RecordOrder order, Batch& batch) {
    std::string_view rest = batch.keep(bytes);
    Record record;
    RecordKey key;
    if (!take_key(rest, order, key)) {
        return false;
    }
    record.line = key.line;
    record.user_name = key.user_name;
    unsigned char flags = 0;
    if (!get_text(rest, record.raw) || !get_byte(rest, flags) ||
        flags > (kReplacesRoles | kHasDoubtfulName | kHasDoubtfulCells) ||
        ((flags & kHasDoubtfulName) != 0 && (!get_text(rest, record.doubtful_name) || record.doubtful_name.empty())) ||
        !get_codes(rest, batch, record.add_roles) || !get_codes(rest, batch, record.remove_roles) ||
        !get_codes(rest, batch, record.lost_roles) || !get_codes(rest, batch, record.replace_roles) ||
        !get_cells(rest, batch, record.cells) || !rest.empty()) {
        return false;
    }
    record.replaces_roles = (flags & kReplacesRoles) != 0;
    record.has_doubtful_cells = (flags & kHasDoubtfulCells) != 0;
    batch.add(record);
    return true;
}

}  // namespace customer_import
