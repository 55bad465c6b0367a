#include "mailer/message.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/email_address.h"
#include "core/format.h"
#include "mailer/html.h"
#include "mailer/mail_report.h"
#include "mailer/mime.h"
#include "mailer/plain_text.h"
#include "mailer/safe_text.h"
#include "mailer/wording.h"

namespace customer_import::mailer {

namespace {

constexpr std::size_t kMaxDisplayNameBytes = 60;

bool is_token(std::string_view text) {
    return text.size() >= 16 && text.size() <= 48 && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
           });
}

// Collects headers; one that is refused spoils all.
class Headers {
public:
    void add(const std::optional<std::string>& line) {
        if (line) {
            text_ += *line;
        }
        complete_ = complete_ && line.has_value();
    }
    bool complete() const { return complete_; }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
    bool complete_ = true;
};

std::string display_name(const MailReport& report) {
    // An address as display name in front of another address is a trick of forgers.
    if (report.operator_name.find('@') != std::string::npos) {
        return {};
    }
    return visible(report.operator_name, kMaxDisplayNameBytes);
}

}  // namespace

std::variant<RenderedMessage, RenderFault> render_message(const MessageSource& source) {
    if (!is_email_address(source.recipient)) {
        return RenderFault{"recipient is no valid e-mail address"};
    }
    if (!is_email_address(source.sender)) {
        return RenderFault{"sender is no valid e-mail address"};
    }
    if (!is_token(source.token)) {
        return RenderFault{"could not make a message id"};
    }
    const std::optional<MailReport> report = read_report(source.report);
    if (!report) {
        return RenderFault{"report is not readable"};
    }
    const std::string token(source.token);
    const std::string domain(source.sender.substr(source.sender.find('@') + 1));
    Headers headers;
    headers.add(header_line("Date", date_text(source.unix_seconds)));
    headers.add(mailbox_line("From", "Customer import", source.sender));
    headers.add(mailbox_line("To", display_name(*report), source.recipient));
    headers.add(header_line("Subject", subject(*report)));
    headers.add(header_line("Message-ID", format("<import-{}.{}@{}>", report->import_id, token, domain)));
    headers.add(header_line("Auto-Submitted", "auto-generated"));
    headers.add(header_line("X-Auto-Response-Suppress", "All"));
    headers.add(header_line("MIME-Version", "1.0"));

    const std::string file_name = source.attachment != nullptr ? attachment_name(*report) : std::string();
    std::string content = multipart("alternative", "alternative" + token,
                                    {text_part("plain", render_plain_text(*report, file_name, source.attachment_note)),
                                     text_part("html", render_html(*report, file_name, source.attachment_note))});
    if (source.attachment != nullptr) {
        auto attachment = csv_part(file_name, *source.attachment);
        if (!attachment) {
            return RenderFault{"file name of the attachment is not valid"};
        }
        content = multipart("mixed", "mixed" + token, {std::move(content), std::move(*attachment)});
    }
    if (!headers.complete()) {
        return RenderFault{"a header of the message is not valid"};
    }
    return RenderedMessage{headers.take() + content};
}

}  // namespace customer_import::mailer
