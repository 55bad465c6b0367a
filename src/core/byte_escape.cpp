#include "core/byte_escape.h"

namespace customer_import {

void append_byte_escape(std::string& to, unsigned char byte) {
    if (byte < 0x80) {
        to.push_back(static_cast<char>(byte));
    } else {
        append_exact_byte(to, byte);
    }
}

void append_exact_byte(std::string& to, unsigned char byte) {
    to.push_back('\xED');
    to.push_back(static_cast<char>(0xB0 | byte >> 6));
    to.push_back(static_cast<char>(0x80 | (byte & 0x3F)));
}

int read_byte_escape(std::string_view text) {
    if (text.size() < kByteEscapeBytes || text[0] != '\xED' || (text[1] & '\xFC') != '\xB0') {
        return -1;
    }
    return (text[1] & 0x3) << 6 | (static_cast<unsigned char>(text[2]) & 0x3F);
}

}  // namespace customer_import
