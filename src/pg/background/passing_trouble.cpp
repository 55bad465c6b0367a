#include "pg/background/passing_trouble.h"

#include "core/format.h"
#include "pg/server/server.h"

namespace customer_import::pg {

namespace {

bool passes(int sqlstate) {
    switch (ERRCODE_TO_CATEGORY(sqlstate)) {
        case ERRCODE_CONNECTION_EXCEPTION:  // to another server, of a table that is distributed
        case ERRCODE_INSUFFICIENT_RESOURCES:
        case ERRCODE_OPERATOR_INTERVENTION:
        case ERRCODE_SYSTEM_ERROR: return true;
        default: return sqlstate == ERRCODE_LOCK_NOT_AVAILABLE;
    }
}

std::string describe(const char* message, int sqlstate) {
    return format("{} (SQLSTATE {})", message, unpack_sql_state(sqlstate));
}

}  // namespace

std::optional<Wait> reason_to_wait(const PgError& error) {
    if (!passes(error.sqlstate())) {
        return std::nullopt;
    }
    return Wait{
        error.sqlstate() == ERRCODE_LOCK_NOT_AVAILABLE ? "a lock that it needs was held too long" : describe(error),
        unpack_sql_state(error.sqlstate())};
}

std::optional<Wait> reason_to_wait(const ImportError& error) {
    if (!passes(error.sqlstate()) && !is_conflict(error.sqlstate())) {
        return std::nullopt;
    }
    return Wait{describe(error.what(), error.sqlstate()), unpack_sql_state(error.sqlstate())};
}

bool is_conflict(int sqlstate) { return ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_TRANSACTION_ROLLBACK; }

std::string describe(const PgError& error) { return describe(error.what(), error.sqlstate()); }

Wait out_of_memory() {
    return {describe("out of memory", ERRCODE_OUT_OF_MEMORY), unpack_sql_state(ERRCODE_OUT_OF_MEMORY)};
}

}  // namespace customer_import::pg
