#include "mailer/mime.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace customer_import::mailer {
namespace {

// The longest line without its line end; 0xFFFF when a line end is not CRLF.
std::size_t longest_line(std::string_view text) {
    std::size_t longest = 0, length = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\n') {
            if (i == 0 || text[i - 1] != '\r') {
                return 0xFFFF;
            }
            longest = std::max(longest, length - 1);
            length = 0;
        } else {
            ++length;
        }
    }
    return std::max(longest, length);
}

TEST(MailerMime, WritesPlainHeaders) {
    EXPECT_EQ(header_line("Subject", "Import 7 completed"), "Subject: Import 7 completed\r\n");
    EXPECT_EQ(header_line("Subject", ""), "Subject: \r\n");
}

TEST(MailerMime, RefusesHeaderNames) {
    for (const char* name : {"", "Subject:", "Sub ject", "Sub\r\nject", "S\xc3\xbc"}) {
        EXPECT_FALSE(header_line(name, "x")) << name;
    }
}

TEST(MailerMime, FoldsLongHeadersAtBlanks) {
    std::string words = "word";
    for (int i = 0; i < 60; ++i) {
        words += " word" + std::to_string(i);
    }
    const std::string line = header_line("Subject", words).value();
    EXPECT_LE(longest_line(line), kEncodedLineLength);
    std::string unfolded;
    for (const char c : line) {
        if (c != '\r' && c != '\n') {
            unfolded += c;
        }
    }
    EXPECT_EQ(unfolded, "Subject: " + words);
}

TEST(MailerMime, EncodesWhatIsNotAscii) {
    EXPECT_EQ(header_line("Subject", "M\xc3\xa4rz"), "Subject: =?UTF-8?B?TcOkcno=?=\r\n");
    // What looks encoded already would be decoded by readers.
    EXPECT_EQ(header_line("Subject", "=?UTF-8?B?QQ==?="), "Subject: =?UTF-8?B?PT9VVEYtOD9CP1FRPT0/PQ==?=\r\n");
}

TEST(MailerMime, EncodedWordsKeepCharactersWhole) {
    std::string text;
    for (int i = 0; i < 120; ++i) {
        text += i % 3 == 0 ? "\xf0\x9f\x98\x80" : "\xe2\x82\xac";
    }
    const std::string line = header_line("Subject", text).value();
    EXPECT_LE(longest_line(line), kEncodedLineLength);
    // Each word decodes to whole characters when the bytes of its base64 are a multiple of the character's.
    EXPECT_EQ(line.find("=?UTF-8?B?"), std::string("Subject: ").size());
    EXPECT_NE(line.find("?=\r\n =?UTF-8?B?"), std::string::npos);
}

TEST(MailerMime, EncodesWordsThatCannotBeFolded) {
    for (const std::string& text :
         {std::string(2000, 'x'), std::string("a  b"), std::string(" a"), std::string("a ")}) {
        const std::string line = header_line("Subject", text).value();
        EXPECT_NE(line.find("=?UTF-8?B?"), std::string::npos);
        EXPECT_LE(longest_line(line), kEncodedLineLength);
    }
}

TEST(MailerMime, WritesMailboxes) {
    EXPECT_EQ(mailbox_line("To", "", "ann@example.com"), "To: ann@example.com\r\n");
    EXPECT_EQ(mailbox_line("To", "Ann Lee", "ann@example.com"), "To: Ann Lee <ann@example.com>\r\n");
    EXPECT_EQ(mailbox_line("To", "Lee, \"Ann\"", "ann@example.com"), "To: \"Lee, \\\"Ann\\\"\" <ann@example.com>\r\n");
    EXPECT_EQ(mailbox_line("To", "Zo\xc3\xab", "zoe@example.com"), "To: =?UTF-8?B?Wm/Dqw==?= <zoe@example.com>\r\n");
    EXPECT_FALSE(mailbox_line("To", "Ann", "ann@example.com>, <bob@example.com"));
    EXPECT_FALSE(mailbox_line("To", "Ann", "z\xc3\xb6@example.com"));
}

TEST(MailerMime, WritesFileNames) {
    EXPECT_EQ(attachment_line("a-1.csv"), "Content-Disposition: attachment;\r\n filename=\"a-1.csv\"\r\n");
    EXPECT_EQ(attachment_line("m\xc3\xa4rz 1.csv"),
              "Content-Disposition: attachment;\r\n filename*0*=UTF-8''m%C3%A4rz%201.csv\r\n");
    EXPECT_EQ(attachment_line("a\".csv"), "Content-Disposition: attachment;\r\n filename*0*=UTF-8''a%22.csv\r\n");
    std::string long_name;
    for (int i = 0; i < 60; ++i) {
        long_name += "\xc3\xa4";
    }
    const std::string line = attachment_line(long_name).value();
    EXPECT_LE(longest_line(line), kEncodedLineLength);
    EXPECT_NE(line.find(";\r\n filename*1*="), std::string::npos);
    EXPECT_FALSE(attachment_line(""));
}

TEST(MailerMime, Base64) {
    EXPECT_EQ(encode_base64(""), "");
    EXPECT_EQ(encode_base64("f"), "Zg==\r\n");
    EXPECT_EQ(encode_base64("fo"), "Zm8=\r\n");
    EXPECT_EQ(encode_base64("foo"), "Zm9v\r\n");
    EXPECT_EQ(encode_base64("foob"), "Zm9vYg==\r\n");
    EXPECT_EQ(encode_base64("foobar"), "Zm9vYmFy\r\n");
    EXPECT_EQ(encode_base64(std::string("\xff\xfe\x00", 3)), "//4A\r\n");
    EXPECT_EQ(encode_base64(std::string(57, 'a')).size(), 78U);
    EXPECT_EQ(longest_line(encode_base64(std::string(10000, 'a'))), 76U);
}

TEST(MailerMime, QuotedPrintable) {
    EXPECT_EQ(encode_quoted_printable("a=b\n"), "a=3Db\r\n");
    EXPECT_EQ(encode_quoted_printable("\xc3\xa4"), "=C3=A4\r\n");
    EXPECT_EQ(encode_quoted_printable("end \nend\t\n"), "end=20\r\nend=09\r\n");
    EXPECT_EQ(encode_quoted_printable("a\r\nb\nc"), "a\r\nb\r\nc\r\n");
    EXPECT_EQ(encode_quoted_printable("a\rb"), "a=0Db\r\n");
    EXPECT_EQ(encode_quoted_printable(".\n.a\nFrom x\n"), "=2E\r\n=2Ea\r\n=46rom x\r\n");
    EXPECT_EQ(encode_quoted_printable("\n\n"), "\r\n\r\n");
    EXPECT_EQ(encode_quoted_printable("-- \n"), "--=20\r\n");
    EXPECT_EQ(encode_quoted_printable(std::string("\0", 1)), "=00\r\n");
}

TEST(MailerMime, QuotedPrintableLinesAreShort) {
    std::string text;
    for (int i = 0; i < 3000; ++i) {
        text += static_cast<char>(i * 7 % 256 == '\n' ? 'x' : i * 7 % 256);
    }
    EXPECT_LE(longest_line(encode_quoted_printable(text)), kEncodedLineLength);
    for (std::size_t length = 70; length < 80; ++length) {
        EXPECT_LE(longest_line(encode_quoted_printable(std::string(length, 'a') + "\xc3\xa4 ")), kEncodedLineLength);
        EXPECT_LE(longest_line(encode_quoted_printable(std::string(length, 'a') + ". \n")), kEncodedLineLength);
    }
}

TEST(MailerMime, BoundaryCannotOccurInParts) {
    const std::string token = "0123456789abcdef";
    const std::string boundary = "=_" + token;
    EXPECT_EQ(text_part("plain", "--" + boundary + "--\n").find(boundary), std::string::npos);
    EXPECT_EQ(csv_part("a.csv", "\r\n--" + boundary + "--\r\n").value().find(boundary), std::string::npos);
    EXPECT_EQ(multipart("mixed", token, {"A\r\n\r\n", "B\r\n\r\n"}),
              "Content-Type: multipart/mixed;\r\n boundary=\"=_0123456789abcdef\"\r\n\r\n"
              "--=_0123456789abcdef\r\nA\r\n\r\n\r\n--=_0123456789abcdef\r\nB\r\n\r\n\r\n--=_0123456789abcdef--\r\n");
}

TEST(MailerMime, Dates) {
    EXPECT_EQ(date_text(0), "Thu, 01 Jan 1970 00:00:00 +0000");
    EXPECT_EQ(date_text(951782400), "Tue, 29 Feb 2000 00:00:00 +0000");
    EXPECT_EQ(date_text(1714564987), "Wed, 01 May 2024 12:03:07 +0000");
}

TEST(MailerMime, UnixLineEnds) { EXPECT_EQ(with_unix_line_ends("a\r\nb\rc\r\n"), "a\nb\rc\n"); }

}  // namespace
}  // namespace customer_import::mailer
