// The HTML part of a message. No I/O.
#pragma once

#include <string>
#include <string_view>

#include "mailer/mail_report.h"

namespace customer_import::mailer {

// Writes the report as one HTML document for phones and desktops, light and dark: no remote content, no images, no
// links, no scripts; every value goes through html_escaped() and is in an element or a quoted attribute of our own.
std::string render_html(const MailReport& report, std::string_view attachment_name, std::string_view attachment_note);

}  // namespace customer_import::mailer
