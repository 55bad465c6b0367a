// The catalog of role codes as this backend sees it.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "core/role_catalog.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// Returns a catalog kept from call to call and read again after any change of role_codes: as the extension's owner, as
// it is now whatever the transaction's isolation level. Valid until the next call. Connects to SPI itself.
const RoleCatalog& cached_catalog();

// Returns a copy of it.
std::unique_ptr<RoleCatalog> load_catalog();

// Keeps codes in the catalog until the end of the transaction: a session gives codes to customers under this lock, and
// removes unused ones (pg/created_codes) under a stronger one. Waits for that one.
void hold_catalog();

// The same as load_catalog(), held.
std::unique_ptr<RoleCatalog> load_held_catalog();

// Adds codes as the extension's owner. Codes that exist (ignoring case) are left as they are; those that an import has
// added no longer belong to it, since they are now wanted in any case. Returns how many were added. Errors: 22023 for a
// code that breaks the pattern. Needs an SPI connection.
std::int64_t add_role_codes(std::span<const std::string> codes, bool privileged);

}  // namespace customer_import::pg
