// Counts, in a test build, how much is done between two interrupt checks: the compiler calls us at each branch of our
// own code (-fsanitize-coverage=trace-pc), the linker for what our code copies, compares and has the server read
// (--wrap). This file alone is built without either. Counts, other than times, are the same on every machine.
#include "pg/server/test_work.h"

#ifdef CUSTOMER_IMPORT_TEST_POINTS

#include <dlfcn.h>
#include <execinfo.h>

#include <cstdint>
#include <cstring>

#include "pg/server/server.h"

namespace customer_import::pg {

namespace {

constexpr int kFrames = 24;

// Steps or bytes.
struct Work {
    std::uint64_t done = 0;  // since the last check
    std::uint64_t most = 0;
    std::uint64_t limit = 0;  // where it is passed first is remembered
    int depth = 0;
    void* place[kFrames];

    void add(std::uint64_t more) {
        const std::uint64_t before = done;
        done += more;
        if (before <= limit && done > limit && depth == 0 && limit != 0) {
            depth = backtrace(place, kFrames);
        }
    }
    void ask() {
        most = done > most ? done : most;
        done = 0;
    }
    void start(std::int64_t new_limit) {
        *this = Work{};
        limit = static_cast<std::uint64_t>(new_limit);
    }
};

Work steps, bytes;

// Where it was passed, as places in the library, for addr2line.
void print_place(StringInfo out, const Work& work) {
    appendStringInfo(out, UINT64_FORMAT, work.most);
    for (int frame = 0; frame < work.depth; ++frame) {
        Dl_info info;
        if (dladdr(work.place[frame], &info) != 0 && info.dli_fname != nullptr &&
            strstr(info.dli_fname, "customer_import") != nullptr) {
            appendStringInfo(
                out, " %lx",
                static_cast<unsigned long>(static_cast<char*>(work.place[frame]) - static_cast<char*>(info.dli_fbase)));
        }
    }
}

}  // namespace

void note_interrupt_check() {
    steps.ask();
    bytes.ask();
}

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// ci_test_work(steps bigint, bytes bigint) returns text: the most steps, and the most bytes, that were done without a
// check since the last call, each with the places where the limit of that call was passed; and whether the build is
// optimized. The arguments are the limits from now on. Errors: none.
CI_FUNCTION(ci_test_work) {
    pg::note_interrupt_check();
    StringInfoData out;
    initStringInfo(&out);
    pg::print_place(&out, pg::steps);
    appendStringInfoChar(&out, '/');
    pg::print_place(&out, pg::bytes);
#ifdef __OPTIMIZE__
    appendStringInfoString(&out, "/optimized");
#else
    appendStringInfoString(&out, "/unoptimized");
#endif
    pg::steps.start(PG_GETARG_INT64(0));
    pg::bytes.start(PG_GETARG_INT64(1));
    PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

extern "C" {

void __sanitizer_cov_trace_pc() { pg::steps.add(1); }

// A function that reads or writes as many bytes as `size` says.
#define CI_COUNTED(result, name, parameters, arguments, size) \
    result __real_##name parameters;                          \
    result __wrap_##name parameters {                         \
        pg::bytes.add(size);                                  \
        return __real_##name arguments;                       \
    }

CI_COUNTED(void*, memcpy, (void* to, const void* from, size_t size), (to, from, size), size)
CI_COUNTED(void*, memmove, (void* to, const void* from, size_t size), (to, from, size), size)
CI_COUNTED(void*, memset, (void* to, int byte, size_t size), (to, byte, size), size)
CI_COUNTED(int, memcmp, (const void* a, const void* b, size_t size), (a, b, size), size)
CI_COUNTED(void*, __memcpy_chk, (void* to, const void* from, size_t size, size_t room), (to, from, size, room), size)
CI_COUNTED(void*, __memmove_chk, (void* to, const void* from, size_t size, size_t room), (to, from, size, room), size)
CI_COUNTED(void*, __memset_chk, (void* to, int byte, size_t size, size_t room), (to, byte, size, room), size)
CI_COUNTED(bool, pg_verify_mbstr, (int encoding, const char* text, int size, bool quiet), (encoding, text, size, quiet),
           size)
CI_COUNTED(text*, cstring_to_text_with_len, (const char* from, int size), (from, size), size)

// This one ends where it finds something.
void* __real_memchr(const void* in, int byte, size_t size);
void* __wrap_memchr(const void* in, int byte, size_t size) {
    void* found = __real_memchr(in, byte, size);
    pg::bytes.add(found != nullptr ? static_cast<char*>(found) - static_cast<const char*>(in) + 1 : size);
    return found;
}

}  // extern "C"

#endif
