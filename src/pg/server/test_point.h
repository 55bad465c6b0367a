// Named points at which a test can stop or kill the process, and what else a test can ask for. They exist only in a test build
// (-DCUSTOMER_IMPORT_TEST_POINTS); in any other the calls do nothing.
#pragma once

#include <cstdint>

namespace customer_import::pg {

#ifdef CUSTOMER_IMPORT_TEST_POINTS
void test_point(const char* name);
void define_test_points();
// Whether a customers table that is created or attached gets a shadow that it would not need (pg/table/shadow.h).
bool test_forces_shadow();
// How much room a shadow may take, in place of `bytes`.
std::int64_t test_shadow_bytes(std::int64_t bytes);
#else
consteval void test_point(const char*) {}  // so that the name is not in the library, however it is optimized
inline void define_test_points() {}
inline bool test_forces_shadow() { return false; }
inline std::int64_t test_shadow_bytes(std::int64_t bytes) { return bytes; }
#endif

}  // namespace customer_import::pg
