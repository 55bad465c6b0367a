#include "mailer/mailer.h"

#include <poll.h>

#include <array>
#include <ctime>
#include <utility>

#include "core/format.h"
#include "mailer/message.h"
#include "mailer/safe_text.h"
#include "mailer/service.h"

namespace customer_import::mailer {

namespace {

// A notification may be lost with its connection, and nothing announces that a delay is over.
constexpr std::chrono::seconds kPollInterval{30};
constexpr std::size_t kMaxStatusBytes = 300;

// Rounded up.
std::int64_t seconds(std::chrono::nanoseconds time) { return std::chrono::ceil<std::chrono::seconds>(time).count(); }

// The time of the day that it is then: a status is read later than it is told.
std::string time_in(std::chrono::milliseconds delay) {
    const std::time_t then = std::time(nullptr) + seconds(delay);
    std::tm local{};
    std::array<char, 9> text{};
    localtime_r(&then, &local);
    return std::string(text.data(), std::strftime(text.data(), text.size(), "%H:%M:%S", &local));
}

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
        notify_service_manager("READY=1");
        tell_status("waiting for messages");
        log_line(Severity::information, format("ready; sending by {}", transport_.name()));
        ready_ = true;
    }
    return true;
}

// The database has answered a statement: not only a connection that is refused everything.
void Mailer::note_answer() {
    database_delay_.reset();
    if (lost_at_) {
        log_line(Severity::information,
                 format("the database is back after {} s", seconds(std::chrono::steady_clock::now() - *lost_at_)));
        lost_at_.reset();
    }
}

// Every user of the machine can read it: no answer of a mail server about a recipient goes in.
void Mailer::tell_status(std::string_view text) {
    if (text != status_) {
        status_ = text;
        notify_service_manager(format("STATUS={}", visible(text, kMaxStatusBytes)));
    }
}

// What it waits for when nothing is due. `next`: until something is; below 0: no message waits.
void Mailer::tell_next(std::chrono::milliseconds next) {
    if (next.count() < 0) {
        delayed_.reset();
    }
    if (next.count() <= 0) {
        tell_status("waiting for messages");
    } else if (delayed_) {
        tell_status(format("waiting to try again at {}: message {} could not be sent: {}", time_in(next), delayed_->id,
                           delayed_->reason));
    } else {
        tell_status(format("waiting for messages; the next one is due at {}", time_in(next)));
    }
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
            case OutboxClient::Claim::none: note_answer(); return Pass::done;
            case OutboxClient::Claim::message: break;
        }
        note_answer();
        tell_status("sending messages");
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
    if (delayed_ && delayed_->id == message.id) {
        delayed_.reset();
    }
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
        delayed_ = Delayed{message.id, delivery.unreachable ? delivery.reason : "see the journal"};
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
        log_line(Severity::error, format("database: {}; next attempt in {} s", client_.error(), seconds(delay)));
        tell_status(format("waiting for the database, next attempt at {}: {}", time_in(delay), client_.error()));
        client_.disconnect();
        if (!ready_) {  // while the database is not there yet, starting takes as long as it takes
            notify_service_manager("EXTEND_TIMEOUT_USEC=180000000");
        } else if (!lost_at_) {
            lost_at_ = std::chrono::steady_clock::now();
        }
        wait_for_work(-1, 0, delay);
        return;
    }
    if (pass == Pass::unreachable) {
        const auto pause = transport_delay_.next(random_chance());
        tell_status(format("waiting for the mail server, next attempt at {}: {}", time_in(pause),
                           delayed_ ? delayed_->reason : "see the journal"));
        // Meanwhile the socket is read all the same: a listener that does not read holds up the server's queue.
        const auto end = std::chrono::steady_clock::now() + pause;
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
    tell_next(*next);
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
