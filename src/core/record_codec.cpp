#include "core/record_codec.h"

#include <span>

#include "core/packed.h"

namespace customer_import {

// The bytes:
//   by_user_name  user name, NUL, line (8 bytes, highest first), rest
//   by_line       line (8 bytes, highest first), user name, NUL, rest
//                 backwards: the line's complement
//   rest          raw record (text), 1 if it replaces the roles else 0 (1 byte), codes to add, to remove, lost, to
//                 replace (number, texts), number of cells, cells
//   cell          action (1 byte), text

namespace {

constexpr std::size_t kLineBytes = 8;

bool begins_with_line(RecordOrder order) {
    return order == RecordOrder::by_line || order == RecordOrder::by_line_backwards;
}

std::uint64_t line_bits(RecordOrder order, std::uint64_t line) {
    return order == RecordOrder::by_user_name_backwards || order == RecordOrder::by_line_backwards ? ~line : line;
}

void put_line(std::string& out, RecordOrder order, std::int64_t line) {
    const std::uint64_t bits = line_bits(order, static_cast<std::uint64_t>(line));
    for (int shift = 56; shift >= 0; shift -= 8) {
        out += static_cast<char>(bits >> shift);
    }
}

void put_user_name(std::string& out, std::string_view user_name) {
    out += user_name;
    out += '\0';
}

void put_codes(std::string& out, std::span<const std::string_view> codes) {
    put_number(out, codes.size());
    for (const std::string_view code : codes) {
        put_text(out, code);
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
        if (!get_byte(rest, action) || action > static_cast<unsigned char>(Cell::Action::clear)) {
            return false;
        }
        cell.action = static_cast<Cell::Action>(action);
        if (!get_text(rest, cell.text)) {
            return false;
        }
    }
    cells = list;
    return true;
}

}  // namespace

void encode_record(const Record& record, RecordOrder order, std::string& out) {
    out.clear();
    if (begins_with_line(order)) {
        put_line(out, order, record.line);
    }
    put_user_name(out, record.user_name);
    if (!begins_with_line(order)) {
        put_line(out, order, record.line);
    }
    put_text(out, record.raw);
    out += record.replaces_roles ? '\1' : '\0';
    put_codes(out, record.add_roles);
    put_codes(out, record.remove_roles);
    put_codes(out, record.lost_roles);
    put_codes(out, record.replace_roles);
    put_number(out, record.cells.size());
    for (const Cell& cell : record.cells) {
        out += static_cast<char>(cell.action);
        put_text(out, cell.text);
    }
}

bool decode_record(std::string_view bytes, RecordOrder order, Batch& batch) {
    std::string_view rest = batch.keep(bytes);
    Record record;
    if (begins_with_line(order) && !get_line(rest, order, record.line)) {
        return false;
    }
    if (!get_user_name(rest, record.user_name)) {
        return false;
    }
    if (!begins_with_line(order) && !get_line(rest, order, record.line)) {
        return false;
    }
    unsigned char replaces_roles = 0;
    if (!get_text(rest, record.raw) || !get_byte(rest, replaces_roles) || replaces_roles > 1 ||
        !get_codes(rest, batch, record.add_roles) || !get_codes(rest, batch, record.remove_roles) ||
        !get_codes(rest, batch, record.lost_roles) || !get_codes(rest, batch, record.replace_roles) ||
        !get_cells(rest, batch, record.cells) || !rest.empty()) {
        return false;
    }
    record.replaces_roles = replaces_roles == 1;
    batch.add(record);
    return true;
}

}  // namespace customer_import
