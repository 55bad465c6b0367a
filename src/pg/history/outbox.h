// The outbox: the report of an import on its way to the operator.
#pragma once

#include <cstdint>
#include <string>

#include "pg/server/guard.h"

namespace customer_import::pg {

// Queues the report of an import that has ended, in its last transaction, if its operator wants one and has an address,
// and wakes the mailer. Returns what the import's message should add: nothing, or why no report is sent. Needs an SPI
// connection.
std::string queue_report(std::int64_t import_id);

// Takes back the report of an import that is to continue, unless it is on its way. Needs an SPI connection.
void withdraw_report(std::int64_t import_id);

// Releases messages that were restored from another database.
void release_messages();

}  // namespace customer_import::pg
