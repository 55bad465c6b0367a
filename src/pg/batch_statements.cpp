// The statements of BatchApplier: their text and the ephemeral table that they read. Which shape was chosen and why is
// measured in bench/.
#include "pg/batch_apply.h"

namespace customer_import::pg {

namespace {

constexpr const char* kBatchTable = "customer_import_batch";

std::string value_name(std::size_t cell) { return "v" + std::to_string(cell); }
std::string given_name(std::size_t cell) { return "g" + std::to_string(cell); }

}  // namespace

// The columns of a CustomerRow, of the customers table as c; NULL where a value is not wanted.
std::string BatchApplier::customer_row(bool roles, const std::vector<bool>& values) const {
    std::string list = "c.ctid, c.xmin, " + (roles ? "c." + target_.roles.name : std::string("NULL"));
    for (std::size_t column = 0; column < target_.values.size(); ++column) {
        list += ", " + (values[column] ? "c." + target_.values[column].name : std::string("NULL"));
    }
    return list;
}

TupleDesc BatchApplier::batch_columns() const {
    return call([&] {
        MemoryContext before = MemoryContextSwitchTo(context_);
        const int cells = static_cast<int>(cell_columns_.size());
        TupleDesc columns = CreateTemplateTupleDesc(5 + 2 * cells);
        AttrNumber number = 0;
        auto add = [&](const char* name, Oid type, Oid collation) {
            TupleDescInitEntry(columns, ++number, name, type, -1, 0);
            if (OidIsValid(collation)) {
                TupleDescInitEntryCollation(columns, number, collation);
            }
        };
        add("o", INT4OID, InvalidOid);
        add("u", target_.user_name.type, target_.user_name.collation);
        add("t", TIDOID, InvalidOid);
        add("x", XIDOID, InvalidOid);
        add("r", TEXTARRAYOID, InvalidOid);
        for (int cell = 0; cell < cells; ++cell) {
            const TargetColumn& column = target_.values[cell_columns_[static_cast<std::size_t>(cell)]];
            char name[16];
            snprintf(name, sizeof name, "v%d", cell);
            add(name, column.type, column.collation);
            snprintf(name, sizeof name, "g%d", cell);
            add(name, BOOLOID, InvalidOid);
        }
        MemoryContextSwitchTo(before);
        return columns;
    });
}

std::string BatchApplier::find_sql() const {
    std::vector<bool> wanted = in_file_;
    for (std::size_t column = 0; column < wanted.size(); ++column) {
        wanted[column] = wanted[column] || returned_by_insert_[column];
    }
    return "SELECT b.o, " + customer_row(true, wanted) + " FROM " + kBatchTable + " AS b JOIN " +
           target_.name + " AS c ON c." + target_.user_name.name + " OPERATOR(pg_catalog.=) b.u";
}

// The row is the one that was found, in the version that was found: a concurrent change makes the condition on xmin
// false, also when the server checks the newest version, and the record is decided again.
std::string BatchApplier::update_sql() const {
    std::string assignments = writes_roles_ ? ", " + target_.roles.name + " = b.r" : "";
    for (std::size_t cell = 0; cell < cell_columns_.size(); ++cell) {
        assignments += ", " + target_.values[cell_columns_[cell]].name + " = b." + value_name(cell);
    }
    if (!target_.touched_column.empty()) {
        assignments += ", " + target_.touched_column + " = pg_catalog.now()";
    }
    const std::vector<bool> returned(target_.values.size(), target_.rewritten);
    return "UPDATE " + target_.name + " AS c SET " + assignments.substr(2) + " FROM " + kBatchTable +
           " AS b WHERE c.ctid OPERATOR(pg_catalog.=) b.t AND c.xmin OPERATOR(pg_catalog.=) b.x RETURNING b.o, " +
           customer_row(target_.rewritten, returned);
}

std::string BatchApplier::insert_sql(bool unless_exists) const {
    std::string names = target_.user_name.name + ", " + target_.roles.name;
    std::string values = "b.u, b.r";
    for (std::size_t cell = 0; cell < cell_columns_.size(); ++cell) {
        const TargetColumn& column = target_.values[cell_columns_[cell]];
        names += ", " + column.name;
        values += column.default_sql.empty() ? ", b." + value_name(cell)
                                             : ", CASE WHEN b." + given_name(cell) + " THEN b." + value_name(cell) +
                                                   " ELSE " + column.default_sql + " END";
    }
    std::string sql = "INSERT INTO " + target_.name + " AS c (" + names + ") SELECT " + values + " FROM " +
                      kBatchTable + " AS b";
    if (unless_exists) {
        return sql + " ON CONFLICT (" + target_.user_name.name + ") DO NOTHING";
    }
    return insert_returns_
               ? sql + " RETURNING NULL::pg_catalog.int4, " + customer_row(target_.rewritten, returned_by_insert_)
               : sql;
}

}  // namespace customer_import::pg
