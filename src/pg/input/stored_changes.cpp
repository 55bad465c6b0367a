#include "pg/input/stored_changes.h"

#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

namespace {

// Raises nothing: it only returns whether. A NUL is not text either.
bool is_server_text(std::string_view bytes) {
    return pg_verify_mbstr(PG_UTF8, bytes.data(), static_cast<int>(bytes.size()), true);
}

}  // namespace

void refuse_damaged_page() { throw ImportError(ERRCODE_DATA_CORRUPTED, "a page of the change log is damaged"); }

StoredChanges::StoredChanges(std::string_view payload, std::int64_t changes) : reader_(payload, is_server_text) {
    if (!reader_.damaged() && reader_.count() != static_cast<std::uint64_t>(changes)) {
        refuse_damaged_page();
    }
}

bool StoredChanges::next(Change& change, std::string_view from) {
    check_interrupts();
    if (reader_.next(change, from)) {
        return true;
    }
    if (reader_.damaged()) {
        refuse_damaged_page();
    }
    return false;
}

}  // namespace customer_import::pg
