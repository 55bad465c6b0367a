// An import in the foreground, from its first byte to its report: reads and checks the whole file, sorts its records,
// applies them batch by batch, all or nothing.
#pragma once

#include "pg/apply/batch_apply.h"
#include "pg/input/import_request.h"
#include "pg/input/input_source.h"
#include "pg/server/guard.h"

namespace customer_import::pg {

// Asks for the rights that a request needs. Errors: 42501.
void require_import_rights(const ImportRequest& request);

// Sees each record of an import, and what became of it.
class RecordWatcher {
public:
    virtual ~RecordWatcher() = default;
    // `user_name` is empty where there is none that can be used; `result` is nullptr for a record that was not reached.
    virtual void see(std::int64_t line, std::string_view user_name, const RecordResult* result) = 0;
    // The import has failed: whatever it applied was taken back.
    virtual void taken_back() = 0;
};

// Imports in the caller's transaction; `source` is nullptr where the request reads no bytes of the caller's. A dry run
// is rolled back. Errors: 22P04 for a file that is refused, 42501, 55000 when there is no customers table; whatever the
// table raises that is not one record's fault. Connects to SPI itself.
ImportResult run_import(ImportRequest& request, InputSource* source, RecordWatcher* watcher = nullptr);

}  // namespace customer_import::pg
