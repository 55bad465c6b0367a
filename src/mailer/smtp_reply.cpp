#include "mailer/smtp_reply.h"

#include <algorithm>

#include "core/text.h"
#include "mailer/mime.h"
#include "mailer/safe_text.h"

namespace customer_import::mailer {

namespace {

constexpr std::size_t kMaxReplyBytes = 300;
constexpr std::size_t kMaxKeptBytes = 2000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string base64_of(std::string_view bytes) {
    std::string text = encode_base64(bytes);
    std::erase_if(text, [](char c) { return c == '\r' || c == '\n'; });
    return text;
}

}  // namespace

void SmtpReplies::add_line(std::string_view line) {
    while (line.ends_with('\n') || line.ends_with('\r')) {
        line.remove_suffix(1);
    }
    if (line.size() < 3 || (line[0] != '4' && line[0] != '5') || !is_digit(line[1]) || !is_digit(line[2])) {
        return;
    }
    if (line.size() > 3 && line[3] != ' ' && line[3] != '-') {
        return;
    }
    const int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    // A second line of the same reply adds its words only.
    if (code != code_ || text_.empty()) {
        text_ = std::to_string(code);
        code_ = code;
    }
    if (line.size() > 4 && text_.size() < kMaxKeptBytes) {
        text_.append(" ").append(line.substr(4, kMaxKeptBytes));
    }
}

std::string SmtpReplies::text(const std::vector<std::string>& secrets) const {
    return visible(without_secrets(text_, secrets), kMaxReplyBytes);
}

bool is_permanent_reply(int code) {
    return code >= 500 && code <= 599 && code != 530 && code != 534 && code != 535 && code != 538;
}

std::vector<std::string> smtp_secrets(std::string_view user, std::string_view password) {
    if (password.empty()) {
        return {};
    }
    const std::string plain(password), name(user);
    std::vector<std::string> secrets = {base64_of(std::string(1, '\0') + name + std::string(1, '\0') + plain),
                                        base64_of(name + std::string(1, '\0') + name + std::string(1, '\0') + plain),
                                        base64_of(plain), plain};
    // Longest first: replacing a secret that is part of another one would leave the rest of that one readable.
    std::sort(secrets.begin(), secrets.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
    return secrets;
}

std::string without_secrets(std::string text, const std::vector<std::string>& secrets) {
    for (const std::string& secret : secrets) {
        if (secret.empty()) {
            continue;
        }
        for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3)) {
            text.replace(at, secret.size(), "***");
        }
    }
    return text;
}

}  // namespace customer_import::mailer
