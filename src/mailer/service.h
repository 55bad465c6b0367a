// The process among others: signals that end it, the service manager, the log, randomness.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace customer_import::mailer {

// SIGTERM and SIGINT, and SIGHUP, which asks to reload, as something to wait for. There may be one only, made before any thread starts.
class StopSignal {
public:
    StopSignal();
    ~StopSignal();
    StopSignal(const StopSignal&) = delete;
    StopSignal& operator=(const StopSignal&) = delete;

    // True once one of the first two came.
    bool requested() const;
    // True once SIGHUP came, until reloaded().
    bool reload_requested() const;
    void reloaded() const { reload_ = false; }
    // True when it came longer ago than the grace that work in progress is given.
    bool overdue() const;

    enum class Woken { by_stop, by_socket, by_time };
    // Sleeps until the end is asked for, until the socket (-1: none) can be read or written, or for this long.
    Woken wait(int socket, short events, std::chrono::milliseconds time) const;
    // The same between two messages, where a reload ends the time, too.
    Woken wait_for_work(int socket, short events, std::chrono::milliseconds time) const;

private:
    int descriptor_ = -1;
    Woken wait(int socket, short events, std::chrono::milliseconds time, bool ends_by_reload) const;

    mutable bool requested_ = false;
    mutable bool reload_ = false;
    mutable std::chrono::steady_clock::time_point requested_at_;
};

// Tells the service manager, if there is one: "READY=1", "STATUS=…". Source: sd_notify(3).
void notify_service_manager(std::string_view state);

enum class Severity { error = 3, warning = 4, information = 6 };

// Writes one line to standard error; the journal gets the severity too. The text is made safe and short here.
void log_line(Severity severity, std::string_view text);

// 32 hexadecimal digits that cannot be guessed; empty when the system has no randomness.
std::string random_token();

// From 0 to 1, for spreading delays.
double random_chance();

// Keeps memory, and with it the password, out of core files and away from debuggers of the same user.
void forbid_core_files();

}  // namespace customer_import::mailer
