// Numbers and texts as bytes, for what is kept packed. A number is a base 128 varint, lowest bits first; a text is its
// length and its bytes. Reading is safe on any bytes: it returns false when they are not what was expected.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace customer_import {

inline void put_number(std::string& out, std::uint64_t number) {
    while (number >= 0x80) {
        out += static_cast<char>(number | 0x80);
        number >>= 7;
    }
    out += static_cast<char>(number);
}

inline void put_text(std::string& out, std::string_view text) {
    put_number(out, text.size());
    out += text;
}

// The most bytes that a number, and that a text takes.
inline constexpr std::size_t kMostNumberBytes = 10;
inline std::size_t most_bytes(std::string_view text) { return kMostNumberBytes + text.size(); }

// Writes the same to memory that is known to be enough: where each byte asks for room, it takes several times as long.
class PackedWriter {
public:
    explicit PackedWriter(char* out) : out_(out) {}
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

private:
    char* out_;
};

inline bool get_byte(std::string_view& rest, unsigned char& byte) {
    if (rest.empty()) {
        return false;
    }
    byte = static_cast<unsigned char>(rest.front());
    rest.remove_prefix(1);
    return true;
}

inline bool get_number(std::string_view& rest, std::uint64_t& number) {
    number = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        unsigned char byte = 0;
        if (!get_byte(rest, byte)) {
            return false;
        }
        number |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
        if (byte < 0x80) {
            return true;
        }
    }
    return false;
}

// Reads the number of things that follow, each of which takes `least` bytes or more.
inline bool get_count(std::string_view& rest, std::size_t least, std::uint64_t& count) {
    return get_number(rest, count) && count <= rest.size() / least;
}

inline bool get_text(std::string_view& rest, std::string_view& text) {
    std::uint64_t size = 0;
    if (!get_count(rest, 1, size)) {
        return false;
    }
    text = rest.substr(0, size);
    rest.remove_prefix(size);
    return true;
}

}  // namespace customer_import
