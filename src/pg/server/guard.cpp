// The parts of the crossings that need no template. Nothing here may run server code that can raise while an object
// with a destructor lives, but through call().
#include "pg/server/guard.h"

#include <cstring>
#include <string_view>

namespace customer_import::pg {

namespace {

int sqlstate_of(const Refusal& refusal) {
    return refusal.fault == Refusal::Fault::broken_file ? ERRCODE_BAD_COPY_FILE_FORMAT
                                                        : ERRCODE_INVALID_PARAMETER_VALUE;
}

// Copies as much as fits, without cutting a character.
template <std::size_t Size>
void copy_text(char (&to)[Size], std::string_view from) noexcept {
    std::size_t length = from.size();
    if (length >= Size) {
        length = static_cast<std::size_t>(
            pg_encoding_mbcliplen(PG_UTF8, from.data(), static_cast<int>(from.size()), static_cast<int>(Size) - 1));
    }
    std::memcpy(to, from.data(), length);
    to[length] = '\0';
}

void set_failure(detail::Failure& failure, int sqlstate, std::string_view message, std::string_view detail = {},
                 std::string_view hint = {}) noexcept {
    failure.sqlstate = sqlstate;
    copy_text(failure.message, message);
    copy_text(failure.detail, detail);
    copy_text(failure.hint, hint);
}

// Copies the pending error into `context` and clears the error state. Returns nullptr when there is no memory for it:
// the second error that then arrives here is dropped with the first.
ErrorData* take_error(MemoryContext context) {
    ErrorData* volatile error = nullptr;
    MemoryContextSwitchTo(context);
    PG_TRY();
    error = CopyErrorData();
    PG_CATCH();
    error = nullptr;
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    FlushErrorState();
    return error;
}

}  // namespace

ImportError::ImportError(const Refusal& refusal)
    : ImportError(sqlstate_of(refusal), refusal.message, refusal.detail, refusal.hint) {}

bool was_done_unless_locked(const std::optional<PgError>& error) {
    if (!error) {
        return true;
    }
    if (error->sqlstate() != ERRCODE_LOCK_NOT_AVAILABLE) {
        throw PgError(*error);
    }
    forget(*error);
    return false;
}

namespace detail {

void run_guarded(void (*function)(void*), void* argument) {
    const MemoryContext context = CurrentMemoryContext;
    ErrorData* volatile error = nullptr;
    volatile bool failed = false;
    PG_TRY();
    function(argument);
    PG_CATCH();
    {
        failed = true;
        error = take_error(context);
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);  // many server calls leave another one current
    if (!failed) {
        return;
    }
    if (error == nullptr) {
        throw std::bad_alloc();
    }
    throw PgError(error);
}

void describe_exception(Failure& failure) noexcept {
    try {
        throw;
    } catch (const PgError& error) {
        failure.server_error = error.data();
    } catch (const ImportError& error) {
        set_failure(failure, error.sqlstate(), error.message(), error.detail(), error.hint());
        failure.constraint = error.constraint();
        failure.detail_is_private = error.detail_is_private();
    } catch (const std::bad_alloc&) {
        set_failure(failure, ERRCODE_OUT_OF_MEMORY, "out of memory");
    } catch (const std::exception& error) {
        set_failure(failure, ERRCODE_INTERNAL_ERROR, error.what());
    } catch (...) {
        set_failure(failure, ERRCODE_INTERNAL_ERROR, "exception of a type that is not known");
    }
}

void raise(const Failure& failure) {
    if (failure.server_error != nullptr) {
        ReThrowError(failure.server_error);
    }
    ereport(ERROR,
            (errcode(failure.sqlstate), errmsg_internal("%s", failure.message),
             failure.detail[0] != '\0' ? errdetail_internal("%s", failure.detail) : 0,
             failure.detail_is_private ? errdetail_log("It is shown to the client alone.") : 0,
             failure.hint[0] != '\0' ? errhint("%s", failure.hint) : 0,
             failure.constraint != nullptr ? err_generic_string(PG_DIAG_CONSTRAINT_NAME, failure.constraint) : 0));
    pg_unreachable();
}

}  // namespace detail

}  // namespace customer_import::pg
