// To be preloaded: the steady clock of the program runs FAST_CLOCK times faster than time does, and its waiting is as much
// shorter, so that a test need not wait for its timeouts. Calendar time stays as it is: certificates are judged by it.
#include <dlfcn.h>
#include <poll.h>
#include <time.h>

#include <cstdlib>

namespace {

using ClockGettime = int (*)(clockid_t, timespec*);
using Poll = int (*)(pollfd*, nfds_t, int);

constexpr long long kNanoseconds = 1000000000;

long long factor() {
    static const char* const text = std::getenv("FAST_CLOCK");
    static const long long number = text != nullptr ? std::atoll(text) : 1;
    return number;
}

long long in_nanoseconds(const timespec& time) { return time.tv_sec * kNanoseconds + time.tv_nsec; }

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
    static const auto real = reinterpret_cast<ClockGettime>(dlsym(RTLD_NEXT, "clock_gettime"));
    const int result = real(clock, time);
    if (result != 0 || (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_RAW)) {
        return result;
    }
    const long long now = in_nanoseconds(*time);
    static const long long start = now;
    const long long fast = start + (now - start) * factor();
    time->tv_sec = fast / kNanoseconds;
    time->tv_nsec = fast % kNanoseconds;
    return 0;
}

extern "C" int poll(pollfd* descriptors, nfds_t count, int timeout) {
    static const auto real = reinterpret_cast<Poll>(dlsym(RTLD_NEXT, "poll"));
    return real(descriptors, count, timeout > 0 ? static_cast<int>((timeout + factor() - 1) / factor()) : timeout);
}
