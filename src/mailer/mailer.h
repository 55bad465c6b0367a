// The loop: listen, look, send, wait. One message, one claim, one commit.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mailer/backoff.h"
#include "mailer/config.h"
#include "mailer/outbox_client.h"
#include "mailer/service.h"
#include "mailer/transport.h"

namespace customer_import::mailer {

class Mailer {
public:
    Mailer(const Config& config, Transport& transport, const StopSignal& stop);

    enum class End { stopped, reload };
    // Runs until it is stopped or asked to reload, and nothing is left to be told to the database.
    End run();
    // Sends what is due. Returns 0 when all of it was sent, 1 when anything failed.
    int run_once();
    // Checks database, functions and transport. Returns the exit status.
    int check();

private:
    enum class Pass {
        done,  // nothing more is due
        stopped,
        unreachable,  // the transport is down
        broken,       // the database is
    };
    Pass send_due();
    bool connect();
    Pass deliver(ClaimedMessage& message);
    Pass record(const ClaimedMessage& message, const Delivery& delivery);
    bool acknowledge();
    void note_answer();
    void tell_status(std::string_view text);
    void tell_next(std::chrono::milliseconds next);
    StopSignal::Woken wait_for_work(int socket, short events, std::chrono::milliseconds time);
    void wait_after(Pass pass);

    const Config& config_;
    Transport& transport_;
    const StopSignal& stop_;
    OutboxClient client_;
    Backoff database_delay_{std::chrono::seconds(60)};
    Backoff transport_delay_{std::chrono::seconds(60)};
    // Sent, but the database has not heard of it yet.
    struct Acknowledgement {
        std::int64_t id;
        std::int32_t fence;
    };
    std::optional<Acknowledgement> unacknowledged_;
    std::optional<std::chrono::steady_clock::time_point> lost_at_;  // the database, after a good start
    // A message that is to be tried again.
    struct Delayed {
        std::int64_t id;
        std::string reason;  // for every user of the machine
    };
    std::optional<Delayed> delayed_;  // the last one
    std::string status_;              // what the service manager was told
    bool anything_failed_ = false;
    bool ready_ = false;
};

}  // namespace customer_import::mailer
