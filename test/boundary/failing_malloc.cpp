// To be preloaded into a server: makes chosen allocations of a process fail, so that each place that takes memory can
// be tried. Armed by probe_fail_allocations(). Allocations in critical sections do not count: there any failure has to
// end the server.
#include <cerrno>
#include <cstddef>

#include <dlfcn.h>

extern "C" {

void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);

__attribute__((visibility("default"))) void failing_malloc_arm(long first, int count);
__attribute__((visibility("default"))) long failing_malloc_seen();

}  // extern "C"

namespace {

long first_failing = 0;  // 0: none
int failing_count = 0;
long seen = 0;
volatile const unsigned* critical_sections = nullptr;  // the server's count of those it is in

bool fails() {
    if (first_failing == 0 || (critical_sections != nullptr && *critical_sections > 0)) {
        return false;
    }
    ++seen;
    if (seen < first_failing || seen >= first_failing + failing_count) {
        return false;
    }
    errno = ENOMEM;
    return true;
}

}  // namespace

extern "C" {

void failing_malloc_arm(long first, int count) {
    critical_sections = static_cast<volatile const unsigned*>(dlsym(RTLD_DEFAULT, "CritSectionCount"));
    seen = 0;
    failing_count = count;
    first_failing = first;
}

long failing_malloc_seen() { return seen; }

__attribute__((visibility("default"))) void* malloc(std::size_t bytes) {
    return fails() ? nullptr : __libc_malloc(bytes);
}

__attribute__((visibility("default"))) void* calloc(std::size_t count, std::size_t bytes) {
    return fails() ? nullptr : __libc_calloc(count, bytes);
}

__attribute__((visibility("default"))) void* realloc(void* memory, std::size_t bytes) {
    return fails() ? nullptr : __libc_realloc(memory, bytes);
}

}  // extern "C"
