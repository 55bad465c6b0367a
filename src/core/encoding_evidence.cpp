#include "core/encoding_evidence.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/format.h"
#include "core/text.h"

namespace customer_import {

namespace {

constexpr std::size_t kLongestCharacter = 4;
constexpr std::int64_t kEnoughBytes = 10000;

// What each byte from 0x80 is in an encoding: a letter in lower or upper case, an apostrophe, a blank, a quote that
// opens in one language and closes in others, a mark that opens or closes, a sign between words, or something that is in
// hardly any text (.).
struct Candidate {
    std::string_view name;
    std::string_view program;
    std::string_view classes;
};
constexpr std::array<Candidate, 3> kCandidateEncodings = {{
    {"WIN1252", "Excel",
     "s.o.oc....uou.u..qaqcsss.clcl.l."
     "boss.s.s.sco..c.csccas.s.cccssso"
     "uuuuuuuuuuuuuuuuuuuuuuusuuuuuuul"
     "lllllllllllllllllllllllslllllll."},
    {"MACINTOSH", "Excel for Mac",
     "uuuuuuulllllllllllllllllllllllll"
     ".cssss.lcsca..uu.s..ss.....cc.ll"
     "oo.....occbuuuulssqcqas....soc.."
     ".soo.uuuuuuuuuuu.uuuu..........."},
    {"CP850", "MS-DOS",
     "ullllllllllllluuululllll.uulsus."
     "llllluccoc.ssooc.....uuus....ss."
     "......lu........luuuu.uuu.....u."
     "uluulusluuuulu.a.s.s.ss.c.sccc.."},
}};

std::size_t skip_ascii(std::string_view text, std::size_t offset) {
    constexpr std::uint64_t kHighBits = 0x8080808080808080;
    std::uint64_t word = 0;
    for (; offset + sizeof(word) <= text.size(); offset += sizeof(word)) {
        std::memcpy(&word, text.data() + offset, sizeof(word));
        if ((word & kHighBits) != 0) {
            break;
        }
    }
    while (offset < text.size() && static_cast<unsigned char>(text[offset]) < 0x80) {
        ++offset;
    }
    return offset;
}

// The bytes of the UTF-8 character at `offset`, or 0.
std::size_t character_at(std::string_view text, std::size_t offset) {
    utf8proc_int32_t code_point = -1;
    const utf8proc_ssize_t size = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + offset),
                                                   static_cast<utf8proc_ssize_t>(text.size() - offset), &code_point);
    return size > 0 ? static_cast<std::size_t>(size) : 0;
}

bool is_high(char c) { return static_cast<unsigned char>(c) >= 0x80; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Whether a byte of a class makes sense between these two.
bool makes_sense(char byte_class, char before, char after) {
    const auto is_letter = [](char c) { return is_lower(c) || is_upper(c); };
    const bool is_in_word = is_letter(before) || is_letter(after);
    switch (byte_class) {
        case 'l': return is_in_word && !(is_upper(before) && is_upper(after)) && !is_digit(before) && !is_digit(after);
        case 'u':
            return is_in_word && !is_lower(before) && !(is_upper(before) && is_lower(after)) && !is_digit(before) &&
                   !is_digit(after);
        case 'a': return is_in_word;
        case 'b': return true;
        case 'q': return !is_letter(before) || !is_letter(after);
        case 'o': return !is_letter(before) && !is_digit(before);
        case 'c': return !is_letter(after);
        case 's': return !is_letter(before);
        default: return false;
    }
}

// The bytes of a character of UTF-8 that is cut off after its second or third byte, which are rare together otherwise;
// 0 if there is none.
std::size_t cut_off_at(std::string_view text, std::size_t offset) {
    const auto lead = static_cast<unsigned char>(text[offset]);
    const std::size_t longest = lead >= 0xE0 && lead < 0xF0 ? 3 : lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
    std::size_t size = 1;
    while (size < longest && offset + size < text.size() && (text[offset + size] & '\xC0') == '\x80') {
        ++size;
    }
    return size > 1 ? size : 0;
}

}  // namespace

void Utf8Evidence::see(std::string_view bytes) {
    if (is_refuted_ || bytes.empty()) {
        return;
    }
    std::string joined;
    if (!rest_.empty()) {
        joined = std::exchange(rest_, {}).append(bytes);
        bytes = joined;
    }
    const std::size_t invalid = find_invalid_utf8(bytes);
    const std::string_view valid = bytes.substr(0, invalid);
    if (!is_ascii(valid)) {
        characters_ += std::count_if(valid.begin(), valid.end(),
                                     [](char c) { return static_cast<unsigned char>(c) >= 0xC0; });
    }
    if (invalid == std::string_view::npos) {
        return;
    }
    // The next bytes may complete a character; they cannot if its own bytes are wrong, which they tell in their turn.
    if (bytes.size() - invalid < kLongestCharacter && static_cast<unsigned char>(bytes[invalid]) >= 0xC2) {
        rest_ = bytes.substr(invalid);
    } else {
        is_refuted_ = true;
    }
}

bool EncodingEvidence::is_enough() const { return characters_ + others_ >= kEnoughBytes; }

void EncodingEvidence::see(std::string_view bytes) {
    if (is_enough()) {
        return;
    }
    if (rest_.empty()) {
        look(bytes, false);
    } else {
        const std::string joined = std::exchange(rest_, {}).append(bytes);
        look(joined, false);
    }
}

void EncodingEvidence::look(std::string_view bytes, bool is_end) {
    // A byte is judged with its neighbors, and with as many after it as a character may have.
    for (std::size_t at = skip_ascii(bytes, 0); at < bytes.size() && !is_enough(); at = skip_ascii(bytes, at)) {
        if (!is_end && bytes.size() - at < kLongestCharacter) {
            rest_ = bytes.substr(at);
            last_ = at == 0 ? last_ : bytes[at - 1];
            return;
        }
        if (const std::size_t size = character_at(bytes, at)) {
            ++characters_;
            at += size;
            continue;
        }
        if (const std::size_t size = cut_off_at(bytes, at)) {
            others_ += static_cast<std::int64_t>(size);
            at += size;
            continue;
        }
        ++others_;
        weigh(bytes, at);
        ++at;
    }
    if (!bytes.empty()) {
        last_ = bytes.back();
    }
}

void EncodingEvidence::weigh(std::string_view bytes, std::size_t offset) {
    const char before = offset == 0 ? last_ : bytes[offset - 1];
    const char after = offset + 1 < bytes.size() ? bytes[offset + 1] : '\n';
    // Three in a row are in no word of these encodings: it is an alphabet of its own.
    if (is_high(before) && is_high(after)) {
        return;
    }
    for (std::size_t index = 0; index < kCandidates; ++index) {
        const std::string_view classes = kCandidateEncodings[index].classes;
        letters_[index] += makes_sense(classes[static_cast<unsigned char>(bytes[offset]) - 0x80], before, after) ? 1
                                                                                                                 : 0;
    }
}

std::optional<std::string_view> EncodingEvidence::likely_encoding() {
    const std::string rest = std::exchange(rest_, {});
    look(rest, true);
    // A few broken bytes in UTF-8 speak for no other encoding.
    if (others_ == 0 || characters_ * 4 > others_) {
        return std::nullopt;
    }
    std::size_t best = 0;
    for (std::size_t index = 1; index < kCandidates; ++index) {
        if (letters_[index] > letters_[best] && (letters_[index] - letters_[0]) * 4 >= others_) {
            best = index;
        }
    }
    return letters_[best] * 4 >= others_ * 3 ? std::optional(kCandidateEncodings[best].name) : std::nullopt;
}

std::string describe_likely_encoding(std::string_view encoding) {
    const auto* found = std::find_if(kCandidateEncodings.begin(), kCandidateEncodings.end(),
                                     [&](const Candidate& candidate) { return candidate.name == encoding; });
    const std::string_view program = found == kCandidateEncodings.end() ? std::string_view() : found->program;
    return format("the file looks like {} ({}): import it with encoding => '{}'", encoding, program, encoding);
}

}  // namespace customer_import
