// How long work is interrupted from outside: the core does no more than a bounded amount of work between two checks.
#pragma once

#include <cstddef>

namespace customer_import {

// Checks whether to continue; if not, ends the work by an exception.
using InterruptCheck = void (*)();
inline void ask_nobody() {}

// Checks once in a while in a loop over a caller's data.
class Pace {
public:
    explicit Pace(InterruptCheck check) : check_(check) {}

    // Before a step that processes so many bytes.
    void step(std::size_t bytes = 0) {
        done_ += 1 + bytes / kBytesOfStep;
        if (done_ >= kSteps) {
            done_ = 0;
            check_();
        }
    }

private:
    static constexpr std::size_t kSteps = 8192;
    static constexpr std::size_t kBytesOfStep = 32;

    InterruptCheck check_;
    std::size_t done_ = 0;
};

}  // namespace customer_import
