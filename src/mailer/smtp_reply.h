// What the replies of an SMTP server mean, and how they may be shown. No I/O.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace customer_import::mailer {

// Keeps the last negative reply of a conversation in bounded memory, however much the server sends.
class SmtpReplies {
public:
    // Takes one line of a reply, with its code.
    void add_line(std::string_view line);
    // The reply as one safe line of at most 300 bytes, the secrets taken out; empty when there was none.
    std::string text(const std::vector<std::string>& secrets) const;
    // The code of that reply, or 0.
    int code() const { return code_; }

private:
    int code_ = 0;
    std::string text_;
};

// True when a refusal with this code is about the message itself: 5xx, but for those about encryption and logging in
// (530, 534, 535, 538), which are about the configuration. Source: RFC 5321 4.2.1, RFC 4954.
bool is_permanent_reply(int code);

// What must never be shown: the password, plain and as AUTH sends it.
std::vector<std::string> smtp_secrets(std::string_view user, std::string_view password);

// Replaces each secret by "***".
std::string without_secrets(std::string text, const std::vector<std::string>& secrets);

}  // namespace customer_import::mailer
