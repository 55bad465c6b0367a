// What is done between two interrupt checks is counted in a test build alone (-DCUSTOMER_IMPORT_TEST_POINTS).
#pragma once

namespace customer_import::pg {

#ifdef CUSTOMER_IMPORT_TEST_POINTS
void note_interrupt_check();
#else
inline void note_interrupt_check() {}
#endif

}  // namespace customer_import::pg
