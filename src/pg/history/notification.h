// Wakes listeners. A notification can be heard by every role that may connect, and sent by any: it carries the number
// of what has changed and no data of users, and a listener then looks at the tables.
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
