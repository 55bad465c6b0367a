// Checks what an operator may do.
#pragma once

#include "core/rights.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// Raises 42501 unless the acting operator has the right. `what` completes "permission denied to …".
void require_right(Right right, const char* what);

// Raises 42501 unless an operator or a database superuser acts, whatever its rights.
void require_operator(const char* what);

// Raises 42501 unless the current role is a member of pg_monitor, or an administrator acts.
void require_monitor(const char* what);

// Raises 42501 unless the current role is a database superuser.
void require_superuser(const char* what);

}  // namespace customer_import::pg
