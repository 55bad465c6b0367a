// E-mail addresses: the strict form that reports are sent to.
#pragma once

#include <cstddef>
#include <string_view>

namespace customer_import {

inline constexpr std::size_t kMaxEmailAddressBytes = 254;

// True for an address of plain atoms, dot-atom "@" domain, in ASCII: no comments, quotes, literals, or anything that an
// SMTP command or a header would take for syntax. Source: RFC 5321 4.1.2 and 4.5.3.1, RFC 5322 3.4.1, RFC 1123 2.1.
bool is_email_address(std::string_view text);

}  // namespace customer_import
