#include "pg/apply/references.h"

#include <map>
#include <optional>

#include "core/format.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

namespace {

constexpr const char* kKeyTable = "customer_import_keys";
constexpr int kKeyTableKilobytes = 4 * 1024;

// A foreign key to the customers table.
struct ForeignKey {
    std::string table;  // for people
    Oid owner = InvalidOid;
    std::string from;  // quoted for SQL
    // For each column: the customers table's, how it is compared, the referencing table's; quoted for SQL.
    struct Column {
        AttrNumber attribute;
        std::string comparison;
        std::string name;
    };
    std::vector<Column> columns;
};

std::vector<ForeignKey> find_foreign_keys(const Target& target) {
    OwnerScope owner;
    std::vector<ForeignKey> keys;
    std::string last;
    // Those of partitions that only repeat one of their parent are left out, on either side.
    for (
        const Row& row : query_latest(
            "SELECT c.oid, format('%I.%I', n.nspname, t.relname), t.relowner, t.relkind,"
            "       (SELECT m.attnum FROM pg_attribute AS m JOIN pg_attribute AS r ON r.attname = m.attname"
            "         WHERE m.attrelid = $1 AND r.attrelid = c.confrelid AND r.attnum = k.key), k.place,"
            "       format('OPERATOR(%I.%s)', s.nspname, o.oprname), format('%I', a.attname),"
            "       c.conrelid::regclass::text"
            "  FROM pg_constraint AS c"
            "  JOIN pg_class AS t ON t.oid = c.conrelid"
            "  JOIN pg_namespace AS n ON n.oid = t.relnamespace"
            " CROSS JOIN LATERAL unnest(c.confkey, c.conkey, c.conpfeqop) WITH ORDINALITY AS k (key, column_number, operator, place)"
            "  JOIN pg_operator AS o ON o.oid = k.operator"
            "  JOIN pg_namespace AS s ON s.oid = o.oprnamespace"
            "  JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.column_number"
            " WHERE c.contype = 'f' AND c.conparentid = 0"
            "   AND c.confrelid IN (SELECT $1 UNION SELECT relid FROM pg_partition_tree($1))"
            " ORDER BY c.oid, k.place",
            {parameter_oid(target.table())})) {
        if (*row[0] != last) {
            last = *row[0];
            ForeignKey& key = keys.emplace_back();
            key.table = *row[8];
            key.owner = static_cast<Oid>(std::stoul(*row[2]));
            key.from = (*row[3] == "p" ? "" : "ONLY ") + *row[1];
        }
        keys.back().columns.push_back({static_cast<AttrNumber>(std::stoi(*row[4])), *row[6], *row[7]});
    }
    return keys;
}

// The columns of the key table: the row's index, where it lies, then each column that a foreign key refers to.
constexpr int kFirstKeyColumn = 4;

struct KeyColumns {
    TupleDesc columns;
    std::string list = "c.tableoid, c.ctid";  // of the customers table as c, for SQL
    std::map<AttrNumber, int> position;       // in the key table, by attribute
};

KeyColumns make_key_columns(const Target& target, const std::vector<ForeignKey>& keys, MemoryContext context) {
    KeyColumns result;
    for (const ForeignKey& key : keys) {
        for (const ForeignKey::Column& column : key.columns) {
            result.position.emplace(column.attribute, static_cast<int>(result.position.size()) + kFirstKeyColumn);
        }
    }
    result.columns = call([&] {
        MemoryContext before = MemoryContextSwitchTo(context);
        TupleDesc columns = CreateTemplateTupleDesc(static_cast<int>(result.position.size()) + kFirstKeyColumn - 1);
        TupleDescInitEntry(columns, 1, "o", INT4OID, -1, 0);
        TupleDescInitEntry(columns, 2, "r", OIDOID, -1, 0);
        TupleDescInitEntry(columns, 3, "t", TIDOID, -1, 0);
        MemoryContextSwitchTo(before);
        return columns;
    });
    for (const auto& entry : result.position) {
        const AttrNumber attribute = entry.first;
        const int position = entry.second;
        const char* name = call([&] {
            Relation relation = table_open(target.table(), NoLock);
            Form_pg_attribute form = TupleDescAttr(RelationGetDescr(relation), attribute - 1);
            char key_name[16];
            snprintf(key_name, sizeof key_name, "k%d", position);
            TupleDescInitEntry(result.columns, static_cast<AttrNumber>(position), key_name, form->atttypid,
                               form->atttypmod, 0);
            TupleDescInitEntryCollation(result.columns, static_cast<AttrNumber>(position), form->attcollation);
            const char* quoted = quote_identifier(pstrdup(NameStr(form->attname)));
            table_close(relation, NoLock);
            return quoted;
        });
        result.list += format(", c.{}", name);
    }
    return result;
}

}  // namespace

std::vector<std::string> find_references(const Target& target, BatchStatements& statements, std::size_t count,
                                         MemoryContext context) {
    std::vector<std::string> tables(count);
    if (target.is_distributed) {
        return tables;  // a foreign key lets the customer not be deleted
    }
    const std::vector<ForeignKey> keys = find_foreign_keys(target);
    if (keys.empty()) {
        return tables;
    }
    const KeyColumns columns = make_key_columns(target, keys, context);
    EphemeralTable table(kKeyTable, columns.columns, kKeyTableKilobytes);
    table.clear(context);
    table.expect(static_cast<double>(count));
    DestReceiver* receiver = call([&] {
        DestReceiver* created = CreateTuplestoreDestReceiver();
        SetTuplestoreDestReceiverParams(created, table.rows(), context, false, nullptr, nullptr);
        return created;
    });
    statements.read_columns(columns.list, receiver);
    for (const ForeignKey& key : keys) {
        // A reference from a customer to itself does not keep the customer.
        std::string condition = "NOT (f.tableoid OPERATOR(pg_catalog.=) k.r AND f.ctid OPERATOR(pg_catalog.=) k.t)";
        for (const ForeignKey::Column& column : key.columns) {
            condition += format(" AND k.k{} {} f.{}", columns.position.at(column.attribute), column.comparison,
                                column.name);
        }
        const LookupScope owner(key.owner);
        for (const Row& row :
             query(format("SELECT DISTINCT k.o FROM {} AS k JOIN {} AS f ON {}", kKeyTable, key.from, condition), {},
                   Plan::once)) {
            std::string& found = tables[static_cast<std::size_t>(std::stoll(*row[0]))];
            if (found.empty()) {
                found = key.table;
            }
        }
    }
    return tables;
}

}  // namespace customer_import::pg
