// The target description: which table an import writes, through which columns, and by which rules. The engine knows the
// customers table through it alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/header_map.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"
#include "pg/server/statement.h"
#include "pg/table/shadow.h"

namespace customer_import::pg {

struct TargetColumn {
    std::string field;  // its CSV name; empty for the user name and the roles
    std::string name;   // its column name, quoted for SQL
    AttrNumber number = InvalidAttrNumber;
    Oid type = InvalidOid;       // as declared, perhaps a domain
    Oid base_type = InvalidOid;  // the base type of a domain
    std::string type_name;       // of the base type, quoted for SQL
    std::int32_t type_modifier = -1;
    Oid collation = InvalidOid;
    bool clearable = false;   // it takes NULL
    std::string default_sql;  // what a row gets that names no value; empty: NULL
    FieldKind kind = FieldKind::other;
};

struct Target {
    // The table that the engine writes.
    Oid relation = InvalidOid;
    std::string name;  // schema and table, quoted for SQL
    std::optional<Home> home;
    bool is_distributed = false;
    TargetColumn user_name;
    TargetColumn roles;
    std::vector<TargetColumn> values;
    std::string touched_column;  // set to now() by every update, quoted; empty: none
    bool fold_user_names = true;

    // The table has a second unique or exclusion constraint, a foreign key to itself or a user's trigger that may look
    // at other rows: only records applied one by one, in file order, have the effect that doc/importing.md promises.
    bool one_by_one = false;
    // A user's trigger or a generated column may change what was written: the change log reads the row back.
    bool rewritten = false;
    // Something of the user's could see a version of a row that is written and written again: a constraint, an index
    // with an expression, a policy, a trigger, a domain. Else only the last version has to be written.
    bool shows_versions = true;
    // Row-level security is in force for the caller.
    bool has_policies = false;

    std::string deferrable_constraints;  // for SET CONSTRAINTS; empty: none
    std::string initially_deferred_constraints;

    // The customers table itself.
    Oid table() const { return home ? home->relation : relation; }

    // The fields that a file's header may name.
    std::vector<Field> fields() const;

private:
    std::vector<std::string> unused_aliases(const Field& standard) const;
};

// Checks the table's deferrable constraints at each statement from now on. Before that the transaction's pending checks
// on them are made: a violation of its own is an error now.
class ConstraintsChecked {
public:
    explicit ConstraintsChecked(const Target& target);
    // Defers again those that are deferred initially.
    void defer() const;

private:
    const Target& target_;
};

// What the register knows of the customers table. A table that has lost the guard trigger is not it any more: it was
// dropped, and another one may have got its OID. Needs an SPI connection.
struct RegisteredTable {
    Oid relation = InvalidOid;
    std::string name;              // quoted for SQL
    bool created = false;          // by the extension
    bool fold_user_names = false;  // and a CHECK says so
    bool own_row_triggers = false;
    bool row_security = false;  // the extension has switched it on; before that:
    bool was_enabled = false;
    bool was_forced = false;
    // By Citus: the guard and what operators are granted are on its shadow alone.
    bool is_distributed = false;
};
std::optional<RegisteredTable> find_registered_table();

// Returns the customers table, locked until the end of the transaction: a session that drops, detaches or renames it
// has done so before, or waits. Nothing when there is none.
std::optional<RegisteredTable> lock_registered_table(LOCKMODE lock);

// The same where there has to be one. Errors: 55000 when there is none.
RegisteredTable require_registered_table(LOCKMODE lock);

// Reads the description of the registered customers table. Locks the table until the end of the transaction, so that
// its shape stays: for writing, or in a weaker mode. Errors: 55000 when there is none, or when it has lost what an
// import needs. Needs an SPI connection.
Target load_target(LOCKMODE lock = RowExclusiveLock);

// The same for an import, which writes the shadow of the table where there is one. Errors: also 55000 where the guard
// trigger would not hold what is written, and where the shadow does not fit the table any more.
Target load_import_target(LOCKMODE lock = RowExclusiveLock);

// The fields that a header may name, as the register has them: without a look at the table, and so without a lock on
// it. Of a table of the application they have names and aliases, and no kinds. Needs an SPI connection.
std::vector<Field> registered_fields();

// Acts as the owner of the customers table, which its row security does not restrict, forced or not: as the server
// itself looks up foreign keys. Only for our own lookups by key.
class TableOwnerScope {
public:
    explicit TableOwnerScope(const Target& target);

private:
    LookupScope lookup_;
};

}  // namespace customer_import::pg
