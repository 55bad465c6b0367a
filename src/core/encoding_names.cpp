#include "core/encoding_names.h"

#include "core/file_kind.h"
#include "core/text.h"

namespace customer_import {

namespace {

struct EncodingName {
    std::string_view written;  // lower-case letters and digits alone
    std::string_view name;
};

// Only what the server does not read by itself.
constexpr EncodingName kEncodingNames[] = {
    {"utf8sig", kUtf8},
    {"utf8bom", kUtf8},
    {"utf8withbom", kUtf8},
    {"cp65001", kUtf8},
    {"65001", kUtf8},
    {"csvutf8", kUtf8},
    {"ascii", kUtf8},
    {"usascii", kUtf8},
    {"utf16", kUtf16},
    {"utf16bom", kUtf16},
    {"ucs2", kUtf16},
    {"unicode", kUtf16},
    {"unicodetext", kUtf16},
    {"utf16le", kUtf16LittleEndian},
    {"ucs2le", kUtf16LittleEndian},
    {"cp1200", kUtf16LittleEndian},
    {"utf16be", kUtf16BigEndian},
    {"ucs2be", kUtf16BigEndian},
    {"unicodefffe", kUtf16BigEndian},
    {"cp1201", kUtf16BigEndian},
    {"ansi", "WIN1252"},
    {"western", "WIN1252"},
    {"windowslatin1", "WIN1252"},
    {"cp1250", "WIN1250"},
    {"cp1251", "WIN1251"},
    {"cp1252", "WIN1252"},
    {"cp1253", "WIN1253"},
    {"cp1254", "WIN1254"},
    {"cp1255", "WIN1255"},
    {"cp1256", "WIN1256"},
    {"cp1257", "WIN1257"},
    {"cp1258", "WIN1258"},
    {"1250", "WIN1250"},
    {"1251", "WIN1251"},
    {"1252", "WIN1252"},
    {"1253", "WIN1253"},
    {"1254", "WIN1254"},
    {"1255", "WIN1255"},
    {"1256", "WIN1256"},
    {"1257", "WIN1257"},
    {"1258", "WIN1258"},
    {"cp866", "WIN866"},
    {"ibm866", "WIN866"},
    {"dos866", "WIN866"},
    {"cp874", "WIN874"},
    {"macintosh", "MACINTOSH"},
    {"macroman", "MACINTOSH"},
    {"macosroman", "MACINTOSH"},
    {"xmacroman", "MACINTOSH"},
    {"mac", "MACINTOSH"},
    {"apple", "MACINTOSH"},
    {"cp10000", "MACINTOSH"},
    {"cp437", "CP437"},
    {"ibm437", "CP437"},
    {"437", "CP437"},
    {"dos437", "CP437"},
    {"cp850", "CP850"},
    {"ibm850", "CP850"},
    {"850", "CP850"},
    {"dos850", "CP850"},
    {"dos", "CP850"},
    {"msdos", "CP850"},
    {"oem", "CP850"},
    {"cp852", "CP852"},
    {"ibm852", "CP852"},
    {"852", "CP852"},
    {"dos852", "CP852"},
    {"cp858", "CP858"},
    {"ibm858", "CP858"},
    {"ibm00858", "CP858"},
    {"858", "CP858"},
    {"cp28591", "LATIN1"},
    {"cp28605", "LATIN9"},
    {"cp932", "SJIS"},
    {"ms932", "SJIS"},
    {"windows31j", "SJIS"},
    {"cp936", "GBK"},
    {"gb2312", "EUC_CN"},
    {"cp949", "UHC"},
    {"ms949", "UHC"},
    {"cp950", "BIG5"},
};

}  // namespace

std::string encoding_of_name(std::string_view written) {
    std::string plain;
    for (const char c : written) {
        const char lower = ascii_lower(c);
        if ((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9')) {
            plain.push_back(lower);
        }
    }
    for (const EncodingName& known : kEncodingNames) {
        if (plain == known.written) {
            return std::string(known.name);
        }
    }
    return std::string(written);
}

}  // namespace customer_import
