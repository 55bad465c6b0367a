#include "pg/access/access.h"

#include "core/format.h"
#include "core/text.h"
#include "pg/access/identity.h"

namespace customer_import::pg {

void require_right(Right right, const char* what) {
    const Identity& identity = current_identity();
    if (identity.rights.has(right)) {
        return;
    }
    std::string detail = identity.shortcoming;
    std::string hint;
    if (identity.is_known) {
        detail = format("Operator {} lacks {}.", quoted(identity.name), identity.rights.missing(right));
        hint = "An administrator can change that with customer_import.alter_operator().";
    }
    throw ImportError(ERRCODE_INSUFFICIENT_PRIVILEGE, format("permission denied to {}", what), std::move(detail),
                      std::move(hint));
}

void require_operator(const char* what) {
    const Identity& identity = current_identity();
    if (!identity.is_known) {
        throw ImportError(ERRCODE_INSUFFICIENT_PRIVILEGE, format("permission denied to {}", what),
                          identity.shortcoming);
    }
}

void require_monitor(const char* what) {
    if (!call([] { return has_privs_of_role(GetUserId(), ROLE_PG_MONITOR); })) {
        require_right(Right::administer, what);
    }
}

void require_superuser(const char* what) {
    if (!call([] { return superuser(); })) {
        throw ImportError(ERRCODE_INSUFFICIENT_PRIVILEGE, format("permission denied to {}", what),
                          "Only superusers of the database may do this.");
    }
}

}  // namespace customer_import::pg
