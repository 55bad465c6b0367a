// Who may do what.
#pragma once

#include "pg/guard.h"
#include "pg/server.h"

namespace customer_import::pg {

// Returns the owner of the extension: the role that writes its tables.
Oid extension_owner();

// Raises 42501 unless the caller may import. `what` completes "permission denied to …".
void require_admin(const char* what);

// Returns the name of the operator who acts: the current role.
std::string current_operator_name();

}  // namespace customer_import::pg
