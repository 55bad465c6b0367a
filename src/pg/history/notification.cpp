#include "pg/history/notification.h"

#include <string>

#include "core/format.h"
#include "pg/server/server_log.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

namespace {

// A full queue fails the COMMIT of the session that notifies: an import must not depend on a session that listens and
// never ends its transaction. No listener needs what is left out, since listeners also look from time to time.
void notify(const char* channel, const std::string& payload) {
    OwnerScope owner;
    const std::uint64_t sent = execute("SELECT pg_notify($1, $2) WHERE pg_notification_queue_usage() <= 0.9",
                                       {parameter(std::string_view(channel)), parameter(std::string_view(payload))});
    if (sent == 0) {
        write_log(WARNING,
                  format("notification \"{}\" is left out: the notification queue is nearly full, since a session"
                         " that listens does not end its transaction",
                         channel));
    }
}

}  // namespace

void announce_import(std::int64_t import_id, std::string_view state) {
    notify("customer_import", format(R"({{"import_id": {}, "state": "{}"}})", import_id, state));
}

void announce_message(std::int64_t message_id) { notify("customer_import_email", std::to_string(message_id)); }

}  // namespace customer_import::pg
