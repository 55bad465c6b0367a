// The two crossings between C++ and the server. The server reports errors by jumping over frames, C++ by unwinding
// them: `call` turns the first into the second, `entry` turns it back. Nothing else may mix the two.
#pragma once

#include <exception>
#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "core/result.h"
#include "pg/server/server.h"
#include "pg/server/test_work.h"

namespace customer_import::pg {

// A server error on its way through C++ frames, with its whole record. The record belongs to the memory context that
// was current where call() was entered.
class PgError : public std::exception {
public:
    explicit PgError(ErrorData* data) : data_(data) {}
    ErrorData* data() const { return data_; }
    int sqlstate() const { return data_->sqlerrcode; }
    const char* what() const noexcept override { return data_->message != nullptr ? data_->message : "server error"; }

private:
    ErrorData* data_;
};

// An error that the extension itself raises.
class ImportError : public std::exception {
public:
    ImportError(int sqlstate, std::string message, std::string detail = {}, std::string hint = {})
        : sqlstate_(sqlstate), message_(std::move(message)), detail_(std::move(detail)), hint_(std::move(hint)) {}
    explicit ImportError(const Refusal& refusal);

    // Names the constraint that was violated, for clients and for code that catches the error.
    ImportError&& with_constraint(const char* name) && {
        constraint_ = name;
        return std::move(*this);
    }

    // Shows the detail to the client alone: it has a customer's values, which no log may have.
    ImportError&& with_private_detail() && {
        detail_is_private_ = true;
        return std::move(*this);
    }

    int sqlstate() const { return sqlstate_; }
    bool detail_is_private() const { return detail_is_private_; }
    const char* constraint() const { return constraint_; }  // nullptr: none
    const std::string& message() const { return message_; }
    const std::string& detail() const { return detail_; }
    const std::string& hint() const { return hint_; }
    const char* what() const noexcept override { return message_.c_str(); }

private:
    int sqlstate_;
    std::string message_;
    std::string detail_;
    std::string hint_;
    const char* constraint_ = nullptr;
    bool detail_is_private_ = false;
};

// The constraint that an error names when an operator has tried what only administrators may do.
inline constexpr const char* kGrantCeiling = "customer_import_grant_ceiling";

namespace detail {

// Calls function(argument) and puts the memory context back; a server error in it becomes PgError, or std::bad_alloc
// when there is no memory for that.
void run_guarded(void (*function)(void*), void* argument);

// What entry() carries out of its catch blocks: plain memory, so that the final jump leaves nothing behind.
struct Failure {
    ErrorData* server_error = nullptr;
    int sqlstate = 0;
    const char* constraint = nullptr;
    bool detail_is_private = false;
    char message[1024];
    char detail[4096];
    char hint[1024];
};

// Describes the exception in flight. Called in a catch block; raises nothing.
void describe_exception(Failure& failure) noexcept;

// Hands the failure to the server.
[[noreturn]] void raise(const Failure& failure);

}  // namespace detail

// Runs a server call while C++ objects live. A server error becomes PgError. The lambda may hold no object with a
// destructor, must not throw, and returns a trivially copyable value. Afterwards the memory context is the one before.
template <typename Body>
auto call(Body&& body) -> std::invoke_result_t<Body&> {
    using Result = std::invoke_result_t<Body&>;
    static_assert(std::is_void_v<Result> || std::is_trivially_copyable_v<Result>);
    if constexpr (std::is_void_v<Result>) {
        detail::run_guarded([](void* argument) { (*static_cast<std::remove_reference_t<Body>*>(argument))(); },
                            const_cast<void*>(static_cast<const void*>(&body)));
    } else {
        struct Call {
            std::remove_reference_t<Body>* body;
            std::remove_cv_t<Result> result;
        } frame{&body, {}};
        detail::run_guarded(
            [](void* argument) {
                auto frame = static_cast<Call*>(argument);
                frame->result = (*frame->body)();
            },
            &frame);
        return frame.result;
    }
}

// Runs the C++ of a SQL function: whatever is thrown inside is raised as a server error after all objects are gone. The
// lambda captures nothing with a destructor.
template <typename Body>
auto entry(Body&& body) -> std::invoke_result_t<Body&> {
    note_interrupt_check();  // the executor checks between two calls of a function
    detail::Failure failure;
    try {
        return body();
    } catch (...) {
        detail::describe_exception(failure);
    }
    detail::raise(failure);
}

// Runs `body` in a subtransaction: releases it and returns nothing, or rolls it back and returns the server's error.
// Any other exception passes on after the roll-back.
template <typename Body>
std::optional<PgError> in_subtransaction(Body&& body) {
    ResourceOwner owner = CurrentResourceOwner;
    call([&] { BeginInternalSubTransaction(nullptr); });
    std::exception_ptr failure;
    try {
        body();
        call([&] { ReleaseCurrentSubTransaction(); });
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) {
        call([&] { RollbackAndReleaseCurrentSubTransaction(); });
    }
    CurrentResourceOwner = owner;
    if (failure) {
        try {
            std::rethrow_exception(failure);
        } catch (const PgError& error) {
            return error;
        }
    }
    return std::nullopt;
}

// Runs `body` in a subtransaction that is rolled back in any case. A server error in it propagates as PgError.
template <typename Body>
void roll_back(Body&& body) {
    struct Ended {};
    try {
        if (std::optional<PgError> error = in_subtransaction([&] {
                body();
                throw Ended();
            })) {
            throw PgError(*error);
        }
    } catch (const Ended&) {
        return;
    }
}

// Makes a memory context current for as long as it lives.
class ContextScope {
public:
    explicit ContextScope(MemoryContext context) : before_(MemoryContextSwitchTo(context)) {}
    ~ContextScope() { MemoryContextSwitchTo(before_); }
    ContextScope(const ContextScope&) = delete;
    ContextScope& operator=(const ContextScope&) = delete;

private:
    MemoryContext before_;
};

// Frees the record of an error that was dealt with.
inline void forget(const PgError& error) { FreeErrorData(error.data()); }

// Whether what ended with this error, if any, was done. False where it was not because other sessions held a lock for too
// long; then the record of the error is freed. Throws any other error.
bool was_done_unless_locked(const std::optional<PgError>& error);

// Gives back what the server keeps, in a destructor. An error in it is dropped: even closing a temporary file that will
// be deleted writes its last bytes and may pass temp_file_limit. What is left then goes with the (sub)transaction.
template <typename Body>
void release(Body&& body) noexcept {
    try {
        call(body);
    } catch (const PgError& error) {
        forget(error);
    } catch (const std::bad_alloc&) {
        // There was no memory for the record of such an error.
    }
}

// Answers a pending cancel or timeout by PgError. Between two checks there is a bounded amount of work, whatever the
// caller gives; a test build counts it.
inline void check_interrupts() {
    note_interrupt_check();
    if (INTERRUPTS_PENDING_CONDITION()) {
        call([] { CHECK_FOR_INTERRUPTS(); });
    }
}

}  // namespace customer_import::pg
