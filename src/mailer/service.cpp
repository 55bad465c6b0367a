#include "mailer/service.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "core/format.h"
#include "mailer/safe_text.h"

namespace customer_import::mailer {

namespace {

constexpr std::chrono::seconds kGrace{20};
constexpr std::size_t kMaxLogBytes = 1000;

}  // namespace

StopSignal::StopSignal() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    signal(SIGPIPE, SIG_IGN);
    descriptor_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

StopSignal::~StopSignal() {
    if (descriptor_ >= 0) {
        close(descriptor_);
    }
}

bool StopSignal::requested() const {
    signalfd_siginfo information{};
    while (read(descriptor_, &information, sizeof(information)) > 0) {
        if (information.ssi_signo == SIGHUP) {
            reload_ = true;
            continue;
        }
        if (!requested_) {
            requested_at_ = std::chrono::steady_clock::now();
        }
        requested_ = true;
    }
    return requested_;
}

bool StopSignal::reload_requested() const {
    (void)requested();
    return reload_;
}

bool StopSignal::overdue() const { return requested() && std::chrono::steady_clock::now() - requested_at_ > kGrace; }

StopSignal::Woken StopSignal::wait(int socket, short events, std::chrono::milliseconds time) const {
    return wait(socket, events, time, false);
}

StopSignal::Woken StopSignal::wait_for_work(int socket, short events, std::chrono::milliseconds time) const {
    return wait(socket, events, time, true);
}

StopSignal::Woken StopSignal::wait(int socket, short events, std::chrono::milliseconds time,
                                   bool ends_by_reload) const {
    const auto end = std::chrono::steady_clock::now() + time;
    for (;;) {
        if (requested()) {
            return Woken::by_stop;
        }
        if (ends_by_reload && reload_) {
            return Woken::by_time;
        }
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        std::array<pollfd, 2> descriptors = {{{descriptor_, POLLIN, 0}, {socket, events, 0}}};
        const auto timeout = std::clamp<std::chrono::milliseconds::rep>(left.count(), 0, 3600000);
        const int ready = poll(descriptors.data(), descriptors.size(), static_cast<int>(timeout));
        if (ready > 0 && descriptors[1].revents != 0) {
            return requested() ? Woken::by_stop : Woken::by_socket;
        }
        if (ready == 0 && left.count() <= timeout) {
            return Woken::by_time;
        }
    }
}

void notify_service_manager(std::string_view state) {
    const char* path = std::getenv("NOTIFY_SOCKET");
    sockaddr_un address{};
    if (path == nullptr || std::strlen(path) < 2 || std::strlen(path) >= sizeof(address.sun_path)) {
        return;
    }
    if (path[0] != '/' && path[0] != '@') {
        return;
    }
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path, std::strlen(path));
    // An abstract socket is written with @ and begins with NUL.
    if (path[0] == '@') {
        address.sun_path[0] = '\0';
    }
    const int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return;
    }
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
    // A failure of this cannot be reported.
    [[maybe_unused]] const ssize_t sent = sendto(descriptor, state.data(), state.size(), MSG_NOSIGNAL,
                                                 reinterpret_cast<const sockaddr*>(&address), length);
    close(descriptor);
}

void log_line(Severity severity, std::string_view text) {
    static const bool to_journal = std::getenv("JOURNAL_STREAM") != nullptr;
    const std::string shown = visible(text, kMaxLogBytes);
    const std::string line = to_journal ? format("<{}>{}\n", static_cast<int>(severity), shown)
                                        : format("customer-import-mailer: {}\n", shown);
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

std::string random_token() {
    std::array<unsigned char, 16> bytes{};
    if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
        return {};
    }
    std::string token;
    for (const unsigned char byte : bytes) {
        token += "0123456789abcdef"[byte >> 4];
        token += "0123456789abcdef"[byte & 15];
    }
    return token;
}

double random_chance() {
    unsigned short number = 0;
    if (getrandom(&number, sizeof(number), 0) != sizeof(number)) {
        return 0.5;
    }
    return static_cast<double>(number) / 65535;
}

void forbid_core_files() {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

}  // namespace customer_import::mailer
