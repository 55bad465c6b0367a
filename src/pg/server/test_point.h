// Named points at which a test can stop or kill the process. They exist only in a test build
// (-DCUSTOMER_IMPORT_TEST_POINTS); in any other the calls do nothing.
#pragma once

namespace customer_import::pg {

#ifdef CUSTOMER_IMPORT_TEST_POINTS
void test_point(const char* name);
void define_test_points();
#else
inline void test_point(const char*) {}
inline void define_test_points() {}
#endif

}  // namespace customer_import::pg
