#include "pg/target.h"

#include <cstdlib>

#include "pg/statement.h"

namespace customer_import::pg {

namespace {

Oid to_oid(const std::optional<std::string>& text) {
    return static_cast<Oid>(std::strtoul(text->c_str(), nullptr, 10));
}

// While it lives, names are deparsed with their schema.
class EmptySearchPath {
public:
    EmptySearchPath() {
        level_ = call([] {
            int level = NewGUCNestLevel();
            set_config_option("search_path", "pg_catalog", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
            return level;
        });
    }
    ~EmptySearchPath() {
        // Restores a variable in memory. After an error the transaction's end has the same effect.
        AtEOXact_GUC(false, level_);
    }
    EmptySearchPath(const EmptySearchPath&) = delete;
    EmptySearchPath& operator=(const EmptySearchPath&) = delete;

private:
    int level_;
};

TargetColumn load_column(Oid relation, const std::string& column, const std::string& field) {
    std::vector<Row> rows = query(
        "SELECT pg_catalog.quote_ident(a.attname), a.atttypid, a.atttypmod, a.attcollation, NOT a.attnotnull,"
        "       pg_catalog.pg_get_expr(d.adbin, d.adrelid)"
        "  FROM pg_catalog.pg_attribute a"
        "  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.attgenerated = ''"
        " WHERE a.attrelid = $1 AND a.attname = $2::name AND a.attnum > 0 AND NOT a.attisdropped",
        {parameter_oid(relation), parameter(column)});
    if (rows.empty()) {
        throw ImportError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          "column \"" + column + "\" of the customers table does not exist",
                          "It was there when the table was created or attached.", "Give the column its name back.");
    }
    const Row& row = rows.front();
    TargetColumn result;
    result.field = field;
    result.name = *row[0];
    result.type = to_oid(row[1]);
    result.type_modifier = static_cast<std::int32_t>(std::strtol(row[2]->c_str(), nullptr, 10));
    result.collation = to_oid(row[3]);
    result.nullable = *row[4] == "t";
    result.default_sql = row[5].value_or("");
    result.kind = result.type == TEXTOID   ? FieldKind::text
                  : result.type == BOOLOID ? FieldKind::boolean
                                           : FieldKind::other;
    return result;
}

bool query_flag(const char* text, Oid relation) {
    return *query(text, {parameter_oid(relation)}).front().front() == "t";
}

// A relation with its partitions, as $1.
constexpr const char* kTree = "(SELECT $1 UNION SELECT relid FROM pg_catalog.pg_partition_tree($1))";

void load_rules(Target& target) {
    const std::string tree = kTree;
    bool triggers = query_flag(
        ("SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger t"
         "  WHERE t.tgrelid IN " + tree + " AND NOT t.tgisinternal AND t.tgenabled <> 'D'"
         "    AND t.tgfoid <> 'customer_import._guard_customers()'::pg_catalog.regprocedure)"
         "    OR EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class IN " + tree + ")").c_str(),
        target.relation);
    bool generated = query_flag(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute a"
        "  WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> '')",
        target.relation);
    bool second_key = query_flag(
        ("SELECT EXISTS (SELECT FROM pg_catalog.pg_index i"
         "  WHERE i.indrelid IN " + tree + " AND (i.indisunique OR i.indisexclusion)"
         "    AND NOT (i.indisunique AND i.indnkeyatts = 1 AND i.indexprs IS NULL AND i.indkey[0] ="
         "             (SELECT a.attnum FROM pg_catalog.pg_attribute a"
         "               WHERE a.attrelid = i.indrelid AND a.attname ="
         "                     (SELECT user_name FROM customer_import.customers_table))))").c_str(),
        target.relation);
    bool self_reference = query_flag(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint c"
        "  WHERE c.contype = 'f' AND c.conrelid = $1 AND c.confrelid = $1)",
        target.relation);
    target.one_by_one = triggers || second_key || self_reference;
    target.rewritten = triggers || generated;

    std::vector<Row> constraints = query(
        "SELECT pg_catalog.string_agg(DISTINCT pg_catalog.format('%I.%I', n.nspname, c.conname), ', '),"
        "       pg_catalog.string_agg(DISTINCT pg_catalog.format('%I.%I', n.nspname, c.conname), ', ')"
        "           FILTER (WHERE c.condeferred)"
        "  FROM pg_catalog.pg_constraint c"
        "  JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace"
        " WHERE c.condeferrable AND (c.conrelid IN " + tree + " OR c.confrelid = $1)",
        {parameter_oid(target.relation)});
    target.deferrable_constraints = constraints.front()[0].value_or("");
    target.initially_deferred_constraints = constraints.front()[1].value_or("");
}

}  // namespace

std::vector<Field> Target::fields() const {
    std::vector<Field> result;
    for (const Field& field : standard_fields()) {
        if (field.kind == FieldKind::text || field.kind == FieldKind::boolean || field.kind == FieldKind::other) {
            continue;
        }
        result.push_back(field);
    }
    for (const TargetColumn& column : values) {
        Field field{column.field, {}, column.kind, column.nullable && column.kind == FieldKind::text};
        for (const Field& standard : standard_fields()) {
            if (standard.name == column.field) {
                field.aliases = standard.aliases;
            }
        }
        result.push_back(field);
    }
    return result;
}

Target load_target() {
    std::vector<Row> rows;
    {
        OwnerScope owner;
        rows = query(
            "SELECT c.relation::pg_catalog.oid, c.user_name, c.roles, c.fold_user_names, c.touched_column,"
            "       pg_catalog.format('%I.%I', n.nspname, t.relname)"
            "  FROM customer_import.customers_table c"
            "  LEFT JOIN pg_catalog.pg_class t ON t.oid = c.relation"
            "  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace");
    }
    if (rows.empty() || !rows.front()[5]) {
        throw ImportError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "there is no customers table", {},
                          "Create it with SELECT customer_import.create_customers_table().");
    }
    const Row& row = rows.front();
    Target target;
    target.relation = to_oid(row[0]);
    target.name = *row[5];
    target.fold_user_names = *row[3] == "t";
    call([&] { LockRelationOid(target.relation, RowExclusiveLock); });

    EmptySearchPath qualified_names;
    target.user_name = load_column(target.relation, *row[1], "");
    target.roles = load_column(target.relation, *row[2], "");
    if (row[4]) {
        target.touched_column = load_column(target.relation, *row[4], "").name;
    }
    OwnerScope owner;
    for (const Row& column : query("SELECT field, column_name FROM customer_import.customers_table_columns"
                                   " ORDER BY position")) {
        target.values.push_back(load_column(target.relation, *column[1], *column[0]));
    }
    load_rules(target);
    return target;
}

}  // namespace customer_import::pg
