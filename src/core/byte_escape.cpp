#include "core/byte_escape.h"

namespace customer_import {

void append_byte_escape(std::string& to, unsigned char byte) {
    if (byte < 0x80) {
        to.push_back(static_cast<char>(byte));
        return;
    }
    to.push_back('\xED');
    to.push_back(byte < 0xC0 ? '\xB2' : '\xB3');
    to.push_back(static_cast<char>(0x80 | (byte & 0x3F)));
}

int read_byte_escape(std::string_view text) {
    if (text.size() < kByteEscapeBytes || text[0] != '\xED' || (text[1] != '\xB2' && text[1] != '\xB3')) {
        return -1;
    }
    return (text[1] == '\xB2' ? 0x80 : 0xC0) | (static_cast<unsigned char>(text[2]) & 0x3F);
}

}  // namespace customer_import
