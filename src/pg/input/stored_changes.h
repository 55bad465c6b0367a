// A page of the change log as it comes back from storage: nothing in it is believed before it has been looked at.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/change_page.h"

namespace customer_import::pg {

// Reads the changes of a page one by one, and asks for interrupts between them. Every text has passed the server's own
// verification of the encoding. Views live as long as `payload` and until next() is called again.
class StoredChanges {
public:
    // Errors: XX001 for a page that does not have `changes` changes.
    StoredChanges(std::string_view payload, std::int64_t changes);

    // Reads the next change of a user name from `from` on. Returns false at the end. Errors: XX001 for a page that is
    // damaged.
    bool next(Change& change, std::string_view from = {});

private:
    ChangePageReader reader_;
};

// Says that a page is not as it was written: XX001.
[[noreturn]] void refuse_damaged_page();

}  // namespace customer_import::pg
