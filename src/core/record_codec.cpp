#include "core/record_codec.h"

#include <span>

#include "core/packed.h"

namespace customer_import {

// The bytes:
//   by_user_name  user name, NUL, line (8 bytes, highest first), rest
//   by_line       line (8 bytes, highest first), user name, NUL, rest
//                 backwards: the line's complement
//   rest          flags (1 byte), the raw record (text) or where it is (numbers), the doubtful name if there is one (text),
//                 codes to add, to remove, lost, to replace (number, texts), number of cells, cells
//   cell          action and kWithout (1 byte); with kWithout the bytes that were lost before and after it (2 bytes); the
//                 whole text

namespace {

constexpr std::size_t kLineBytes = 8;
constexpr unsigned char kActionBits = 3, kWithout = 4;  // of a cell; the last one of one that is set
constexpr unsigned char kReplacesRoles = 1, kHasDoubtfulName = 2, kHasDoubtfulCells = 4, kIsApart = 8;

bool begins_with_line(RecordOrder order) {
    return order == RecordOrder::by_line || order == RecordOrder::by_line_backwards;
}

std::uint64_t line_bits(RecordOrder order, std::uint64_t line) {
    return order == RecordOrder::by_user_name_backwards || order == RecordOrder::by_line_backwards ? ~line : line;
}

// No less than what is written of codes, and of a record.
std::size_t most_bytes_of_codes(std::span<const std::string_view> codes) {
    std::size_t bytes = kMostNumberBytes;
    for (const std::string_view code : codes) {
        bytes += most_bytes(code);
    }
    return bytes;
}

std::size_t most_bytes_of_record(const Record& record) {
    std::size_t bytes = record.user_name.size() + 1 + kLineBytes + most_bytes(record.raw) + kMostNumberBytes + 1 +
                        most_bytes(record.doubtful_name) + kMostNumberBytes;
    for (const auto codes : {record.add_roles, record.remove_roles, record.lost_roles, record.replace_roles}) {
        bytes += most_bytes_of_codes(codes);
    }
    for (const Cell& cell : record.cells) {
        bytes += 3 + most_bytes(cell.whole());
    }
    return bytes;
}

void put_line(PackedWriter& writer, RecordOrder order, std::int64_t line) {
    const std::uint64_t bits = line_bits(order, static_cast<std::uint64_t>(line));
    for (int shift = 56; shift >= 0; shift -= 8) {
        writer.byte(static_cast<unsigned char>(bits >> shift));
    }
}

void put_codes(PackedWriter& writer, std::span<const std::string_view> codes) {
    writer.number(codes.size());
    for (const std::string_view code : codes) {
        writer.text(code);
    }
}

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

bool get_place(std::string_view& rest, RawPlace& place) {
    return get_number(rest, place.begin) && get_number(rest, place.size) && place.size != 0;
}

bool get_cells(std::string_view& rest, Batch& batch, std::span<const Cell>& cells) {
    std::uint64_t count = 0;
    if (!get_count(rest, 2, count)) {
        return false;
    }
    const std::span<Cell> list = batch.make_cells(count);
    for (Cell& cell : list) {
        unsigned char kind = 0;
        if (!get_byte(rest, kind) || kind > (kActionBits | kWithout)) {
            return false;
        }
        const int action = kind & kActionBits;
        const bool is_set = action == static_cast<int>(Cell::Action::set);
        if (action > static_cast<int>(Cell::Action::clear) || (!is_set && action != kind)) {
            return false;
        }
        cell.action = static_cast<Cell::Action>(action);
        if ((kind & kWithout) != 0 && (!get_byte(rest, cell.lost_before) || !get_byte(rest, cell.lost_after))) {
            return false;
        }
        const std::size_t lost = std::size_t{cell.lost_before} + cell.lost_after;
        if (!get_text(rest, cell.text) || cell.text.size() < lost || cell.is_whole() != ((kind & kWithout) == 0)) {
            return false;
        }
        cell.text = cell.text.substr(cell.lost_before, cell.text.size() - lost);
    }
    cells = list;
    return true;
}

}  // namespace

void encode_record(const Record& record, RecordOrder order, std::string& out, std::size_t begin) {
    out.resize(begin + most_bytes_of_record(record));
    PackedWriter writer(out.data() + begin);
    if (begins_with_line(order)) {
        put_line(writer, order, record.line);
    }
    writer.bytes(record.user_name);
    writer.byte(0);
    if (!begins_with_line(order)) {
        put_line(writer, order, record.line);
    }
    const bool is_apart = record.raw_place.size != 0;
    writer.byte(static_cast<unsigned char>(
        (record.replaces_roles ? kReplacesRoles : 0) | (record.doubtful_name.empty() ? 0 : kHasDoubtfulName) |
        (record.has_doubtful_cells ? kHasDoubtfulCells : 0) | (is_apart ? kIsApart : 0)));
    if (is_apart) {
        writer.number(record.raw_place.begin);
        writer.number(record.raw_place.size);
    } else {
        writer.text(record.raw);
    }
    if (!record.doubtful_name.empty()) {
        writer.text(record.doubtful_name);
    }
    put_codes(writer, record.add_roles);
    put_codes(writer, record.remove_roles);
    put_codes(writer, record.lost_roles);
    put_codes(writer, record.replace_roles);
    writer.number(record.cells.size());
    for (const Cell& cell : record.cells) {
        writer.byte(
            static_cast<unsigned char>(static_cast<unsigned char>(cell.action) | (cell.is_whole() ? 0 : kWithout)));
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
    if (!get_byte(rest, flags) || flags > (kReplacesRoles | kHasDoubtfulName | kHasDoubtfulCells | kIsApart) ||
        !((flags & kIsApart) != 0 ? get_place(rest, record.raw_place) : get_text(rest, record.raw)) ||
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
