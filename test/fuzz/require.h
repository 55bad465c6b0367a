// What a fuzzer does when an invariant of the core is broken: it says which, and dies, so that the input is kept.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace customer_import {

inline void require(bool holds, const char* invariant) {
    if (holds) {
        return;
    }
    std::fprintf(stderr, "broken: %s\n", invariant);
    std::abort();
}

}  // namespace customer_import
