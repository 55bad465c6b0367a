#include "client/interrupts.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace customer_import::client {

Interrupts::Interrupts() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    signal(SIGPIPE, SIG_IGN);
    descriptor_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (descriptor_ < 0) {
        throw std::system_error(errno, std::generic_category(), "cannot wait for signals");
    }
}

Interrupts::~Interrupts() { close(descriptor_); }

int Interrupts::count() const {
    signalfd_siginfo information{};
    while (read(descriptor_, &information, sizeof information) > 0) {
        ++count_;
    }
    return count_;
}

void Interrupts::check(int before) const {
    if (count() > before) {
        throw Interrupted();
    }
}

bool Interrupts::wait(int socket, short events, std::chrono::milliseconds time) const {
    std::array<pollfd, 2> descriptors = {{{descriptor_, POLLIN, 0}, {socket, events, 0}}};
    const int ready = poll(descriptors.data(), descriptors.size(), static_cast<int>(time.count()));
    return ready > 0 && descriptors[1].revents != 0;
}

}  // namespace customer_import::client
