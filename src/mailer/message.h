// The whole message of a report, rendered once: what is sent, and sent again, are these bytes. No I/O.
#pragma once

#include <string>
#include <string_view>
#include <variant>

namespace customer_import::mailer {

struct MessageSource {
    std::string_view report;     // JSON of import_report(), with "recipient" and "operator"
    std::string_view recipient;  // as the outbox has it: the only address that is written to
    std::string_view sender;
    const std::string* attachment = nullptr;  // CSV of the rejected records, or null
    std::string_view attachment_note;
    std::string_view token;  // 16 to 48 letters and digits that cannot be guessed
    long long unix_seconds = 0;
};

struct RenderedMessage {
    std::string bytes;
};

struct RenderFault {
    std::string reason;
};

// Renders the message: RFC 5322, lines ended by CRLF, below 998 bytes. A fault is permanent: no later attempt can do
// better.
std::variant<RenderedMessage, RenderFault> render_message(const MessageSource& source);

}  // namespace customer_import::mailer
