// The setting customer_import.test_point determines what happens at a point: "NAME", "NAME:kill" or "NAME:error", and
// the point is passed "NAME:kill:3" times before.
#include "pg/server/test_point.h"

#ifdef CUSTOMER_IMPORT_TEST_POINTS

#include <climits>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include <unistd.h>

#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

namespace {

char* wanted_point = nullptr;
bool forces_shadow = false;
int shadow_kilobytes = 0;
int passed = 0;

std::string_view take_part(std::string_view& text) {
    const std::size_t colon = text.find(':');
    const std::string_view part = text.substr(0, colon);
    text = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
    return part;
}

}  // namespace

void define_test_points() {
    DefineCustomStringVariable("customer_import.test_point", "Where a test stops the process.", nullptr, &wanted_point,
                               "", PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("customer_import.test_shadow", "Whether a customers table gets a shadow.", nullptr,
                             &forces_shadow, false, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("customer_import.test_shadow_kilobytes", "How much room a shadow may take.", nullptr,
                            &shadow_kilobytes, 0, 0, INT_MAX, PGC_SUSET, 0, nullptr, nullptr, nullptr);
}

bool test_forces_shadow() { return forces_shadow; }

std::int64_t test_shadow_bytes(std::int64_t bytes) {
    return shadow_kilobytes > 0 ? std::int64_t{shadow_kilobytes} * 1024 : bytes;
}

void test_point(const char* name) {
    std::string_view rest = wanted_point;
    if (take_part(rest) != name) {
        return;
    }
    const std::string_view action = take_part(rest);
    if (++passed <= std::atoi(rest.empty() ? "0" : rest.data())) {
        return;
    }
    if (action == "kill") {
        kill(getpid(), SIGKILL);
    }
    call([&] { ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("test point \"%s\"", name))); });
}

}  // namespace customer_import::pg

#endif
