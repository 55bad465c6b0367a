// What distinguishes the kinds of import: where the records come from, in which order they are applied, and by what.
#pragma once

#include <cstdint>
#include <memory>

#include "core/record_codec.h"
#include "pg/apply/batch_apply.h"
#include "pg/input/import_request.h"
#include "pg/input/input_source.h"
#include "pg/input/record_reader.h"
#include "pg/input/record_spool.h"
#include "pg/table/target.h"

namespace customer_import::pg {

// The bytes that an import reads where the caller gives none: the rejected records of another import, for a retry.
// Returns nullptr for an undo. `import_id` is 0 while there is none. Needs an SPI connection.
std::unique_ptr<InputSource> make_source(const ImportRequest& request, std::int64_t import_id);

// How many bytes of the history an undo or a retry reads. Needs an SPI connection.
std::int64_t stored_bytes(const ImportRequest& request);

// `source` may be nullptr for an undo. The arguments must outlive the reader.
std::unique_ptr<RecordReader> make_reader(ImportRequest& request, InputSource* source, const Target& target,
                                          RoleCatalog& catalog);

// `by_line`: in the order of the file, as on a table that is written one by one.
RecordOrder record_order(const ImportRequest& request, bool by_line);

// How the records are kept. What an undo applies is in the bytes of its records.
RecordSpool::Options spool_options(const ImportRequest& request);

// How many records the first batch of an import in the foreground has at most: few where what they tell of the file makes
// the others cheaper.
int first_batch_rows(const ImportRequest& request, const Target& target);

// As the constructors of the appliers. The arguments must outlive the applier. `is_resumed`: what other imports have
// changed since the import began stays, as in a retry.
std::unique_ptr<BatchApplier> make_applier(const ImportRequest& request, std::int64_t import_id, const Target& target,
                                           const HeaderMap& header, const RoleCatalog& catalog, std::int64_t records,
                                           ApplyState& state, MemoryContext context, bool is_resumed = false);

}  // namespace customer_import::pg
