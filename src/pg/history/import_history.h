// The row that an import has in `imports`: written and read by the extension's owner.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/report.h"
#include "pg/input/import_request.h"
#include "pg/input/record_reader.h"
#include "pg/server/guard.h"

namespace customer_import::pg {

// What is known of an import when its row is made.
struct NewImport {
    std::string operator_name;
    std::string role_name;
    std::string state;
    std::int64_t bytes = 0;
};

// Makes the row and returns its id; nothing when the same operator has made an import with the same request id on
// another connection meanwhile. Needs the header of a file to be read.
std::optional<std::int64_t> insert_import(const NewImport& import, const ImportRequest& request,
                                          const RecordReader& reader);

// Returns the import that the operator has made with the request id, if any.
std::optional<ImportResult> find_earlier_import(const std::string& operator_name, const ImportRequest& request);

// The same for one that insert_import() has met. Errors: 40001 when it has been purged since.
ImportResult require_earlier_import(const std::string& operator_name, const ImportRequest& request);

// What is to be said of an import beside its counts, as sentences; empty for nothing.
struct Remarks {
    std::string ignored;                // columns of the file
    std::string encoding;               // what the file looks like
    bool may_have_added_codes = false;  // which of them is known when it has ended
    Repeats repeats;                    // of user names: not in the message, but a warning
};

// Those of an import as its row has them, for a process that has not read its file.
Remarks stored_remarks(std::int64_t import_id);

// Writes the state, the message and the counts of an import that has ended, with what follows for the imports that it
// undoes and for the role codes that imports have added, and queues its report. Returns the message, which says if no
// report can be sent.
std::string finish_import(std::int64_t import_id, const std::string& state, const std::string& message,
                          const Counts& counts, const Remarks& remarks);

}  // namespace customer_import::pg
