// Files on their way: operators send them in chunks, each call in a transaction of its own if they like, and import them
// then. The chunks are not logged, so that they cost no WAL, but for those that an import in the background is to read.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pg/input/input_source.h"

namespace customer_import::pg {

// Begins an upload of the current operator and returns its number. Errors: 53400.
std::int64_t begin_upload(const std::optional<std::string>& file_name, bool background);

// Appends a chunk to an upload of the current operator and returns its size then. With `at`, the place of the chunk in
// the file, a chunk that is there already does nothing. Errors: 22023 when it does not fit there, 42704, 53400.
std::int64_t append_upload(std::int64_t upload, std::string_view chunk, std::optional<std::int64_t> at);

// Removes an upload of the current operator. Returns false when there is none.
bool remove_upload(std::int64_t upload);

// Errors: 42704.
[[noreturn]] void refuse_unknown_upload(std::int64_t upload);

// The name that an upload of the current operator was begun with; nothing when it has none, or is not there.
std::optional<std::string> upload_file_name(std::int64_t upload);

// Reads an upload of the current operator, which stays locked. It is looked for at the first read: an import that was
// made before, by the same request id, needs it no more. Needs an SPI connection. Errors, at the first read: 42704;
// 55000 when a crash has emptied it.
std::unique_ptr<InputSource> upload_source(std::int64_t upload);

// Uploads that have not grown for customer_import.upload_lifetime: whether there are any, and their removal, but for
// those that another session has locked.
bool old_uploads_are_due();
void remove_old_uploads();

}  // namespace customer_import::pg
