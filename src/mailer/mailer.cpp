#include "mailer/mailer.h"

#include <poll.h>

#include <ctime>
#include <utility>

#include "core/format.h"
#include "mailer/message.h"
#include "mailer/service.h"

namespace customer_import::mailer {

namespace {

// A notification may be lost with its connection, and nothing announces that a delay is over.
constexpr std::chrono::seconds kPollInterval{30};

}  // namespace

Mailer::Mailer(const Config& config, Transport& transport, const StopSignal& stop)
    : config_(config), transport_(transport), stop_(stop), client_(config.database, stop) {}

bool Mailer::connect() {
    if (client_.connected()) {
        return true;
    }
    if (!client_.connect()) {
        return false;
    }
    // Errors of later statements, too, make the next attempts less frequent: the delay starts anew after the first good
    // one.
    if (!ready_) {
        notify_service_manager("READY=1\nSTATUS=waiting for messages");
        log_line(Severity::information, format("ready; sending by {}", transport_.name()));
        ready_ = true;
    }
    return true;
}

bool Mailer::acknowledge() {
    if (!unacknowledged_) {
        return true;
    }
    const auto kept = client_.message_sent(unacknowledged_->id, unacknowledged_->fence);
    if (!kept) {
        return false;
    }
    if (!*kept) {
        log_line(Severity::warning,
                 format("message {}: sent, but its lease had ended: it may be sent once more", unacknowledged_->id));
    }
    unacknowledged_.reset();
    return true;
}

Mailer::Pass Mailer::send_due() {
    if (!acknowledge()) {
        return Pass::broken;
    }
    while (!stop_.requested() && !stop_.reload_requested()) {
        ClaimedMessage message;
        switch (client_.claim(message)) {
            case OutboxClient::Claim::failed: return Pass::broken;
            case OutboxClient::Claim::none: database_delay_.reset(); return Pass::done;
            case OutboxClient::Claim::message: break;
        }
        database_delay_.reset();
        const Pass pass = deliver(message);
        if (pass != Pass::done) {
            return pass;
        }
    }
    return Pass::stopped;
}

Mailer::Pass Mailer::deliver(ClaimedMessage& message) {
    if (!message.bytes) {
        const std::string token = random_token();
        auto rendered = render_message({message.report, message.recipient, config_.from,
                                        message.attachment ? &*message.attachment : nullptr, message.attachment_note,
                                        token, static_cast<long long>(std::time(nullptr))});
        if (const auto* fault = std::get_if<RenderFault>(&rendered)) {
            return record(message, permanent(fault->reason));
        }
        message.bytes = std::move(std::get<RenderedMessage>(rendered).bytes);
        const auto stored = client_.store_message(message, *message.bytes);
        if (!stored) {
            return Pass::broken;
        }
        // Another mailer has claimed the message by now, and its bytes are those to be sent.
        if (!*stored) {
            return Pass::done;
        }
    }
    return record(message, transport_.send(message.recipient, *message.bytes));
}

Mailer::Pass Mailer::record(const ClaimedMessage& message, const Delivery& delivery) {
    if (delivery.outcome == Delivery::Outcome::sent) {
        transport_delay_.reset();
        log_line(Severity::information, format("message {}: sent", message.id));
        unacknowledged_ = {message.id, message.fence};
        return acknowledge() ? Pass::done : Pass::broken;
    }
    anything_failed_ = true;
    const bool final = delivery.outcome == Delivery::Outcome::permanent;
    const auto again = client_.message_failed(message.id, message.fence, delivery.reason, final);
    if (!again) {
        return Pass::broken;
    }
    if (*again) {
        log_line(Severity::warning,
                 format("message {}: could not be sent, will be tried again: {}", message.id, delivery.reason));
    } else {
        log_line(Severity::error, format("message {}: failed: {}", message.id, delivery.reason));
    }
    return delivery.unreachable ? Pass::unreachable : Pass::done;
}

StopSignal::Woken Mailer::wait_for_work(int socket, short events, std::chrono::milliseconds time) {
    // What the database is to be told goes before a reload.
    return unacknowledged_ ? stop_.wait(socket, events, time) : stop_.wait_for_work(socket, events, time);
}

void Mailer::wait_after(Pass pass) {
    if (pass == Pass::broken) {
        const auto delay = database_delay_.next(random_chance());
        log_line(Severity::error,
                 format("database: {}; next attempt in {} s", client_.error(), (delay.count() + 999) / 1000));
        client_.disconnect();
        // While the database is not there yet, starting takes as long as it takes.
        notify_service_manager(ready_ ? "STATUS=waiting for the database"
                                      : "EXTEND_TIMEOUT_USEC=180000000\nSTATUS=waiting for the database");
        wait_for_work(-1, 0, delay);
        return;
    }
    if (pass == Pass::unreachable) {
        notify_service_manager("STATUS=waiting for the mail server");
        // Meanwhile the socket is read all the same: a listener that does not read holds up the server's queue.
        const auto end = std::chrono::steady_clock::now() + transport_delay_.next(random_chance());
        for (auto now = std::chrono::steady_clock::now(); now < end; now = std::chrono::steady_clock::now()) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - now);
            if (wait_for_work(client_.socket(), POLLIN, left) != StopSignal::Woken::by_socket) {
                return;
            }
            if (!client_.drain()) {
                return;
            }
        }
        return;
    }
    auto delay = std::chrono::milliseconds(kPollInterval);
    const auto next = client_.time_to_next_message();
    if (!next) {
        return wait_after(Pass::broken);
    }
    if (next->count() >= 0) {
        delay = std::min(delay, *next);
    }
    notify_service_manager("STATUS=waiting for messages");
    // A message that is due now and was not handed out is held by another session at the moment.
    delay = std::max(delay, std::chrono::milliseconds(250));
    if (wait_for_work(client_.socket(), POLLIN, delay) == StopSignal::Woken::by_socket && !client_.drain()) {
        wait_after(Pass::broken);
    }
}

Mailer::End Mailer::run() {
    while (!stop_.requested() && (!stop_.reload_requested() || unacknowledged_)) {
        const Pass pass = connect() ? send_due() : Pass::broken;
        if (pass != Pass::stopped) {
            wait_after(pass);
        }
    }
    if (!stop_.requested()) {
        return End::reload;
    }
    notify_service_manager("STOPPING=1");
    log_line(Severity::information, "stopped");
    return End::stopped;
}

int Mailer::run_once() {
    if (!connect()) {
        log_line(Severity::error, format("database: {}", client_.error()));
        return 1;
    }
    const Pass pass = send_due();
    if (pass == Pass::broken) {
        log_line(Severity::error, format("database: {}", client_.error()));
    }
    return pass == Pass::done && !anything_failed_ ? 0 : 1;
}

int Mailer::check() {
    bool good = true;
    // Its rights say nothing of whether the functions work: those of a library and a catalog of different versions do not.
    if (!client_.connect() || !client_.check_functions() || !client_.time_to_next_message()) {
        log_line(Severity::error, format("database: {}", client_.error()));
        good = false;
    }
    if (const auto fault = transport_.check()) {
        log_line(Severity::error, format("transport: {}", *fault));
        good = false;
    }
    if (good) {
        log_line(Severity::information,
                 format("the configuration is good; messages would go by {}", transport_.name()));
    }
    return good ? 0 : 1;
}

}  // namespace customer_import::mailer
