// Growing delays between attempts to reach what is down. No I/O, no clock.
#pragma once

#include <algorithm>
#include <chrono>

namespace customer_import::mailer {

// 1, 2, 4, … seconds up to a limit, each spread by a quarter to both sides so that several mailers do not come
// together.
class Backoff {
public:
    explicit Backoff(std::chrono::milliseconds limit) : limit_(limit) {}

    // Returns the next delay; `chance` is from 0 to 1.
    std::chrono::milliseconds next(double chance) {
        const auto delay = std::min(delay_, limit_);
        delay_ = std::min(2 * delay, limit_);
        return std::chrono::milliseconds(
            static_cast<std::chrono::milliseconds::rep>(static_cast<double>(delay.count()) * (0.75 + chance / 2)));
    }
    void reset() { delay_ = std::chrono::seconds(1); }

private:
    std::chrono::milliseconds limit_;
    std::chrono::milliseconds delay_ = std::chrono::seconds(1);
};

}  // namespace customer_import::mailer
