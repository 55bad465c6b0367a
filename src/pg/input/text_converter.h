// Converts text of one encoding to UTF-8 and back: by the server's conversions, by tables of our own, or by the C
// library's where the server has none.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace customer_import::pg {

class TextConverter {
public:
    // The most that is converted by one call.
    static constexpr std::size_t kBytesAtOnce = 4096;

    virtual ~TextConverter() = default;

    // Converts valid bytes up to the first that is not, at most kBytesAtOnce, and returns how many. The result is
    // appended to `out`.
    virtual std::size_t to_utf8(std::string_view bytes, std::string& out) = 0;
    virtual std::size_t from_utf8(std::string_view text, std::string& out) = 0;

    // How many bytes the character has that begins with these, of which more follow in memory, or a NUL; also if they are
    // invalid, or not all there.
    virtual std::size_t character_bytes(std::string_view bytes) const = 0;

    // Whether no two texts of the encoding are the same text in UTF-8: what was converted can be converted back.
    virtual bool is_one_to_one() const = 0;

    // Whether text is in units of two bytes, a NUL a character as others.
    virtual bool is_wide() const { return false; }

protected:
    TextConverter() = default;
    TextConverter(const TextConverter&) = delete;
    TextConverter& operator=(const TextConverter&) = delete;
};

struct NamedConverter {
    std::string name;                          // by which the encoding is known from now on
    std::shared_ptr<TextConverter> converter;  // null: it is UTF-8
};

// Finds an encoding by any of its names. Errors: 22023, with all that there are.
NamedConverter find_converter(const std::string& name);

}  // namespace customer_import::pg
