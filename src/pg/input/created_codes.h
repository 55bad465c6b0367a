// The role codes that imports add to the catalog (unknown_roles => 'create'). A code refers to the import that added
// it, until it is added or altered by hand; and it is removed again when that import has given it to no customer, or
// was undone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/change_page.h"
#include "pg/input/import_request.h"
#include "pg/server/guard.h"

namespace customer_import::pg {

// Adds the codes of an import that the catalog lacks; those of an undo that brings something back belong to the import
// that it brings back. `import_id` is 0 in a dry run. As the extension's owner. Needs an SPI connection.
void add_codes_of_import(std::int64_t import_id, const ImportRequest& request, const std::vector<std::string>& codes);

// Notes which of its codes an import has given to customers: they stay. For an import that may add codes. Needs an SPI
// connection.
void note_given_codes(std::int64_t import_id, const ImportRequest& request, const std::vector<Change>& changes);

// The codes that an import has added to the catalog and given to customers. Needs an SPI connection.
std::vector<std::string> codes_added_by(std::int64_t import_id);

// The codes that the undo of an undo needs back: those that were removed when the import that it brings back was
// undone. Nothing for every other undo. Needs an SPI connection.
std::vector<std::string> codes_to_bring_back(std::int64_t source_import_id);

// The codes that an import had added, or an undo brought back, and that went when it ended. Needs an SPI connection.
std::vector<std::string> removed_codes_of(std::int64_t import_id, const ImportRequest& request);

// Whether the file of an import, or of the one that it retries, was to add codes. Needs an SPI connection.
bool original_creates_codes(std::int64_t import_id);

// An import has ended: removes codes that imports have added, that no customer holds, and that no open import was
// checked against. Of an ordinary import those that it has not given; after an undo also those of imports that are
// undone. Never waits: codes that another session might be giving at the moment stay until another import ends. Sees
// all customers. Needs an SPI connection.
void remove_unused_codes(std::int64_t import_id);

}  // namespace customer_import::pg
