#include "mailer/mime.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "core/email_address.h"
#include "core/text.h"

namespace customer_import::mailer {

namespace {

constexpr char kHex[] = "0123456789ABCDEF";
constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kWordStart = "=?UTF-8?B?";
constexpr std::string_view kWordEnd = "?=";
// A word that cannot be folded must leave the line below the 998 characters of RFC 5322.
constexpr std::size_t kMaxPlainWord = 500;

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_header_name(std::string_view name) {
    return !name.empty() && name.size() <= 40 &&
           std::all_of(name.begin(), name.end(), [](char c) { return is_letter_or_digit(c) || c == '-'; });
}

std::string base64(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t length = std::min<std::size_t>(3, bytes.size() - i);
        unsigned block = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            block = block << 8 | (k < length ? static_cast<unsigned char>(bytes[i + k]) : 0U);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            text += k <= length ? kBase64[block >> (18 - 6 * k) & 63] : '=';
        }
    }
    return text;
}

// The longest prefix of at most `limit` bytes that ends at a character boundary.
std::string_view whole_characters(std::string_view text, std::size_t limit) {
    if (text.size() <= limit) {
        return text;
    }
    while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) {
        --limit;
    }
    return text.substr(0, limit);
}

// Encoded words, each of whole characters and on a line of at most 76. `column` is where the first one begins.
std::string encoded_words(std::string_view text, std::size_t column) {
    constexpr std::size_t kFrame = kWordStart.size() + kWordEnd.size();
    std::string words;
    while (!text.empty()) {
        const std::size_t room = std::max<std::size_t>(kEncodedLineLength - std::min(column, std::size_t{50}), 24);
        const std::string_view piece = whole_characters(text, (room - kFrame) / 4 * 3);
        if (!words.empty()) {
            words += "\r\n ";
        }
        words.append(kWordStart).append(base64(piece)).append(kWordEnd);
        text.remove_prefix(piece.size());
        column = 1;
    }
    return words;
}

// Plain words, with line breaks before blanks.
std::string folded_words(std::string_view text, std::size_t column) {
    std::string lines;
    bool first = true;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(word.size() + 1, text.size()));
        if (!first) {
            const bool fits = column + 1 + word.size() <= kEncodedLineLength;
            lines += fits ? " " : "\r\n ";
            column = fits ? column + 1 : 1;
        }
        lines += word;
        column += word.size();
        first = false;
    }
    return lines;
}

bool can_be_folded(std::string_view text) {
    if (text.empty()) {
        return true;
    }
    if (text.front() == ' ' || text.back() == ' ' || text.find("  ") != std::string_view::npos) {
        return false;
    }
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find(' ', start), text.size());
        if (end - start > kMaxPlainWord) {
            return false;
        }
        start = end + 1;
    }
    return true;
}

bool is_phrase(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return is_letter_or_digit(c) || c == ' ' || c == '-'; }) &&
           can_be_folded(text);
}

std::string encoded_display_name(std::string_view name, std::size_t column) {
    if (is_phrase(name)) {
        return folded_words(name, column);
    }
    if (!is_ascii(name) || name.size() > 60 || name.find("=?") != std::string_view::npos) {
        return encoded_words(name, column);
    }
    std::string quoted_name = "\"";
    for (const char c : name) {
        if (c == '"' || c == '\\') {
            quoted_name += '\\';
        }
        quoted_name += c;
    }
    return quoted_name + '"';
}

bool is_parameter_character(char c) { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-'; }

std::string percent_encoded(char c) {
    if (is_parameter_character(c)) {
        return std::string(1, c);
    }
    const auto byte = static_cast<unsigned char>(c);
    return {'%', kHex[byte >> 4], kHex[byte & 15]};
}

}  // namespace

bool is_header_text(std::string_view text) {
    if (find_invalid_utf8(text) != std::string_view::npos) {
        return false;
    }
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
            return false;
        }
    }
    // U+0080 to U+009F, and the two separators.
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
        if (text[i] == '\xC2' && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
            return false;
        }
        const std::string_view three = text.substr(i, 3);
        if (three == "\xE2\x80\xA8" || three == "\xE2\x80\xA9") {
            return false;
        }
    }
    return true;
}

std::optional<std::string> header_line(std::string_view name, std::string_view value) {
    if (!is_header_name(name) || !is_header_text(value)) {
        return std::nullopt;
    }
    std::string line(name);
    line += ": ";
    const bool plain = is_ascii(value) && can_be_folded(value) && value.find("=?") == std::string_view::npos;
    line += plain ? folded_words(value, line.size()) : encoded_words(value, line.size());
    return line + "\r\n";
}

std::optional<std::string> mailbox_line(std::string_view name, std::string_view display_name,
                                        std::string_view address) {
    if (!is_header_name(name) || !is_header_text(display_name) || !is_email_address(address)) {
        return std::nullopt;
    }
    std::string line(name);
    line += ": ";
    if (display_name.empty()) {
        return line.append(address) + "\r\n";
    }
    line += encoded_display_name(display_name, line.size());
    const std::size_t column = line.size() - std::min(line.rfind('\n') + 1, line.size());
    line += column + address.size() + 3 > kEncodedLineLength ? "\r\n <" : " <";
    return line.append(address) + ">\r\n";
}

std::optional<std::string> attachment_line(std::string_view file_name) {
    if (!is_header_text(file_name) || file_name.empty()) {
        return std::nullopt;
    }
    std::string line = "Content-Disposition: attachment;\r\n ";
    if (file_name.size() <= 60 && std::all_of(file_name.begin(), file_name.end(), is_parameter_character)) {
        return line.append("filename=\"").append(file_name) + "\"\r\n";
    }
    constexpr std::size_t kSectionLength = 50;
    std::string section = "UTF-8''";
    int number = 0;
    const auto write_section = [&](bool last) {
        line += "filename*" + std::to_string(number++) + "*=" + section + (last ? "\r\n" : ";\r\n ");
        section.clear();
    };
    for (const char c : file_name) {
        const bool begins_character = (static_cast<unsigned char>(c) & 0xC0) != 0x80;
        if (begins_character && section.size() >= kSectionLength) {
            write_section(false);
        }
        section += percent_encoded(c);
    }
    write_section(true);
    return line;
}

std::string encode_base64(std::string_view bytes) {
    constexpr std::size_t kBytesInLine = kEncodedLineLength / 4 * 3;
    std::string lines;
    lines.reserve(bytes.size() / kBytesInLine * (kEncodedLineLength + 2) + kEncodedLineLength + 2);
    for (std::size_t i = 0; i < bytes.size(); i += kBytesInLine) {
        lines.append(base64(bytes.substr(i, kBytesInLine))).append("\r\n");
    }
    return lines;
}

std::string encode_quoted_printable(std::string_view text) {
    std::string lines;
    lines.reserve(text.size() + text.size() / 8);
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        std::size_t column = 0;
        for (std::size_t i = 0; i < line.size(); ++i) {
            const auto byte = static_cast<unsigned char>(line[i]);
            const bool blank = byte == ' ' || byte == '\t';
            bool literal = blank ? i + 1 < line.size() : byte > 0x20 && byte < 0x7F && byte != '=';
            // What mailboxes and old gateways take for syntax at the start of a line.
            if (column == 0 && (byte == '.' || line.substr(i).starts_with("From "))) {
                literal = false;
            }
            const std::size_t width = literal ? 1 : 3;
            if (column + width > kEncodedLineLength - 1) {
                lines += "=\r\n";
                column = 0;
            }
            if (literal) {
                lines += static_cast<char>(byte);
            } else {
                lines += {'=', kHex[byte >> 4], kHex[byte & 15]};
            }
            column += width;
        }
        lines += "\r\n";
    }
    return lines;
}

std::string text_part(std::string_view subtype, std::string_view text) {
    std::string part = "Content-Type: text/";
    part.append(subtype).append("; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
    return part + encode_quoted_printable(text);
}

std::optional<std::string> csv_part(std::string_view file_name, std::string_view bytes) {
    const auto disposition = attachment_line(file_name);
    if (!disposition) {
        return std::nullopt;
    }
    return "Content-Type: text/csv; charset=utf-8; header=present\r\n" + *disposition +
           "Content-Transfer-Encoding: base64\r\n\r\n" + encode_base64(bytes);
}

std::string multipart(std::string_view subtype, std::string_view token, const std::vector<std::string>& parts) {
    const std::string boundary = "=_" + std::string(token);
    std::string text = "Content-Type: multipart/" + std::string(subtype) + ";\r\n boundary=\"" + boundary +
                       "\"\r\n\r\n";
    for (const std::string& part : parts) {
        text.append("--").append(boundary).append("\r\n").append(part).append("\r\n");
    }
    return text + "--" + boundary + "--\r\n";
}

std::string date_text(long long unix_seconds) {
    constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::chrono::sys_seconds time{std::chrono::seconds(unix_seconds)};
    const auto midnight = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day day(midnight);
    const std::chrono::hh_mm_ss clock(time - midnight);
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%s, %02u %s %d %02d:%02d:%02d +0000",
                  kDays[std::chrono::weekday(midnight).c_encoding()], static_cast<unsigned>(day.day()),
                  kMonths[static_cast<unsigned>(day.month()) - 1], static_cast<int>(day.year()),
                  static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    return text.data();
}

std::string with_unix_line_ends(std::string_view message) {
    std::string text;
    text.reserve(message.size());
    for (std::size_t i = 0; i < message.size(); ++i) {
        if (message[i] == '\r' && i + 1 < message.size() && message[i + 1] == '\n') {
            continue;
        }
        text += message[i];
    }
    return text;
}

}  // namespace customer_import::mailer
