// Statements through SPI, and rows of ours that a statement reads like a table. Nothing here knows what they are for.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// Raises the error of a call of SPI, `what`, that has failed. Only within call().
void require_spi(int result, const char* what);

// Connects to SPI for as long as it lives. After an error the (sub)transaction's end disconnects as well.
class SpiConnection {
public:
    SpiConnection();
    ~SpiConnection();
    SpiConnection(const SpiConnection&) = delete;
    SpiConnection& operator=(const SpiConnection&) = delete;
};

// Puts all settings back, when it ends, to what they were when it began: what it has set itself, and what code of users
// that ran meanwhile has set.
class SettingsScope {
public:
    SettingsScope();
    ~SettingsScope();
    SettingsScope(const SettingsScope&) = delete;
    SettingsScope& operator=(const SettingsScope&) = delete;

    void set(const char* setting, const char* value);

private:
    int level_;
};

// Looks names up in pg_catalog alone for as long as it lives: nothing of the caller's search_path runs.
class CatalogPath {
public:
    CatalogPath() { settings_.set("search_path", "pg_catalog, pg_temp"); }

private:
    SettingsScope settings_;
};

// Acts as a role for as long as it lives: only for the extension's own fixed statements, on its own tables, and for
// GRANT and REVOKE, which run no code of the role's (event triggers are superusers', and may do there what they do
// elsewhere). Code that reads a user's table takes LookupScope. `context` adds to the security context.
class RoleScope {
public:
    explicit RoleScope(Oid role, int context = 0);
    ~RoleScope();
    RoleScope(const RoleScope&) = delete;
    RoleScope& operator=(const RoleScope&) = delete;

private:
    CatalogPath path_;
    Oid saved_user_;
    int saved_context_;
};

// Keeps the extension from being dropped until the transaction ends. Taken before any other lock of a transaction that
// imports, it keeps DROP EXTENSION, which begins with the same lock, out of deadlocks. Returns whether there is one.
bool lock_extension();

// The owner of the extension: the role that writes its tables. Errors: 42704.
Oid extension_owner();

// Acts as the owner of a user's table, past its policies, to look something up there by a fixed statement. The server
// may run code of the owner's to plan and to execute it: index expressions, CHECKs, casts. It runs as the owner, and as
// in REINDEX or ANALYZE nothing of it is left for later, when another role is current: no deferred trigger, cursor,
// prepared statement or temporary table can be made, no setting outlives the scope. Never for a statement that writes:
// triggers and policies of writers are to run as the writer.
class LookupScope {
public:
    explicit LookupScope(Oid owner);

private:
    RoleScope role_;
};

// Acts as the extension's owner.
class OwnerScope {
public:
    OwnerScope();

private:
    RoleScope role_;
};

// A table that exists only for the statements of one SPI connection: its rows are in a tuplestore of ours. Statements
// find it by its name, before any table of that name, and need no right on it.
class EphemeralTable {
public:
    // `name` and `columns` must outlive the object. Above `kilobytes` the rows spill to a temporary file.
    EphemeralTable(const char* name, TupleDesc columns, int kilobytes);
    ~EphemeralTable();
    EphemeralTable(const EphemeralTable&) = delete;
    EphemeralTable& operator=(const EphemeralTable&) = delete;

    // Drops all rows. Their memory comes from `context`.
    void clear(MemoryContext context);
    // Tells the planner how many rows there are; it takes them for few otherwise.
    void expect(double rows) { relation_->md.enrtuples = rows; }
    Tuplestorestate* rows() const { return static_cast<Tuplestorestate*>(relation_->reldata); }
    EphemeralNamedRelation relation() const { return relation_; }

private:
    EphemeralNamedRelation relation_;
    int kilobytes_;
    ResourceOwner owner_;  // of spilled files: they outlive a subtransaction that fails
    Tuplestorestate* own_ = nullptr;
};

// How a statement joins an ephemeral table to a big one, whatever the statistics say.
enum class JoinMethod {
    nested_loop,  // looks each row up in an index
    merge,        // reads a range of an index
};

// A statement that is prepared when it is run first. The planner settings that lead to the join hold only while it is
// planned, so triggers and policies do not see them.
class Statement {
public:
    Statement(std::string text, std::vector<Oid> parameter_types = {}, JoinMethod join = JoinMethod::nested_loop);
    ~Statement();
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    // Runs the statement and returns the number of rows processed. Rows that it returns go to `receiver`.
    std::uint64_t run(DestReceiver* receiver = nullptr, std::span<const Datum> parameters = {});

    // Runs a statement of ours that has been started, in place of ExecutorRun: server code only.
    using Run = void (*)(QueryDesc* query, const void* argument);

    // The same for a statement that writes, reads `table`, and is run by `run`: executed here instead of by SPI, so that
    // nothing but this run is another one.
    std::uint64_t run_by(Run run, const void* argument, const EphemeralTable& table, DestReceiver* receiver,
                         std::span<const Datum> parameters);

    // Has it planned again at the next run.
    void forget_plan();

private:
    void plan();
    void require_plan();
    ParamListInfo make_parameters(std::span<const Datum> values) const;

    std::string text_;
    std::vector<Oid> parameter_types_;
    JoinMethod join_;
    SPIPlanPtr plan_ = nullptr;
    bool planned_ = false;
};

// While it lives, statements are planned as those of Statement are: for an index that a small table is joined to.
class JoinScope {
public:
    explicit JoinScope(JoinMethod join);
    ~JoinScope();
    JoinScope(const JoinScope&) = delete;
    JoinScope& operator=(const JoinScope&) = delete;

private:
    SettingsScope settings_;
    JoinMethod join_;
};

// A parameter of a statement.
struct Parameter {
    Oid type = InvalidOid;
    Datum value = 0;
    bool is_null = false;
};
Parameter parameter(std::string_view text);
Parameter optional_parameter(const std::optional<std::string>& text);
Parameter parameter(std::int64_t number);
Parameter parameter(bool flag);
Parameter parameter_oid(Oid oid);
Parameter text_array_parameter(const std::vector<std::string>& texts);

// What becomes of a statement's plan. Kept: for the session, for texts about the extension's own tables and the
// catalogs, of which there is an end; but what runs as the caller, in no RoleScope, is planned each time, since servers
// are known that use the plan of one role for another. Once: for texts that name things of users, or whose plan depends
// on how much there is now.
enum class Plan { kept, once };

// Runs a statement and returns the number of rows processed.
std::uint64_t execute(const std::string& text, std::initializer_list<Parameter> parameters = {},
                      Plan plan = Plan::kept);

// Runs a statement that changes the catalogs. GRANT, REVOKE and COMMENT lock no object, so that no lock of ours keeps
// those of others away: when one of theirs and this statement change the same object at the same time, the server fails
// with an error that it calls internal. Errors: 40001 then.
void execute_ddl(const std::string& statement);

// Runs a statement and returns its rows as text.
using Row = std::vector<std::optional<std::string>>;
std::vector<Row> query(const std::string& text, std::initializer_list<Parameter> parameters = {},
                       Plan plan = Plan::kept);

// The same for a statement that only reads, with the latest snapshot also where a transaction keeps its first one.
std::vector<Row> query_latest(const std::string& text, std::initializer_list<Parameter> parameters = {},
                              Plan plan = Plan::kept);

// Runs a statement whose rows go to `receiver`, planned once.
void execute_into(const std::string& text, std::initializer_list<Parameter> parameters, DestReceiver* receiver);

// Runs a statement and returns the bytes of its only value, a text or bytea; nothing when there is no row.
std::optional<std::string> query_bytes(const std::string& text, std::initializer_list<Parameter> parameters = {});

// The bytes of encode(…, 'hex'); none for NULL.
std::string from_hex(const std::optional<std::string>& hex);

// A statement that only reads, whose rows come in portions; they are read as the role that is current at each call.
// After an error the end of the (sub)transaction closes it.
class Cursor {
public:
    // Whether it sees what the statement that calls us sees, or all that is committed by now.
    enum class Snapshot { calling, latest };
    Cursor(const std::string& text, std::initializer_list<Parameter> parameters, Snapshot snapshot);

    // Reads at most `count` more rows, and forgets those before. At the end there are none, and the cursor is closed.
    void fetch(long count);

    std::uint64_t count() const { return count_; }
    HeapTuple row(std::uint64_t index) const { return table_->vals[index]; }
    TupleDesc columns() const { return table_->tupdesc; }

    // A value of a row of the last fetch, a bigint or a text or bytea; 0 or nothing for NULL. Bytes live until the next
    // fetch.
    std::int64_t number(std::uint64_t index, int column) const;
    std::string_view bytes(std::uint64_t index, int column) const;

    // The rows of the last fetch as text.
    std::vector<Row> texts() const;

    // Closes it before its end.
    void close();

private:
    Portal portal_;
    SPITupleTable* table_ = nullptr;
    std::uint64_t count_ = 0;
};

// A name, quoted for SQL.
std::string quote_name(const std::string& name);

// A text for the server, which verifies its encoding. Errors: 22021 for what is not valid in it, 54000 above 1 GB.
Datum text_datum(std::string_view text);
// Bytes for the server, that are never taken for text. Errors: 54000 above 1 GB.
Datum bytes_datum(std::string_view bytes);
Parameter bytes_parameter(std::string_view bytes);

}  // namespace customer_import::pg
