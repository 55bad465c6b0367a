// Whether a file is in the encoding that it is read in, judged by all of its bytes: text of two bytes or more that is
// valid UTF-8 throughout is UTF-8, and bytes that are not UTF-8 are letters in one single-byte encoding and nonsense in
// others. Source: how the letters of European languages are written inside words.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace customer_import {

// Collects what speaks for UTF-8 in a file that is read in another encoding. Ends at the first byte that speaks
// against it.
class Utf8Evidence {
public:
    void see(std::string_view bytes);

    // After all bytes: whether there are characters of more than one byte, at least so many, and nothing else but ASCII.
    bool is_utf8(std::int64_t least) const { return !is_refuted_ && rest_.empty() && characters_ >= least; }

private:
    bool is_refuted_ = false;
    std::int64_t characters_ = 0;  // of more than one byte
    std::string rest_;             // the begin of one, at the end of what was seen
};

// Collects what speaks against UTF-8 in a file that is read as such, and for which other encoding. Plain ASCII is
// passed over as fast as memory is read; of a large file no more is looked at than is enough.
class EncodingEvidence {
public:
    void see(std::string_view bytes);

    // After all bytes: the file's likely encoding if it is another one, and clearly so: WIN1252, MACINTOSH or CP850.
    std::optional<std::string_view> likely_encoding();

private:
    static constexpr std::size_t kCandidates = 3;

    void look(std::string_view bytes, bool is_end);
    bool is_enough() const;
    void weigh(std::string_view bytes, std::size_t offset);

    std::int64_t characters_ = 0;                      // of more than one byte, in UTF-8
    std::int64_t others_ = 0;                          // bytes that are not
    std::array<std::int64_t, kCandidates> letters_{};  // those that make sense, by encoding
    std::string rest_;                                 // what cannot be judged without the next bytes
    char last_ = '\n';                                 // before it
};

// What such a description begins with.
inline constexpr std::string_view kLikelyEncoding = "the file looks like ";

// What to tell people of such a file, as a warning: "the file looks like WIN1252 (Excel): import it with encoding => 'WIN1252'".
std::string describe_likely_encoding(std::string_view encoding);

}  // namespace customer_import
