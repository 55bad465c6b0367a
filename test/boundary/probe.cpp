// SQL functions that cross between C++ and the server in every way that the extension does, with objects that are
// counted. They are built from the extension's own crossings (src/pg/server/guard.h, src/pg/server/statement.h); nothing here is
// installed.
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "pg/server/guard.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"

extern "C" {
#include "storage/lock.h"
#include "utils/resowner.h"
PG_MODULE_MAGIC;
}

namespace customer_import::pg {

namespace {

int live_objects = 0;       // Counted objects that exist
int live_when_raised = -1;  // how many there were when the server formed the last error behind a watched entry

// Has a destructor that matters, and memory of its own.
class Counted {
public:
    Counted() : text_(100, 'x') { ++live_objects; }
    Counted(const Counted& other) : text_(other.text_) { ++live_objects; }
    ~Counted() { --live_objects; }

private:
    std::string text_;
};

struct ForeignException {  // derived from nothing
    Counted object;
};

std::string text_argument(FunctionCallInfo fcinfo, int index) {
    return std::string(varlena_view(call([&] { return PG_GETARG_TEXT_PP(index); })));
}

Datum make_text(const std::string& text) { return text_datum(text); }

[[noreturn]] void throw_kind(const std::string& kind) {
    Counted local;
    if (kind == "runtime_error") {
        throw std::runtime_error("runtime trouble");
    }
    if (kind == "logic_error") {
        throw std::logic_error("logic trouble");
    }
    if (kind == "length_error") {
        std::string().resize(std::string().max_size() + 1);
    }
    if (kind == "out_of_range") {
        (void)std::vector<int>().at(1);
    }
    if (kind == "bad_optional_access") {
        (void)std::optional<int>().value();
    }
    if (kind == "bad_alloc") {
        throw std::bad_alloc();
    }
    if (kind == "bad_array_new_length") {
        throw std::bad_array_new_length();
    }
    if (kind == "import_error") {
        throw ImportError(ERRCODE_BAD_COPY_FILE_FORMAT, "first line", "some detail", "some hint");
    }
    if (kind == "import_error_bare") {
        throw ImportError(ERRCODE_INSUFFICIENT_PRIVILEGE, "only a message");
    }
    if (kind == "refused_file") {
        throw ImportError(broken_file("a file", "a detail", "a hint"));
    }
    if (kind == "refused_argument") {
        throw ImportError(Refusal{Refusal::Fault::bad_argument, "an argument", {}, {}});
    }
    if (kind == "number") {
        throw 42;
    }
    if (kind == "text") {
        throw "text";
    }
    if (kind == "foreign") {
        throw ForeignException();
    }
    if (kind == "shared") {
        throw std::make_shared<Counted>();
    }
    throw std::invalid_argument("no such kind: " + kind);
}

// Three frames with objects in each; `body` runs in the innermost.
template <int Frames = 3, typename Body>
auto in_frames(const Body& body) -> decltype(body()) {
    Counted object;
    std::vector<Counted> more(3);
    auto owned = std::make_unique<Counted>();
    if constexpr (Frames > 1) {
        return in_frames<Frames - 1>(body);
    } else {
        return body();
    }
}

std::uint64_t run_sql(const char* sql) {
    return call([&]() -> std::uint64_t {
        int result = SPI_execute(sql, false, 0);
        if (result < 0) {
            elog(ERROR, "SPI_execute: %s", SPI_result_code_string(result));
        }
        return SPI_processed;
    });
}

// Server side of an entry that watches: notes how many objects live when an error is formed.
void note_live_objects(void*) { live_when_raised = live_objects; }

// What has to be the same before and after a subtransaction.
struct Surroundings {
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    int level = GetCurrentTransactionNestLevel();
    Oid user = GetUserId();
    sigjmp_buf* stack = PG_exception_stack;
    ErrorContextCallback* callbacks = error_context_stack;

    void require_same(const char* when) const {
        const Surroundings now;
        auto require = [&](bool same, const char* what) {
            if (!same) {
                throw std::logic_error(std::string(what) + " has changed " + when);
            }
        };
        require(now.context == context, "the memory context");
        require(now.owner == owner, "the resource owner");
        require(now.level == level, "the nesting of transactions");
        require(now.user == user, "the user");
        require(now.stack == stack, "the stack of exceptions");
        require(now.callbacks == callbacks, "the stack of error callbacks");
    }
};

std::string describe(const PgError& error) {
    return std::string(unpack_sql_state(error.sqlstate())) + " " + error.what();
}

// One level of nested subtransactions: marks the level, goes down, and fails where it is told to, by a server error or
// an exception of C++. Returns what each level has seen, innermost first.
std::string nest(int level, int depth, int fail_at, bool by_exception) {
    const Surroundings before;
    Counted object;
    std::string seen;
    std::optional<PgError> error = in_subtransaction([&] {
        Counted inner;
        run_sql(("INSERT INTO marks VALUES ('level " + std::to_string(level) + "')").c_str());
        if (level < depth) {
            seen = nest(level + 1, depth, fail_at, by_exception);
        }
        if (level == fail_at) {
            if (by_exception) {
                throw std::runtime_error("thrown at level " + std::to_string(level));
            }
            run_sql("SELECT 1 / 0");
        }
        run_sql(("INSERT INTO marks VALUES ('level " + std::to_string(level) + " again')").c_str());
    });
    before.require_same("after a level");
    return seen + (error ? " rolled back " + describe(*error) : " released") + ";";
}

// Runs SQL in the innermost of so many subtransactions; its error passes all of them and comes out of the outermost.
std::optional<PgError> pass_through(int levels, const char* sql) {
    const Surroundings before;
    Counted object;
    std::optional<PgError> error = in_subtransaction([&] {
        Counted inner;
        if (levels == 1) {
            run_sql(sql);
        } else if (std::optional<PgError> deeper = pass_through(levels - 1, sql)) {
            throw PgError(*deeper);
        }
    });
    before.require_same("after a level");
    return error;
}

}  // namespace

}  // namespace customer_import::pg

using namespace customer_import::pg;

// ---- what the tests look at ----------------------------------------------------------------------------------------

// probe_live() returns int: Counted objects that exist.
CI_FUNCTION(probe_live) { return Int32GetDatum(live_objects); }

// probe_live_when_raised() returns int: how many existed when the last watched error was formed.
CI_FUNCTION(probe_live_when_raised) { return Int32GetDatum(live_when_raised); }

// probe_level() returns int: 1 outside of all subtransactions.
CI_FUNCTION(probe_level) { return Int32GetDatum(GetCurrentTransactionNestLevel()); }

// ---- exceptions and server errors ----------------------------------------------------------------------------------

// probe_throw(kind text): throws through three frames; notes whether objects are left when the server takes over.
CI_FUNCTION(probe_throw) {
    ErrorContextCallback callback;
    callback.callback = note_live_objects;
    callback.arg = nullptr;
    callback.previous = error_context_stack;
    live_when_raised = -1;
    error_context_stack = &callback;
    Datum result = entry([&] {
        const std::string kind = text_argument(fcinfo, 0);
        in_frames([&] { throw_kind(kind); });
        return Datum{0};
    });
    error_context_stack = callback.previous;
    return result;
}

// probe_throw_text(kind text, text text): throws the text as `kind`: message, detail, hint or what.
CI_FUNCTION(probe_throw_text) {
    return entry([&]() -> Datum {
        const std::string kind = text_argument(fcinfo, 0);
        const std::string text = text_argument(fcinfo, 1);
        if (kind == "message") {
            throw ImportError(ERRCODE_RAISE_EXCEPTION, text);
        }
        if (kind == "detail") {
            throw ImportError(ERRCODE_RAISE_EXCEPTION, "message", text);
        }
        if (kind == "hint") {
            throw ImportError(ERRCODE_RAISE_EXCEPTION, "message", {}, text);
        }
        throw std::runtime_error(text);
    });
}

// probe_run(sql text) returns bigint: runs SQL below three C++ frames, connected to SPI.
CI_FUNCTION(probe_run) {
    return entry([&] {
        const std::string sql = text_argument(fcinfo, 0);
        SpiConnection spi;
        return in_frames([&] { return Int64GetDatum(static_cast<std::int64_t>(run_sql(sql.c_str()))); });
    });
}

// probe_rethrow(sql text): as probe_run, but each frame catches the error, looks at it and throws it on.
CI_FUNCTION(probe_rethrow) {
    return entry([&] {
        const std::string sql = text_argument(fcinfo, 0);
        SpiConnection spi;
        auto look = [](auto body) {
            Counted object;
            try {
                body();
            } catch (const PgError& error) {
                if (error.data() == nullptr || error.sqlstate() == 0 || *error.what() == '\0') {
                    throw std::logic_error("the error has no record");
                }
                throw;
            }
        };
        look([&] { look([&] { look([&] { run_sql(sql.c_str()); }); }); });
        return Datum{0};
    });
}

// probe_direct(kind text): a server error raised in call() without SPI.
CI_FUNCTION(probe_direct) {
    return entry([&] {
        const std::string kind = text_argument(fcinfo, 0);
        in_frames([&] {
            call([&] {
                if (kind == "elog") {
                    elog(ERROR, "cannot happen");
                }
                if (kind == "cache") {
                    (void)GetUserNameFromId(InvalidOid, false);
                }
                ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a message with %d", 100),
                                errdetail("a detail"), errhint("a hint"), errcontext("a context"), errposition(7),
                                internalerrposition(3), internalerrquery("a query")));
            });
        });
        return Datum{0};
    });
}

// probe_nested(levels int, kind text) returns text: C++ -> SPI -> C++ ... and the innermost throws, or runs `kind` as
// SQL when it begins with a blank.
CI_FUNCTION(probe_nested) {
    return entry([&] {
        const int levels = PG_GETARG_INT32(0);
        const std::string kind = text_argument(fcinfo, 1);
        SpiConnection spi;
        in_frames([&] {
            if (levels > 1) {
                const std::string literal(call([&] { return (const char*)quote_literal_cstr(kind.c_str()); }));
                run_sql(("SELECT probe_nested(" + std::to_string(levels - 1) + ", " + literal + ")").c_str());
            } else if (kind.starts_with(' ')) {
                run_sql(kind.c_str());
            } else {
                throw_kind(kind);
            }
        });
        return make_text("no error");
    });
}

// probe_recurse(): calls itself through SPI until the server's stack limit ends it.
CI_FUNCTION(probe_recurse) {
    return entry([&] {
        Counted object;
        SpiConnection spi;
        run_sql("SELECT probe_recurse()");
        return Datum{0};
    });
}

// ---- subtransactions -----------------------------------------------------------------------------------------------

// probe_subtransaction(sql text) returns text: runs SQL in a subtransaction, says how it ended, and works on.
CI_FUNCTION(probe_subtransaction) {
    return entry([&] {
        const std::string sql = text_argument(fcinfo, 0);
        SpiConnection spi;
        const Surroundings before;
        std::optional<PgError> error = in_subtransaction([&] {
            Counted object;
            run_sql("INSERT INTO marks VALUES ('inside')");
            run_sql(sql.c_str());
        });
        before.require_same("after the subtransaction");
        std::string seen = error ? describe(*error) : "released";
        run_sql("INSERT INTO marks VALUES ('after')");
        return make_text(seen);
    });
}

// probe_subtransaction_throw(kind text) returns text: throws in a subtransaction and catches outside of it.
CI_FUNCTION(probe_subtransaction_throw) {
    return entry([&] {
        const std::string kind = text_argument(fcinfo, 0);
        SpiConnection spi;
        const Surroundings before;
        std::string seen = "nothing";
        try {
            in_subtransaction([&] {
                run_sql("INSERT INTO marks VALUES ('inside')");
                in_frames([&] { throw_kind(kind); });
            });
        } catch (const PgError&) {
            seen = "PgError";
        } catch (const ImportError& error) {
            seen = "ImportError " + error.message();
        } catch (const std::exception& error) {
            seen = error.what();
        } catch (...) {
            seen = "other";
        }
        before.require_same("after the subtransaction");
        run_sql("INSERT INTO marks VALUES ('after')");
        return make_text(seen);
    });
}

// probe_nest(depth int, fail_at int, by_exception boolean) returns text: subtransactions one in the other; none fails
// with fail_at 0.
CI_FUNCTION(probe_nest) {
    return entry([&] {
        SpiConnection spi;
        return make_text(nest(1, PG_GETARG_INT32(0), PG_GETARG_INT32(1), PG_GETARG_BOOL(2)));
    });
}

// probe_pass_through(levels int, sql text) returns text: the error passes all subtransactions; the outermost reports
// it.
CI_FUNCTION(probe_pass_through) {
    return entry([&] {
        const std::string sql = text_argument(fcinfo, 1);
        SpiConnection spi;
        std::optional<PgError> error = pass_through(PG_GETARG_INT32(0), sql.c_str());
        return make_text(error ? describe(*error) : "released");
    });
}

// probe_many_subtransactions(count int, sql text) returns int: how many of them have failed. Passes a cancel on.
CI_FUNCTION(probe_many_subtransactions) {
    return entry([&] {
        const std::string sql = text_argument(fcinfo, 1);
        SpiConnection spi;
        const Surroundings before;
        MemoryContext context = call(
            [] { return AllocSetContextCreate(CurrentMemoryContext, "probe", ALLOCSET_DEFAULT_SIZES); });
        int failed = 0;
        for (int count = PG_GETARG_INT32(0); count > 0; --count) {
            MemoryContextSwitchTo(context);
            std::optional<PgError> error = in_subtransaction([&] { run_sql(sql.c_str()); });
            if (error && error->sqlstate() == ERRCODE_QUERY_CANCELED) {
                throw PgError(*error);
            }
            failed += error.has_value();
            MemoryContextSwitchTo(before.context);
            call([&] { MemoryContextReset(context); });
        }
        before.require_same("after all subtransactions");
        return Int32GetDatum(failed);
    });
}

// probe_spi_context(sql text) returns text: the memory context after SQL in a connection, and after the connection.
CI_FUNCTION(probe_spi_context) {
    return entry([&] {
        const std::string sql = text_argument(fcinfo, 0);
        const Surroundings before;
        {
            SpiConnection spi;
            before.require_same("after connecting");
            run_sql(sql.c_str());
            execute(sql);
            (void)query(sql);
            Statement statement(sql);
            statement.run();
            before.require_same("after a statement");
        }
        before.require_same("after disconnecting");
        return make_text("the same");
    });
}

// probe_owner(sql text) returns text: runs SQL as the extension's owner in a subtransaction that may fail.
CI_FUNCTION(probe_owner) {
    return entry([&] {
        const std::string sql = text_argument(fcinfo, 0);
        SpiConnection spi;
        const Surroundings before;
        std::optional<PgError> error = in_subtransaction([&] {
            OwnerScope owner;
            run_sql(sql.c_str());
        });
        before.require_same("after acting as the owner");
        return make_text(error ? describe(*error) : "released");
    });
}

// probe_tuplestore(rows int, sql text) returns text: fills an ephemeral table until it spills to a file, reads it with
// a kept plan, fails in a subtransaction while it is read, and reads it again.
CI_FUNCTION(probe_tuplestore) {
    return entry([&] {
        const std::string sql = text_argument(fcinfo, 1);
        SpiConnection spi;
        TupleDesc columns = call([] {
            TupleDesc result = CreateTemplateTupleDesc(1);
            TupleDescInitEntry(result, 1, "n", INT8OID, -1, 0);
            return result;
        });
        EphemeralTable table("probe_rows", columns, 64);
        table.clear(CurrentMemoryContext);
        Statement read(sql);
        std::string seen;
        for (int round = 0; round < 3; ++round) {
            table.clear(CurrentMemoryContext);
            std::optional<PgError> error = in_subtransaction([&] {
                for (std::int64_t row = 0; row < PG_GETARG_INT32(0); ++row) {
                    call([&] {
                        Datum values[] = {Int64GetDatum(row)};
                        bool nulls[] = {false};
                        tuplestore_putvalues(table.rows(), columns, values, nulls);
                    });
                }
                if (round == 1) {
                    run_sql("SELECT 1 / (n - 5000) FROM probe_rows");
                }
                seen += std::to_string(read.run()) + " rows;";
            });
            seen += error ? describe(*error) + ";" : "";
        }
        return make_text(seen);
    });
}

// probe_spill(rows int): fills an ephemeral table that spills to a file; an error comes while both it and objects live.
CI_FUNCTION(probe_spill) {
    return entry([&] {
        SpiConnection spi;
        TupleDesc columns = call([] {
            TupleDesc result = CreateTemplateTupleDesc(1);
            TupleDescInitEntry(result, 1, "n", INT8OID, -1, 0);
            return result;
        });
        in_frames([&] {
            Counted before;
            EphemeralTable table("probe_rows", columns, 64);
            Counted after;
            table.clear(CurrentMemoryContext);
            for (std::int64_t row = 0; row < PG_GETARG_INT32(0); ++row) {
                call([&] {
                    Datum values[] = {Int64GetDatum(row)};
                    bool nulls[] = {false};
                    tuplestore_putvalues(table.rows(), columns, values, nulls);
                });
            }
        });
        return Datum{0};
    });
}

// ---- interrupts ----------------------------------------------------------------------------------------------------

// probe_loop(kind text): takes the advisory lock 4711 as a sign of life and never ends by itself.
CI_FUNCTION(probe_loop) {
    return entry([&]() -> Datum {
        const std::string kind = text_argument(fcinfo, 0);
        SpiConnection spi;
        auto loop = [&] {
            call([] { DirectFunctionCall1(pg_advisory_xact_lock_int8, Int64GetDatum(4711)); });
            in_frames([&] {
                for (;;) {
                    Counted object;
                    check_interrupts();
                }
            });
        };
        if (kind == "plain") {
            loop();
        }
        if (kind == "subtransactions") {  // the interrupt comes back as a value; it must not be lost
            std::optional<PgError> error = in_subtransaction([&] {
                std::optional<PgError> inner = in_subtransaction(loop);
                throw PgError(*inner);
            });
            throw PgError(*error);
        }
        if (kind == "server") {  // the server's own wait, below C++
            in_frames([&] {
                call([] { DirectFunctionCall1(pg_advisory_xact_lock_int8, Int64GetDatum(4711)); });
                run_sql("SELECT pg_catalog.pg_sleep(600)");
            });
        }
        throw std::invalid_argument("no such loop: " + kind);
    });
}

// ---- memory --------------------------------------------------------------------------------------------------------

// probe_allocate(how text, bytes bigint): takes memory and gives it back.
CI_FUNCTION(probe_allocate) {
    return entry([&] {
        const std::string how = text_argument(fcinfo, 0);
        const Size bytes = static_cast<Size>(PG_GETARG_INT64(1));
        in_frames([&] {
            if (how == "palloc") {
                call([&] { pfree(palloc(bytes)); });
            } else if (how == "huge") {
                call([&] { pfree(MemoryContextAllocHuge(CurrentMemoryContext, bytes)); });
            } else if (how == "vector") {
                std::vector<char> memory(bytes);
            } else if (how == "string") {
                std::string memory;
                while (memory.size() < bytes) {
                    memory.append(1024 * 1024, 'x');
                }
            } else if (how == "pieces") {
                std::vector<std::string> pieces;
                while (pieces.size() * 1024 < bytes) {
                    pieces.emplace_back(1024, 'x');
                }
            } else if (how == "contexts") {
                call([&] {
                    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "probe",
                                                                  ALLOCSET_DEFAULT_SIZES);
                    for (Size taken = 0; taken < bytes; taken += 1024) {
                        (void)MemoryContextAlloc(context, 1024);
                    }
                    MemoryContextDelete(context);
                });
            }
        });
        return Datum{0};
    });
}
