// The call that hands an import to the background: checks the header, stores the file, queues it.
#pragma once

#include <cstdint>
#include <string>

#include "pg/input/import_request.h"
#include "pg/input/input_source.h"
#include "pg/server/guard.h"

namespace customer_import::pg {

// Errors: 53400 when the unfinished imports of an operator leave no room for one more of so many bytes. Needs an SPI
// connection.
void require_room_in_queue(const std::string& operator_name, std::int64_t bytes);

// Queues an import in the caller's transaction, with what `source` gives; nullptr where the request reads no bytes of
// the caller's; it begins when that has committed. Errors: 22P04 for a header that is refused, 42501, 53400 when the
// operator has too much in the queue, 55000 when there is no customers table.
ImportResult submit_import(ImportRequest& request, InputSource* source);

}  // namespace customer_import::pg
