// Attempts to smuggle headers, recipients or parts into a message, through every text that a user can choose.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "core/email_address.h"
#include "core/text.h"
#include "mailer/message.h"
#include "mailer/mime.h"
#include "mailer/safe_text.h"

namespace customer_import::mailer {
namespace {

constexpr char kToken[] = "0123456789abcdef0123456789abcdef";

// What some reader takes for the end of a line, or for the end of a text.
std::vector<std::string> breaks() {
    return {"\r\n",
            "\n",
            "\r",
            "\r\r\n",
            "\n\r",
            "\r\n ",
            "\r\n\t",
            "\r\n\r\n",
            "\n\n",
            std::string(1, '\0'),
            "\x0b",
            "\x0c",
            "\x1c",
            "\x1d",
            "\x1e",
            "\xc2\x85",
            "\xe2\x80\xa8",
            "\xe2\x80\xa9",
            "\x1b",
            "\x7f",
            "\x08",
            std::string("\r\0\n", 3),
            "\xc0\x8a",
            "\xe0\x80\x8a",
            "\xc0\x8d\xc0\x8a"};
}

std::vector<std::string> payloads() {
    return {"Bcc: victim@example.net", "Content-Type: text/html\r\n\r\n<b>x", "From: ceo@example.net",
            std::string("--=_mixed") + kToken + "--"};
}

struct Attempt {
    std::string report;
    std::string recipient = "ann@example.com";
    std::string sender = "noreply@example.com";
};

nlohmann::json plain_report() {
    return {{"import_id", 7},
            {"state", "completed"},
            {"message", "Import 7 completed: 1 rejected. See why: SELECT 1"},
            {"operator", "ann"},
            {"file_name", "roles.csv"},
            {"mode", "update_only"},
            {"counts", {{"records", 2}, {"updated", 1}, {"rejected", 1}}}};
}

std::string render(const Attempt& attempt) {
    const std::string attachment = "userName\r\nbob\r\n";
    auto rendered = render_message(
        {attempt.report, attempt.recipient, attempt.sender, &attachment, "", kToken, 1714564987});
    const auto* message = std::get_if<RenderedMessage>(&rendered);
    return message == nullptr ? std::string() : message->bytes;
}

// The names of all header lines, of the message and of its parts, folding undone.
std::vector<std::string> header_names(const std::string& message) {
    std::vector<std::string> names;
    bool in_headers = true;
    for (std::size_t start = 0; start < message.size();) {
        const std::size_t end = message.find("\r\n", start);
        const std::string line = message.substr(start, end - start);
        EXPECT_EQ(line.find_first_of(std::string("\r\n\0", 3)), std::string::npos) << "a bare line break or NUL";
        EXPECT_LE(line.size(), 998U);
        if (line.empty()) {
            in_headers = false;
        } else if (line.starts_with("--=_")) {
            in_headers = true;
        } else if (in_headers && line.front() != ' ' && line.front() != '\t') {
            names.push_back(line.substr(0, line.find(':')));
        }
        if (end == std::string::npos) {
            break;
        }
        start = end + 2;
    }
    return names;
}

// Whatever was tried: the headers are those of an innocent message, and only printable ASCII is in the message.
void expect_harmless(const std::string& message, const std::string& attempt) {
    SCOPED_TRACE(visible(attempt));
    ASSERT_FALSE(message.empty());
    static const std::vector<std::string> innocent = header_names(render({plain_report().dump()}));
    EXPECT_EQ(header_names(message), innocent);
    for (const char c : message) {
        ASSERT_TRUE((c >= ' ' && c <= '~') || c == '\r' || c == '\n');
    }
}

// JSON holds valid UTF-8 only; what is not becomes U+FFFD on the way.
std::string dumped(const nlohmann::json& json) {
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

TEST(MailerInjection, SubjectNamesAndFileNames) {
    int attempts = 0;
    for (const char* field : {"message", "operator", "file_name", "mode", "state"}) {
        for (const std::string& line_break : breaks()) {
            for (const std::string& payload : payloads()) {
                auto report = plain_report();
                const std::string text = report[field].get<std::string>() + line_break + payload;
                report[field] = text;
                expect_harmless(render({dumped(report)}), text);
                ++attempts;
            }
        }
    }
    EXPECT_GE(attempts, 400);
}

TEST(MailerInjection, AddressesAreRefused) {
    int attempts = 0;
    for (const std::string& line_break : breaks()) {
        for (const std::string& payload : payloads()) {
            for (const std::string& text : {"ann@example.com" + line_break + payload, line_break + "ann@example.com",
                                            "ann" + line_break + "@example.com", "ann@exam" + line_break + "ple.com"}) {
                EXPECT_EQ(render({plain_report().dump(), text}), "") << visible(text);
                EXPECT_EQ(render({plain_report().dump(), "ann@example.com", text}), "") << visible(text);
                attempts += 2;
            }
        }
    }
    for (const char* text : {"b> NOTIFY=NEVER <c", "ann@example.com> SIZE=1", "ann@example.com,bob@example.com",
                             "<ann@example.com>", "ann @example.com", "\"ann\\\"@x\"@example.com",
                             "@a,@b:c@example.com", "ann@example.com (x)", "ann%bob@example.com>", "ann@[127.0.0.1]"}) {
        EXPECT_EQ(render({plain_report().dump(), text}), "") << text;
        ++attempts;
    }
    EXPECT_GE(attempts, 200);
}

TEST(MailerInjection, HeadersRefuseEveryBreak) {
    int attempts = 0;
    for (const std::string& line_break : breaks()) {
        for (const std::string& payload : payloads()) {
            const std::string text = "x" + line_break + payload;
            EXPECT_FALSE(header_line("Subject", text)) << visible(text);
            EXPECT_FALSE(mailbox_line("To", text, "ann@example.com")) << visible(text);
            EXPECT_FALSE(attachment_line(text)) << visible(text);
            EXPECT_FALSE(csv_part(text, "")) << visible(text);
            attempts += 4;
        }
    }
    EXPECT_GE(attempts, 400);
}

TEST(MailerInjection, EveryControlCharacterIsRefused) {
    for (int c = 0; c < 0x20; ++c) {
        EXPECT_FALSE(is_header_text(std::string("a") + static_cast<char>(c) + "b")) << c;
    }
    EXPECT_FALSE(is_header_text("a\x7f"));
    for (int c = 0x80; c < 0xA0; ++c) {
        EXPECT_FALSE(is_header_text(std::string("\xc2") + static_cast<char>(c))) << c;
    }
    EXPECT_FALSE(is_header_text("\xff"));
    EXPECT_TRUE(is_header_text("M\xc3\xa4rz \xe2\x82\xac \xf0\x9f\x98\x80"));
}

// Texts that have broken programs before, in every field that a file can fill: nothing of them may reach the HTML as markup.
TEST(MailerInjection, NaughtyTextsInEveryField) {
    const std::vector<std::string> texts = {"<script>alert(1)</script>",
                                            "\"><img src=x onerror=alert(1)>",
                                            "'-alert(1)-'",
                                            "</style><script>",
                                            "&lt;script&gt;",
                                            "</title><b>",
                                            "javascript:alert(1)",
                                            "<!--",
                                            "]]>",
                                            "{{7*7}}",
                                            "${x}",
                                            "%00",
                                            "=cmd|' /C calc'!A0",
                                            "\xe2\x80\xae"
                                            "evil",
                                            "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
                                            "\xef\xbb\xbfx",
                                            "a\xcc\x81\xcc\x81\xcc\x81",
                                            "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb",
                                            "\\u0000",
                                            std::string(5000, 'W'),
                                            std::string(3000, ' '),
                                            "NULL",
                                            "-- ",
                                            ".",
                                            "..",
                                            "From x",
                                            "=3D",
                                            "=\r\n"};
    for (const std::string& text : texts) {
        auto report = plain_report();
        report["file_name"] = text;
        report["operator"] = text;
        report["warnings"] = {text};
        report["issues"] = {{{"code", text},
                             {"outcome", text},
                             {"count", 3},
                             {"first",
                              {{{"line", 2},
                                {"column_name", text},
                                {"value", text},
                                {"message", text},
                                {"detail", text},
                                {"hint", text}}}}}};
        report["unknown_codes"] = {{{"code", text}, {"count", 1}, {"suggestion", text}}};
        expect_harmless(render({dumped(report)}), text);
    }
}

}  // namespace
}  // namespace customer_import::mailer
