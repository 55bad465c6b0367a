// How what takes long is ended from outside: the core does no more than a bounded amount of work between two questions.
#pragma once

#include <cstddef>

namespace customer_import {

// Asks whether to go on; what is not to go on is ended by an exception.
using InterruptCheck = void (*)();
inline void ask_nobody() {}

// Asks once in a while in a loop over somebody's data.
class Pace {
public:
    explicit Pace(InterruptCheck check) : check_(check) {}

    // Before a step that does something to so many bytes.
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
