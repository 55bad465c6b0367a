// Undo and retry as imports of their own: which import may be undone or retried, and what that ends.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/import_mode.h"
#include "pg/input/import_request.h"
#include "pg/server/guard.h"

namespace customer_import::pg {

// Errors: 55000, always.
[[noreturn]] void refuse_other_table(std::int64_t import_id);

// Raises an error unless the import went into this table, which is locked: until it was, another one may have taken its
// place. Errors: 55000. Needs an SPI connection.
void require_same_table(std::int64_t import_id, Oid table);

// The mode of an import; of a retry that of the import whose records it tries again, or its own. Needs an SPI connection.
ImportMode original_mode(std::int64_t import_id);

// Takes what can be done from the messages of an import that ended early: it cannot be resumed any more. Needs an SPI
// connection.
void withdraw_resume_offer(std::int64_t import_id);

// Records that a retry has tried records of its source.
void mark_retried(const ImportRequest& request, std::int64_t retry_import_id, const std::vector<std::int64_t>& lines);
void mark_all_retried(const ImportRequest& request, std::int64_t retry_import_id);

}  // namespace customer_import::pg
