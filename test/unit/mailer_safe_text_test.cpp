#include "mailer/safe_text.h"

#include <gtest/gtest.h>

#include <string>

#include "core/text.h"

namespace customer_import::mailer {
namespace {

TEST(MailerSafeText, ShowsWhatHides) {
    EXPECT_EQ(visible("plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"), "plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
    EXPECT_EQ(visible("a\r\n\tb"), "a<U+000D><U+000A><U+0009>b");
    EXPECT_EQ(visible(std::string("a\0b\x1b", 4)), "a<U+0000>b<U+001B>");
    EXPECT_EQ(visible("\x7f\xc2\x85\xc2\x9b"), "<U+007F><U+0085><U+009B>");
    EXPECT_EQ(visible("\xff\xc0\x8a"), "\\xff\\xc0\\x8a");
    EXPECT_EQ(visible("\xed\xa0\x80"), "\\xed\\xa0\\x80");
    EXPECT_EQ(visible("\xf3\xa0\x80\x81"), "<U+E0001>");
}

TEST(MailerSafeText, ShowsEveryBidirectionalControl) {
    for (const char* control :
         {"\xd8\x9c", "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xaa", "\xe2\x80\xab", "\xe2\x80\xac", "\xe2\x80\xad",
          "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa7", "\xe2\x81\xa8", "\xe2\x81\xa9", "\xe2\x80\x8b",
          "\xe2\x80\x8c", "\xe2\x80\x8d", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf", "\xc2\xad"}) {
        const std::string text = visible(std::string("a") + control + "b");
        EXPECT_EQ(text.find(control), std::string::npos) << text;
        EXPECT_EQ(text.substr(0, 4), "a<U+");
        EXPECT_EQ(text.back(), 'b');
    }
}

TEST(MailerSafeText, CutsAtCharacters) {
    EXPECT_EQ(visible("abcdef", 6), "abcdef");
    EXPECT_EQ(visible("abcdefg", 6), "abcdef…");
    EXPECT_EQ(visible("abcde\xc3\xa4", 6), "abcde…");
    EXPECT_EQ(visible(std::string(1000, '\n'), 20), "<U+000A><U+000A>…");
    for (std::size_t limit = 1; limit < 12; ++limit) {
        const std::string text = visible("\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80", limit);
        EXPECT_EQ(find_invalid_utf8(text), std::string::npos);
        EXPECT_EQ(text.find("\\x"), std::string::npos) << "a character was torn apart";
    }
}

TEST(MailerSafeText, JoinsLines) {
    EXPECT_EQ(one_line(" could not\n\tconnect: \r\n no\x1b \n", 100), "could not connect: no<U+001B>");
    EXPECT_EQ(one_line("\n\n", 100), "");
    EXPECT_EQ(one_line(std::string(1000, 'x'), 10), "xxxxxxxxxx…");
}

TEST(MailerSafeText, EscapesHtml) {
    EXPECT_EQ(html_escaped("<a href=\"x\" b='y'>&amp;"), "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;");
    EXPECT_EQ(html_escaped("\xe2\x80\xae<"), "&lt;U+202E&gt;&lt;");
    EXPECT_EQ(html_escaped(""), "");
}

TEST(MailerSafeText, MakesFileStems) {
    EXPECT_EQ(file_stem("roles.csv"), "roles");
    EXPECT_EQ(file_stem("C:\\Users\\ann\\m\xc3\xa4rz 2024.csv"), "m\xc3\xa4rz 2024");
    EXPECT_EQ(file_stem("../../etc/passwd"), "passwd");
    EXPECT_EQ(file_stem("a.b.csv"), "a.b");
    EXPECT_EQ(file_stem(".csv"), "csv");
    EXPECT_EQ(file_stem("--help.csv"), "help");
    EXPECT_EQ(file_stem("a;rm -rf \"$HOME\".csv"), "a_rm -rf _HOME");
    EXPECT_EQ(file_stem("exe\xe2\x80\xaevsc.csv"), "exe_vsc");
    EXPECT_EQ(file_stem("a\r\nBcc: x@y.csv"), "a_Bcc_ x_y");
    EXPECT_EQ(file_stem("\xff\xfe"), "");
    EXPECT_EQ(file_stem(""), "");
    EXPECT_EQ(file_stem("..."), "");
    EXPECT_LE(file_stem(std::string(500, 'a')).size(), 60U);
}

}  // namespace
}  // namespace customer_import::mailer
