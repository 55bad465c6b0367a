// SQL functions by which the memory of a process can be limited, and its allocations fail. Part of the library of probe.cpp.
#include <cstdint>

#include "pg/server/server.h"

extern "C" {
#include <dlfcn.h>
#include <sys/resource.h>
}

// probe_limit(bytes bigint): the address space that this process may have; 0: no limit.
CI_FUNCTION(probe_limit) {
    const std::int64_t bytes = PG_GETARG_INT64(0);
    struct rlimit limit;
    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = bytes == 0 ? limit.rlim_max : static_cast<rlim_t>(bytes);
    if (setrlimit(RLIMIT_AS, &limit) != 0) {
        elog(ERROR, "could not limit the address space: %m");
    }
    PG_RETURN_VOID();
}

// probe_fail_allocations(first bigint, count int): from now on the allocations number first, first + 1, ... fail,
// `count` of them; first 0: none. Needs failing_malloc in the server.
CI_FUNCTION(probe_fail_allocations) {
    auto arm = reinterpret_cast<void (*)(long, int)>(dlsym(RTLD_DEFAULT, "failing_malloc_arm"));
    if (arm == nullptr) {
        elog(ERROR, "failing_malloc is not loaded");
    }
    arm(static_cast<long>(PG_GETARG_INT64(0)), PG_GETARG_INT32(1));
    PG_RETURN_VOID();
}

// probe_allocations() returns bigint: how many allocations there were since the last call of probe_fail_allocations().
CI_FUNCTION(probe_allocations) {
    auto seen = reinterpret_cast<long (*)()>(dlsym(RTLD_DEFAULT, "failing_malloc_seen"));
    if (seen == nullptr) {
        elog(ERROR, "failing_malloc is not loaded");
    }
    return Int64GetDatum(seen());
}
