// The transactions of an import that commits in between: those of a worker, or those of the session that has called
// run_imports().
#pragma once

#include <optional>
#include <string>

#include "pg/server/guard.h"
#include "pg/server/server.h"
#include "pg/server/settings.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

// How long the rest of the current transaction waits for a lock, in milliseconds; 0: as long as it takes.
void limit_waits_of_transaction(int milliseconds);

// For a procedure, `name`, that commits. Errors: 25001.
void require_no_transaction_block(FunctionCallInfo fcinfo, const char* name);

class Transactions {
public:
    virtual ~Transactions() = default;

    // Runs `body` in a transaction of its own and commits it. When a server error ends it, it is rolled back and the
    // error comes back; its record belongs to the current memory context. Other exceptions pass on after the roll-back.
    template <typename Body>
    std::optional<PgError> run(Body&& body) {
        begin();
        std::optional<PgError> error;
        try {
            error = in_subtransaction([&] {
                SpiConnection spi;
                limit_lock_waits();
                if (OidIsValid(MyDatabaseId)) {
                    (void)lock_extension();
                }
                body();
            });
        } catch (...) {
            roll_back();
            throw;
        }
        if (error) {
            roll_back();
            return error;
        }
        try {
            commit();
        } catch (const PgError& failure) {
            return failure;
        }
        return std::nullopt;
    }

    // Cancels what runs at that time by an error 57014, where nothing else in the process would do so; 0: never.
    virtual void set_deadline(TimestampTz) {}

    // Whether a transaction obeys the statement_timeout of the role, as if it were a statement, where nothing else in the
    // process would do so. At first it does not.
    virtual void obey_statement_timeout(bool) {}
    // Whether that was over when the last transaction ended.
    virtual bool has_timed_out() const { return false; }

    // The same where other sessions may hold what it needs for an unlimited time: if they do, nothing is done, and it
    // returns false. Any other error is thrown.
    template <typename Body>
    bool run_unless_locked(Body&& body) {
        return was_done_unless_locked(run(body));
    }

    // How long it waits for a lock at most, in milliseconds, in place of customer_import.lock_timeout.
    void set_lock_timeout(int milliseconds) { lock_timeout_ = milliseconds; }

    // Whether an error by which a user cancels what runs is for the caller, not for the import.
    virtual bool has_caller() const = 0;

private:
    // Has the transaction give up with 55P03 when it waits longer for a lock; a shorter lock_timeout of the role or the
    // session stays.
    void limit_lock_waits() const;

    std::optional<int> lock_timeout_;

    virtual void begin() = 0;
    virtual void commit() = 0;  // throws PgError when it was rolled back instead
    virtual void roll_back() = 0;
};

// For a process that has nothing but these transactions. They are READ COMMITTED and read-write.
class WorkerTransactions final : public Transactions {
public:
    void set_deadline(TimestampTz deadline) override { deadline_ = deadline; }
    void obey_statement_timeout(bool obey) override { obeys_statement_timeout_ = obey; }
    bool has_timed_out() const override { return timeout_ != 0 && GetCurrentTimestamp() >= timeout_; }
    bool has_caller() const override { return false; }

private:
    void begin() override;
    void commit() override;
    void roll_back() override;

    TimestampTz deadline_ = 0;
    bool obeys_statement_timeout_ = false;
    TimestampTz timeout_ = 0;  // when the statement_timeout of the last transaction was over; 0: never
};

// For a procedure that was called outside of a transaction block. Needs to live in the procedure.
class ProcedureTransactions final : public Transactions {
public:
    ProcedureTransactions();
    ~ProcedureTransactions() override;
    bool has_caller() const override { return true; }

private:
    void begin() override;
    void commit() override;
    void roll_back() override;
};

}  // namespace customer_import::pg
