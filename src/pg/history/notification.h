// Wakes those who listen. A notification is heard by whoever may connect and can be sent by anybody: it carries the number
// of what has changed and nothing of users, and whoever hears one looks at the tables.
#pragma once

#include <cstdint>
#include <string_view>

#include "pg/server/guard.h"

namespace customer_import::pg {

// Tells listeners at the commit which state an import has: NOTIFY customer_import. Needs an SPI connection.
void announce_import(std::int64_t import_id, std::string_view state);

// Wakes the mailers at the commit: NOTIFY customer_import_email. Needs an SPI connection.
void announce_message(std::int64_t message_id);

}  // namespace customer_import::pg
