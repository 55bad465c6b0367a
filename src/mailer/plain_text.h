// The text part of a message. No I/O.
#pragma once

#include <string>
#include <string_view>

#include "mailer/mail_report.h"

namespace customer_import::mailer {

// Writes the report for readers without HTML: lines of at most 72 characters where words allow it, LF as line end.
std::string render_plain_text(const MailReport& report, std::string_view attachment_name,
                              std::string_view attachment_note);

}  // namespace customer_import::mailer
