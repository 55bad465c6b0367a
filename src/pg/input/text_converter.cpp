#include "pg/input/text_converter.h"

#include <iconv.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <utility>

#include "core/code_page.h"
#include "core/encoding_names.h"
#include "core/file_kind.h"
#include "core/format.h"
#include "core/text.h"
#include "core/utf16.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

namespace {

class ServerConverter final : public TextConverter {
public:
    ServerConverter(int encoding, Oid to_utf8, Oid from_utf8)
        : encoding_(encoding), to_utf8_(to_utf8), from_utf8_(from_utf8) {}

    std::size_t to_utf8(std::string_view bytes, std::string& out) override {
        return convert(to_utf8_, encoding_, PG_UTF8, bytes, out);
    }
    std::size_t from_utf8(std::string_view text, std::string& out) override {
        return convert(from_utf8_, PG_UTF8, encoding_, text, out);
    }
    std::size_t character_bytes(std::string_view bytes) const override {
        return static_cast<std::size_t>(pg_encoding_mblen(encoding_, bytes.data()));
    }
    bool is_one_to_one() const override { return pg_encoding_max_length(encoding_) == 1; }

private:
    static std::size_t convert(Oid procedure, int from, int to, std::string_view bytes, std::string& out) {
        bytes = bytes.substr(0, kBytesAtOnce);
        if (bytes.empty()) {
            return 0;
        }
        char converted[kBytesAtOnce * MAX_CONVERSION_GROWTH + 1];
        int used = call([&] {
            return pg_do_encoding_conversion_buf(
                procedure, from, to, reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data())),
                static_cast<int>(bytes.size()), reinterpret_cast<unsigned char*>(converted), sizeof converted, true);
        });
        out += converted;
        return static_cast<std::size_t>(used);
    }

    const int encoding_;
    const Oid to_utf8_, from_utf8_;
};

class CodePageConverter final : public TextConverter {
public:
    explicit CodePageConverter(const CodePage& page) : page_(page) {
        for (std::size_t index = 0; index < page.size(); ++index) {
            bytes_[index] = {page[index], static_cast<char>(0x80 + index)};
        }
        std::sort(bytes_.begin(), bytes_.end());
    }

    std::size_t to_utf8(std::string_view bytes, std::string& out) override {
        bytes = bytes.substr(0, kBytesAtOnce);
        for (const char c : bytes) {
            const auto byte = static_cast<unsigned char>(c);
            if (byte < 0x80) {
                out.push_back(c);
                continue;
            }
            utf8proc_uint8_t encoded[4];
            const utf8proc_ssize_t size = utf8proc_encode_char(page_[byte - 0x80], encoded);
            out.append(reinterpret_cast<const char*>(encoded), static_cast<std::size_t>(size));
        }
        return bytes.size();
    }
    std::size_t from_utf8(std::string_view text, std::string& out) override {
        std::size_t used = 0;
        while (used < std::min(text.size(), kBytesAtOnce)) {
            utf8proc_int32_t character = 0;
            const utf8proc_ssize_t size = utf8proc_iterate(
                reinterpret_cast<const utf8proc_uint8_t*>(text.data() + used),
                static_cast<utf8proc_ssize_t>(text.size() - used), &character);
            const auto found = std::lower_bound(bytes_.begin(), bytes_.end(), character,
                                                [](const auto& entry, utf8proc_int32_t c) { return entry.first < c; });
            const bool is_there = found != bytes_.end() && found->first == character;
            if (size <= 0 || (character >= 0x80 && !is_there)) {
                break;
            }
            out.push_back(character < 0x80 ? static_cast<char>(character) : found->second);
            used += static_cast<std::size_t>(size);
        }
        return used;
    }
    std::size_t character_bytes(std::string_view /*bytes*/) const override { return 1; }
    bool is_one_to_one() const override { return true; }

private:
    const CodePage& page_;
    std::array<std::pair<char16_t, char>, std::tuple_size_v<CodePage>> bytes_;  // by character
};

class Utf16Converter final : public TextConverter {
public:
    explicit Utf16Converter(ByteOrder order) : order_(order) {}

    std::size_t to_utf8(std::string_view bytes, std::string& out) override {
        return utf16_to_utf8(bytes.substr(0, kBytesAtOnce), order_, out);
    }
    std::size_t from_utf8(std::string_view text, std::string& out) override {
        const std::string_view piece = first_bytes(text, kBytesAtOnce);
        utf8_to_utf16(piece, order_, out);
        return piece.size();
    }
    std::size_t character_bytes(std::string_view bytes) const override { return utf16_character_bytes(bytes, order_); }
    bool is_one_to_one() const override { return true; }
    bool is_wide() const override { return true; }

private:
    const ByteOrder order_;
};

// The C library's conversion. It keeps no state between calls.
class LibraryConverter final : public TextConverter {
public:
    explicit LibraryConverter(const std::string& name)
        : to_utf8_(iconv_open("UTF-8", name.c_str())), from_utf8_(iconv_open(name.c_str(), "UTF-8")) {}
    ~LibraryConverter() override {
        for (iconv_t descriptor : {to_utf8_, from_utf8_}) {
            if (descriptor != kNone) {
                iconv_close(descriptor);
            }
        }
    }

    // Whether there is one for it, in which ASCII characters are what they are in ASCII and switch to nothing else: the
    // delimiter and quotes are looked for as such.
    bool is_usable() {
        if (to_utf8_ == kNone || from_utf8_ == kNone) {
            return false;
        }
        for (char c = 1; c > 0 && c < 0x7F; ++c) {
            const std::string ascii(1, c);
            std::string text, bytes;
            to_utf8(ascii, text);
            from_utf8(ascii, bytes);
            if (text != ascii || bytes != ascii) {
                return false;
            }
        }
        return true;
    }

    std::size_t to_utf8(std::string_view bytes, std::string& out) override { return convert(to_utf8_, bytes, out); }
    std::size_t from_utf8(std::string_view text, std::string& out) override { return convert(from_utf8_, text, out); }
    std::size_t character_bytes(std::string_view bytes) const override {
        std::string ignored;
        for (std::size_t size = 1; size <= std::min(bytes.size(), kLongest); ++size) {
            if (convert(to_utf8_, bytes.substr(0, size), ignored) > 0) {
                return size;
            }
            if (errno != EINVAL) {
                return 1;
            }
        }
        return std::min(bytes.size(), kLongest) + 1;
    }
    bool is_one_to_one() const override { return false; }

private:
    static constexpr std::size_t kLongest = 8;                          // bytes of a character
    static inline const iconv_t kNone = reinterpret_cast<iconv_t>(-1);  // NOLINT: that is how it is told

    static std::size_t convert(iconv_t descriptor, std::string_view bytes, std::string& out) {
        bytes = bytes.substr(0, kBytesAtOnce);
        char converted[kBytesAtOnce * 4 + 64];
        char* from = const_cast<char*>(bytes.data());
        char* to = converted;
        std::size_t from_left = bytes.size(), to_left = sizeof converted;
        iconv(descriptor, nullptr, nullptr, nullptr, nullptr);
        const std::size_t result = iconv(descriptor, &from, &from_left, &to, &to_left);
        const int fault = result == static_cast<std::size_t>(-1) ? errno : 0;
        iconv(descriptor, nullptr, nullptr, &to, &to_left);  // a character may wait for one that would follow
        out.append(converted, static_cast<std::size_t>(to - converted));
        errno = fault;
        return bytes.size() - from_left;
    }

    const iconv_t to_utf8_, from_utf8_;
};

Oid find_conversion(int from, int to) {
    return call([&] { return FindDefaultConversionProc(from, to); });
}

std::shared_ptr<TextConverter> server_converter(int encoding) {
    const Oid to_utf8 = find_conversion(encoding, PG_UTF8), from_utf8 = find_conversion(PG_UTF8, encoding);
    if (!OidIsValid(to_utf8) || !OidIsValid(from_utf8)) {
        return nullptr;
    }
    return std::make_shared<ServerConverter>(encoding, to_utf8, from_utf8);
}

[[noreturn]] void refuse_encoding(std::string message) {
    std::set<std::string> names(kCodePages.begin(), kCodePages.end());
    for (int encoding = 0; encoding < _PG_LAST_ENCODING_; ++encoding) {
        if (encoding != PG_UTF8 && server_converter(encoding)) {
            names.insert(pg_encoding_to_char(encoding));
        }
    }
    std::string list = format("{}, {}, {}, {}", kUtf8, kUtf16, kUtf16LittleEndian, kUtf16BigEndian);
    for (const std::string& name : names) {
        list.append(", ").append(name);
    }
    throw ImportError(ERRCODE_INVALID_PARAMETER_VALUE, std::move(message),
                      format("The encodings are {}, and those of the C library that contain ASCII.", list),
                      "Leave the encoding out for a file in UTF-8. A CSV file of Excel is often in WIN1252.");
}

// Names of the C library are in upper case there. Not every text may be passed to it: options, and paths, follow a slash.
std::optional<NamedConverter> find_library_converter(const std::string& written) {
    std::string name, plain;
    for (char c : written) {
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
        const bool is_plain = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_plain && (c == '\0' || std::string_view(" -_.:+()").find(c) == std::string_view::npos)) {
            return std::nullopt;
        }
        name.push_back(c);
        if (is_plain) {
            plain.push_back(c);
        }
    }
    constexpr std::size_t kLongestName = 40;
    if (plain.empty() || name.size() > kLongestName) {
        return std::nullopt;
    }
    for (const std::string& candidate : {name, plain}) {
        auto converter = std::make_shared<LibraryConverter>(candidate);
        if (converter->is_usable()) {
            return NamedConverter{candidate, std::move(converter)};
        }
    }
    return std::nullopt;
}

}  // namespace

NamedConverter find_converter(const std::string& written) {
    const std::string name = encoding_of_name(written);
    if (name == kUtf16 || name == kUtf16LittleEndian) {
        return {name, std::make_shared<Utf16Converter>(ByteOrder::little_endian)};
    }
    if (name == kUtf16BigEndian) {
        return {name, std::make_shared<Utf16Converter>(ByteOrder::big_endian)};
    }
    if (const CodePage* page = find_code_page(name)) {
        return {name, std::make_shared<CodePageConverter>(*page)};
    }
    const int encoding = pg_char_to_encoding(name.c_str());
    if (encoding == PG_UTF8) {
        return {std::string(kUtf8), nullptr};
    }
    if (encoding >= 0) {
        if (std::shared_ptr<TextConverter> converter = server_converter(encoding)) {
            return {pg_encoding_to_char(encoding), std::move(converter)};
        }
        refuse_encoding(format("encoding \"{}\" cannot be converted to UTF8", pg_encoding_to_char(encoding)));
    }
    if (std::optional<NamedConverter> found = find_library_converter(written)) {
        return *std::move(found);
    }
    refuse_encoding(format("invalid encoding name {}", quoted(written)));
}

}  // namespace customer_import::pg
