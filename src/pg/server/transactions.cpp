#include "pg/server/transactions.h"

#include "pg/server/statement.h"

namespace customer_import::pg {

void limit_waits_of_transaction(int milliseconds) {
    call([&] {
        char text[16];
        pg_snprintf(text, sizeof text, "%d", milliseconds);
        set_config_option("lock_timeout", text, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
    });
}

void Transactions::limit_lock_waits() const {
    const int limit = lock_timeout_.value_or(lock_timeout);
    if (limit == 0 || (LockTimeout > 0 && LockTimeout <= limit)) {
        return;
    }
    limit_waits_of_transaction(limit);
}

void WorkerTransactions::begin() {
    call([&] {
        MemoryContext before = CurrentMemoryContext;
        SetCurrentStatementStartTimestamp();
        StartTransactionCommand();
        XactIsoLevel = XACT_READ_COMMITTED;
        XactReadOnly = false;
        PushActiveSnapshot(GetTransactionSnapshot());
        timeout_ = obeys_statement_timeout_ && StatementTimeout > 0
                       ? TimestampTzPlusMilliseconds(GetCurrentTimestamp(), StatementTimeout)
                       : 0;
        TimestampTz end = timeout_;
        if (deadline_ != 0 && (end == 0 || deadline_ < end)) {
            end = deadline_;
        }
        if (end != 0) {
            enable_timeout_at(STATEMENT_TIMEOUT, end);
        }
        MemoryContextSwitchTo(before);
    });
}

void WorkerTransactions::commit() {
    try {
        call([] {
            MemoryContext before = CurrentMemoryContext;
            disable_timeout(STATEMENT_TIMEOUT, false);
            PopActiveSnapshot();
            CommitTransactionCommand();
            pgstat_report_stat(true);
            MemoryContextSwitchTo(before);
        });
    } catch (const PgError&) {
        roll_back();
        throw;
    }
}

void WorkerTransactions::roll_back() {
    call([] {
        MemoryContext before = CurrentMemoryContext;
        disable_timeout(STATEMENT_TIMEOUT, false);
        AbortCurrentTransaction();
        MemoryContextSwitchTo(before);
    });
}

void require_no_transaction_block(FunctionCallInfo fcinfo, const char* name) {
    auto context = (CallContext*)fcinfo->context;
    if (context == nullptr || !IsA(context, CallContext) || context->atomic) {
        throw ImportError(ERRCODE_ACTIVE_SQL_TRANSACTION, format("{} cannot run inside a transaction block", name), {},
                          "CALL it outside of BEGIN … COMMIT; it commits in between.");
    }
}

ProcedureTransactions::ProcedureTransactions() {
    call([] { require_spi(SPI_connect_ext(SPI_OPT_NONATOMIC), "SPI_connect_ext"); });
}

ProcedureTransactions::~ProcedureTransactions() {
    const MemoryContext context = CurrentMemoryContext;
    SPI_finish();
    MemoryContextSwitchTo(context);
}

void ProcedureTransactions::begin() {
    call([] { PushActiveSnapshot(GetTransactionSnapshot()); });
}

void ProcedureTransactions::commit() {
    call([] {
        MemoryContext before = CurrentMemoryContext;
        PopActiveSnapshot();
        SPI_commit();
        MemoryContextSwitchTo(before);
    });
}

void ProcedureTransactions::roll_back() {
    call([] {
        MemoryContext before = CurrentMemoryContext;
        if (ActiveSnapshotSet()) {
            PopActiveSnapshot();
        }
        SPI_rollback();
        MemoryContextSwitchTo(before);
    });
}

}  // namespace customer_import::pg
