// What a table must be like for imports to write it: its kind, the two columns that the engine needs, and the index by
// which customers are found. Only looks; changes nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// The guard's name: "~" sorts after letters and digits, so that it fires after other BEFORE triggers.
inline constexpr const char* kGuardTrigger = "~customer_import_guard";

// What keeps a table from being the customers table: a sentence, and what to do about it.
struct Fault {
    int sqlstate;
    std::string text;
    std::string hint;
};

// Says that something cannot be done because of these faults: all of them are the detail, their hints the hint.
// `faults` is not empty.
[[noreturn]] void refuse_for(const std::vector<Fault>& faults, const std::string& message);

// What is known of a column, as plain data. Names and types live in the memory context of the call.
struct ColumnShape {
    AttrNumber number = 0;  // 0: there is no such column
    Oid type = InvalidOid;
    Oid base_type = InvalidOid;  // the base type of a domain
    const char* type_name = "";
    Oid collation = InvalidOid;
    bool is_deterministic = true;
    bool is_generated = false;
    bool is_identity = false;
};
ColumnShape read_column_shape(Oid relation, const std::string& column);

// Appends why the relation is no table that can hold customers. The relation exists and is locked.
void find_kind_faults(Oid relation, std::vector<Fault>& faults);

// Appends where rows of the table are not in this server, whose guard trigger alone knows operators: foreign tables
// among its partitions, tables that Citus distributes. One that is itself distributed by this column, and has no
// partitions, can have a shadow: `key`, empty for none. Needs an SPI connection.
void find_location_faults(Oid relation, std::string_view key, std::vector<Fault>& faults);

// Appends why a table that Citus distributes cannot be written by way of a shadow. Needs an SPI connection.
void find_distributed_faults(Oid relation, std::vector<Fault>& faults);

// Appends the triggers of the table and of its partitions that fire after the guard trigger, or would, and could change
// what it has checked. Needs an SPI connection.
void find_trigger_faults(Oid relation, std::vector<Fault>& faults);

// Appends why a column cannot be the one with the user names. Needs an SPI connection.
void find_user_name_faults(Oid relation, const std::string& column, std::vector<Fault>& faults);

// Appends why a column cannot be the one with the roles.
void find_roles_faults(Oid relation, const std::string& column, std::vector<Fault>& faults);

// Whether the table, which is locked, has a unique index on this column alone, by which its customers are found. From
// what the server keeps in memory.
bool has_key(Oid relation, const std::string& column);

// Whether Citus, which keeps its register in pg_catalog, is in this database.
bool has_citus();

// Whether Citus has distributed the table or a part of it. Needs an SPI connection.
bool is_distributed(Oid relation);

// Raises 55000 when the guard trigger does not hold what an import would write into the customers table: other triggers
// fire after it, or rows are not in this server and the table has no shadow. Needs an SPI connection.
void require_guarded(Oid relation, bool has_shadow);

// Raises 55000 when the server makes the values of one of the columns that files fill.
void require_writable(Oid relation, const std::vector<std::string>& columns);

// Raises 55000 when the registered table has lost what an import needs of these columns. Needs an SPI connection.
void require_shape(Oid relation, const std::string& user_name, const std::string& roles);

}  // namespace customer_import::pg
