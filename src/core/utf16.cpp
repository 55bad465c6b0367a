#include "core/utf16.h"

#include <utf8proc.h>

namespace customer_import {

namespace {

constexpr std::size_t kUnitBytes = 2;

char32_t unit_at(std::string_view bytes, std::size_t offset, ByteOrder order) {
    const auto first = static_cast<unsigned char>(bytes[offset]),
               second = static_cast<unsigned char>(bytes[offset + 1]);
    return order == ByteOrder::little_endian ? char32_t{first} | char32_t{second} << 8
                                             : char32_t{first} << 8 | char32_t{second};
}

bool is_high_surrogate(char32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool is_low_surrogate(char32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

void append_unit(std::string& out, char32_t unit, ByteOrder order) {
    const auto low = static_cast<char>(unit & 0xFF), high = static_cast<char>(unit >> 8);
    out.push_back(order == ByteOrder::little_endian ? low : high);
    out.push_back(order == ByteOrder::little_endian ? high : low);
}

}  // namespace

std::size_t utf16_to_utf8(std::string_view bytes, ByteOrder order, std::string& out) {
    std::size_t at = 0;
    while (bytes.size() - at >= kUnitBytes) {
        char32_t character = unit_at(bytes, at, order);
        std::size_t size = kUnitBytes;
        if (character < 0x80) {
            out.push_back(static_cast<char>(character));
            at += size;
            continue;
        }
        if (is_low_surrogate(character)) {
            break;
        }
        if (is_high_surrogate(character)) {
            size = 2 * kUnitBytes;
            const char32_t low = bytes.size() - at < size ? 0 : unit_at(bytes, at + kUnitBytes, order);
            if (!is_low_surrogate(low)) {
                break;
            }
            character = 0x10000 + ((character - 0xD800) << 10) + (low - 0xDC00);
        }
        utf8proc_uint8_t encoded[4];
        const utf8proc_ssize_t encoded_bytes = utf8proc_encode_char(static_cast<utf8proc_int32_t>(character), encoded);
        out.append(reinterpret_cast<const char*>(encoded), static_cast<std::size_t>(encoded_bytes));
        at += size;
    }
    return at;
}

void utf8_to_utf16(std::string_view text, ByteOrder order, std::string& out) {
    while (!text.empty()) {
        utf8proc_int32_t code_point = 0;
        const utf8proc_ssize_t size = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                                       static_cast<utf8proc_ssize_t>(text.size()), &code_point);
        if (size <= 0) {
            return;
        }
        text.remove_prefix(static_cast<std::size_t>(size));
        auto character = static_cast<char32_t>(code_point);
        if (character >= 0x10000) {
            character -= 0x10000;
            append_unit(out, 0xD800 + (character >> 10), order);
            character = 0xDC00 + (character & 0x3FF);
        }
        append_unit(out, character, order);
    }
}

std::size_t utf16_character_bytes(std::string_view bytes, ByteOrder order) {
    if (bytes.size() < kUnitBytes || !is_high_surrogate(unit_at(bytes, 0, order))) {
        return kUnitBytes;
    }
    return bytes.size() < 2 * kUnitBytes || is_low_surrogate(unit_at(bytes, kUnitBytes, order)) ? 2 * kUnitBytes
                                                                                                : kUnitBytes;
}

}  // namespace customer_import
