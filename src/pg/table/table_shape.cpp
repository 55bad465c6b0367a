#include "pg/table/table_shape.h"

#include "core/format.h"
#include "core/text.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

namespace {

constexpr std::size_t kMaxListedFaults = 20;

constexpr const char* kUserNameHint = "Name the column by which customers log in: a text or varchar, unique by itself.";

void add_fault(std::vector<Fault>& faults, int sqlstate, std::string text, std::string hint = {}) {
    faults.push_back({sqlstate, std::move(text), std::move(hint)});
}

std::string alter_type(const std::string& column, const char* type) {
    return format("ALTER TABLE … ALTER COLUMN {} TYPE {}.", quote_name(column), type);
}

// What is found missing after the table was attached is reported in the same words as what attach refuses.
void add_missing_column(std::vector<Fault>& faults, const std::string& column) {
    add_fault(faults, ERRCODE_UNDEFINED_COLUMN, format("Column {} does not exist.", quoted(column)));
}

void add_generated_column(std::vector<Fault>& faults, const std::string& column) {
    add_fault(faults, ERRCODE_GENERATED_ALWAYS,
              format("Column {} is generated: an import cannot write it.", quoted(column)));
}

void find_user_name_type_faults(const std::string& column, const ColumnShape& shape, std::vector<Fault>& faults) {
    const std::string name = quoted(column);
    const std::string_view type = shape.type_name;
    if (shape.base_type == TEXTOID || shape.base_type == VARCHAROID) {
        if (!shape.is_deterministic) {
            add_fault(
                faults, ERRCODE_INDETERMINATE_COLLATION,
                format("Column {} has a nondeterministic collation: names that differ would be one customer.", name),
                alter_type(column, "text COLLATE \"C\""));
        }
        return;
    }
    std::string text;
    std::string hint = alter_type(column, "text");
    if (shape.base_type == BPCHAROID) {
        text = format("Column {} is of type {}, which pads names with blanks.", name, type);
    } else if (shape.base_type == NAMEOID) {
        text = format("Column {} is of type {}, which cuts names off at 63 bytes.", name, type);
    } else if (type == "citext" || type.ends_with(".citext")) {
        text = format("Column {} is of type {}, which compares names by rules of its own, not those of an import.",
                      name, type);
        hint = format(
            "Fold the names with customer_import.fold_user_name() and attach with ignore_case => true, after {}", hint);
    } else {
        text = format("Column {} is of type {}: customers are found by a text.", name, type);
        hint = kUserNameHint;
    }
    add_fault(faults, ERRCODE_DATATYPE_MISMATCH, std::move(text), std::move(hint));
}

// All unique indexes that have to do with the column, the usable ones first, and why one of the others is not usable.
std::vector<Row> find_unique_indexes(Oid relation, AttrNumber column) {
    const CatalogPath path;
    return query_latest(
        "SELECT CASE WHEN NOT k.alone AND i.indexprs IS NOT NULL THEN 'is on an expression'"
        "            WHEN NOT k.alone THEN 'has several columns'"
        "            WHEN i.indpred IS NOT NULL THEN 'is partial: it covers only some of the rows'"
        "            WHEN NOT i.indimmediate THEN 'is deferrable'"
        "            WHEN NOT (i.indisvalid AND i.indisready AND i.indislive) THEN 'is not valid'"
        "            WHEN i.indcollation[0] <> a.attcollation THEN 'has another collation than the column' END,"
        "       c.relname"
        "  FROM pg_index AS i"
        "  JOIN pg_class AS c ON c.oid = i.indexrelid"
        "  JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = $2::int2"
        " CROSS JOIN LATERAL (SELECT i.indnkeyatts = 1 AND i.indkey[0] = a.attnum AS alone) AS k"
        " WHERE i.indrelid = $1 AND i.indisunique"
        "   AND (a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])"
        "        OR EXISTS (SELECT FROM pg_depend AS d"
        "                    WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid"
        "                      AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid"
        "                      AND d.refobjsubid = a.attnum AND i.indexprs IS NOT NULL))"
        " ORDER BY 1 NULLS FIRST, 2",
        {parameter_oid(relation), parameter(static_cast<std::int64_t>(column))});
}

bool is_partitioned(Oid relation) {
    return call([&] { return get_rel_relkind(relation) == RELKIND_PARTITIONED_TABLE; });
}

void find_index_faults(Oid relation, const std::string& column, AttrNumber number, std::vector<Fault>& faults) {
    const std::vector<Row> indexes = find_unique_indexes(relation, number);
    if (!indexes.empty() && !indexes.front()[0]) {
        for (const Row& index : indexes) {
            if (index[0] == "is deferrable") {  // INSERT … ON CONFLICT takes none when it finds this one
                add_fault(faults, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          format("Unique index {} on column {} is deferrable, beside another that is not.",
                                 quoted(*index[1]), quoted(column)),
                          "Drop the deferrable one.");
            }
        }
        return;
    }
    std::string list;
    for (const Row& index : indexes) {
        list += format("{}{} {}", list.empty() ? "" : ", ", quoted(*index[1]), *index[0]);
    }
    const std::string create = format("CREATE UNIQUE INDEX ON … ({}).", quote_name(column));
    add_fault(
        faults, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        list.empty() ? format("Column {} has no unique index of its own.", quoted(column))
                     : format("Column {} has no unique index of its own: {}.", quoted(column), list),
        is_partitioned(relation)
            ? format("A partitioned table can have one only if it is partitioned by that column alone: then {}", create)
            : create);
}

struct KindFacts {
    char kind;
    char persistence;
    bool is_partition;
    bool is_system;
    bool has_children;
    bool has_rules;
};

KindFacts read_kind(Oid relation_id) {
    return call([&] {
        Relation relation = relation_open(relation_id, NoLock);
        const Oid schema = RelationGetNamespace(relation);
        KindFacts facts{relation->rd_rel->relkind,
                        relation->rd_rel->relpersistence,
                        relation->rd_rel->relispartition,
                        IsSystemRelation(relation) || schema == get_namespace_oid("customer_import", false) ||
                            schema == get_namespace_oid("information_schema", true),
                        relation->rd_rel->relkind == RELKIND_RELATION && has_subclass(relation_id) &&
                            list_length(find_inheritance_children(relation_id, NoLock)) > 0,
                        relation->rd_rules != nullptr && relation->rd_rel->relkind != RELKIND_VIEW};
        relation_close(relation, NoLock);
        return facts;
    });
}

const char* kind_name(char kind) {
    switch (kind) {
        case RELKIND_VIEW: return "a view";
        case RELKIND_MATVIEW: return "a materialized view";
        case RELKIND_FOREIGN_TABLE: return "a foreign table";
        case RELKIND_SEQUENCE: return "a sequence";
        case RELKIND_INDEX:
        case RELKIND_PARTITIONED_INDEX: return "an index";
        case RELKIND_COMPOSITE_TYPE: return "a composite type";
        default: return "of a kind that holds no rows of its own";
    }
}

}  // namespace

void refuse_for(const std::vector<Fault>& faults, const std::string& message) {
    std::string detail;
    std::string hint;
    std::size_t listed = 0;
    for (const Fault& fault : faults) {
        if (++listed > kMaxListedFaults) {
            detail += format("\nAnd {} more.", faults.size() - kMaxListedFaults);
            break;
        }
        detail += (detail.empty() ? "" : "\n") + fault.text;
        if (!fault.hint.empty() && hint.find(fault.hint) == std::string::npos) {
            hint += (hint.empty() ? "" : "\n") + fault.hint;
        }
    }
    throw ImportError(faults.front().sqlstate, message, std::move(detail), std::move(hint));
}

ColumnShape read_column_shape(Oid relation_id, const std::string& column) {
    return call([&]() -> ColumnShape {
        ColumnShape shape;
        const AttrNumber number = get_attnum(relation_id, column.c_str());
        if (number <= 0) {
            return shape;
        }
        Relation relation = relation_open(relation_id, NoLock);
        const Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), number - 1);
        shape.number = number;
        shape.type = attribute->atttypid;
        shape.base_type = getBaseType(attribute->atttypid);
        shape.type_name = format_type_extended(attribute->atttypid, attribute->atttypmod, FORMAT_TYPE_TYPEMOD_GIVEN);
        shape.collation = attribute->attcollation;
        shape.is_deterministic = !OidIsValid(attribute->attcollation) ||
                                 get_collation_isdeterministic(attribute->attcollation);
        shape.is_generated = attribute->attgenerated != '\0';
        shape.is_identity = attribute->attidentity != '\0';
        relation_close(relation, NoLock);
        return shape;
    });
}

void find_kind_faults(Oid relation, std::vector<Fault>& faults) {
    const KindFacts facts = read_kind(relation);
    if (facts.kind != RELKIND_RELATION && facts.kind != RELKIND_PARTITIONED_TABLE) {
        add_fault(faults, ERRCODE_WRONG_OBJECT_TYPE, format("It is {}, not a table.", kind_name(facts.kind)),
                  "Attach the table behind it.");
        return;
    }
    if (facts.is_system) {
        add_fault(faults, ERRCODE_WRONG_OBJECT_TYPE, "It is a table of the server or of this extension.");
    }
    if (facts.persistence == RELPERSISTENCE_TEMP) {
        add_fault(faults, ERRCODE_WRONG_OBJECT_TYPE, "It is a temporary table: other sessions do not have it.");
    }
    if (facts.is_partition) {
        add_fault(faults, ERRCODE_WRONG_OBJECT_TYPE, "It is a partition of another table.",
                  "Attach the partitioned table.");
    }
    if (facts.has_children) {
        add_fault(faults, ERRCODE_WRONG_OBJECT_TYPE,
                  "Other tables inherit from it: a name that is unique here may stand there again.",
                  "Let them inherit no more (ALTER TABLE … NO INHERIT), or use partitions.");
    }
    if (facts.has_rules) {
        add_fault(faults, ERRCODE_WRONG_OBJECT_TYPE, "It has rewrite rules, which change the statements of an import.",
                  "Use triggers instead of rules.");
    }
}

namespace {

// The relation $1 and all that inherits from it, partitions above all.
constexpr const char* kPartitionTree =
    "WITH RECURSIVE tree (relid) AS (SELECT $1 UNION SELECT i.inhrelid FROM pg_inherits AS i"
    "                                                  JOIN tree AS t ON i.inhparent = t.relid) ";

// The column by which Citus distributes the rows of the table, which has no partitions; nothing where it does otherwise.
std::optional<std::string> find_distribution_column(Oid relation) {
    const CatalogPath path;
    const std::vector<Row> rows = query_latest(
        "SELECT column_to_column_name(logicalrelid, partkey) FROM pg_dist_partition"
        " WHERE logicalrelid = $1 AND partmethod = 'h'",
        {parameter_oid(relation)});
    return rows.empty() || is_partitioned(relation) ? std::nullopt : rows.front()[0];
}

}  // namespace

bool has_citus() {
    return OidIsValid(call([] { return get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE); }));
}

bool is_distributed(Oid relation) {
    OwnerScope owner;
    return has_citus() &&
           !query_latest(std::string(kPartitionTree) +
                             "SELECT FROM pg_dist_partition AS d JOIN tree AS t ON t.relid = d.logicalrelid LIMIT 1",
                         {parameter_oid(relation)})
                .empty();
}

void find_location_faults(Oid relation, std::string_view key, std::vector<Fault>& faults) {
    OwnerScope owner;
    std::vector<Row> foreign;
    if (call([&] { return has_subclass(relation); })) {
        foreign = query_latest(std::string(kPartitionTree) +
                                   "SELECT c.relname FROM tree AS t JOIN pg_class AS c ON c.oid = t.relid"
                                   " WHERE c.relkind = 'f' AND c.oid <> $1 ORDER BY 1",
                               {parameter_oid(relation)});
    }
    for (const Row& part : foreign) {
        add_fault(faults, ERRCODE_WRONG_OBJECT_TYPE,
                  format("Its part {} is a foreign table: the rows there are not in this server.", quoted(*part[0])),
                  "Take foreign tables out of it: ALTER TABLE … DETACH PARTITION …, or NO INHERIT ….");
    }
    if (is_distributed(relation) && (key.empty() || find_distribution_column(relation) != key)) {
        add_fault(faults, ERRCODE_WRONG_OBJECT_TYPE,
                  "It is distributed by Citus: its rows are in shards, where the guard trigger knows no operator.",
                  key.empty() ? "Attach one that is distributed before, by its user names alone."
                              : "Attach one that is distributed by its user names, and has no partitions.");
    }
}

void find_distributed_faults(Oid relation, std::vector<Fault>& faults) {
    OwnerScope owner;
    for (const Row& row :
         query_latest("SELECT DISTINCT c.conrelid::regclass::text FROM pg_constraint AS c"
                      " WHERE c.contype = 'f' AND c.confrelid = $1 AND c.confdeltype IN ('c', 'n', 'd')"
                      " ORDER BY 1",
                      {parameter_oid(relation)})) {
        add_fault(faults, ERRCODE_WRONG_OBJECT_TYPE,
                  format("A foreign key of {} follows when a customer is deleted: an undo would change rows there.",
                         quoted(*row[0])),
                  "Make it ON DELETE NO ACTION.");
    }
    for (const Row& row :
         query_latest("SELECT tgname FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal ORDER BY 1",
                      {parameter_oid(relation)})) {
        add_fault(faults, ERRCODE_WRONG_OBJECT_TYPE,
                  format("Its trigger {} would fire in shards, where nobody sees what it does.", quoted(*row[0])),
                  "Drop it.");
    }
    for (const Row& row :
         query_latest("SELECT format('%I', r.rolname), format('%I', n.nspname) FROM pg_class AS c"
                      "  JOIN pg_roles AS r ON r.oid = c.relowner JOIN pg_namespace AS n ON n.oid = c.relnamespace"
                      " WHERE c.oid = $1 AND NOT (has_schema_privilege(r.oid, n.oid, 'CREATE')"
                      "                         AND has_schema_privilege(r.oid, n.oid, 'USAGE'))",
                      {parameter_oid(relation)})) {
        add_fault(faults, ERRCODE_INSUFFICIENT_PRIVILEGE,
                  format("Its owner {} may not create tables in schema {}, where one is to be made beside it.", *row[0],
                         *row[1]),
                  format("GRANT CREATE, USAGE ON SCHEMA {} TO {}.", *row[1], *row[0]));
    }
}

void find_trigger_faults(Oid relation, std::vector<Fault>& faults) {
    OwnerScope owner;
    for (const Row& row : query_latest(
             std::string(kPartitionTree) +
                 "SELECT DISTINCT t.tgname, format('%I', t.tgname)"
                 "  FROM pg_trigger AS t JOIN tree ON tree.relid = t.tgrelid"
                 " CROSS JOIN (SELECT 'customer_import._guard_customers()'::regprocedure AS function) AS guard"
                 " WHERE (t.tgtype & $2::int2) = $3::int2 AND (t.tgtype & $4::int2) <> 0"
                 "   AND t.tgenabled IN ('O', 'A') AND t.tgfoid <> guard.function"
                 "   AND t.tgname > COALESCE((SELECT min(g.tgname::text COLLATE \"C\") FROM pg_trigger AS g"
                 "                             WHERE g.tgrelid = t.tgrelid AND g.tgfoid = guard.function), $5)::name"
                 " ORDER BY 1",
             {parameter_oid(relation), parameter(std::int64_t{TRIGGER_TYPE_LEVEL_MASK | TRIGGER_TYPE_TIMING_MASK}),
              parameter(std::int64_t{TRIGGER_TYPE_ROW | TRIGGER_TYPE_BEFORE}),
              parameter(std::int64_t{TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE}),
              parameter(std::string_view(kGuardTrigger))})) {
        add_fault(faults, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                  format("Trigger {} fires after the guard trigger: what it makes of a row would be stored unchecked.",
                         quoted(*row[0])),
                  format("Give it a name that sorts before \"{}\": ALTER TRIGGER {} ON … RENAME TO ….", kGuardTrigger,
                         *row[1]));
    }
}

void require_guarded(Oid relation, bool has_shadow) {
    std::vector<Fault> faults;
    if (!has_shadow) {
        find_location_faults(relation, {}, faults);
    }
    find_trigger_faults(relation, faults);
    if (!faults.empty()) {
        faults.front().sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
        refuse_for(faults, "cannot import into the customers table");
    }
}

void find_user_name_faults(Oid relation, const std::string& column, std::vector<Fault>& faults) {
    const ColumnShape shape = read_column_shape(relation, column);
    if (shape.number == 0) {
        add_missing_column(faults, column);
        return;
    }
    const std::size_t before = faults.size();
    if (shape.is_generated) {
        add_generated_column(faults, column);
    }
    find_user_name_type_faults(column, shape, faults);
    if (faults.size() == before) {
        find_index_faults(relation, column, shape.number, faults);
    }
}

void find_roles_faults(Oid relation, const std::string& column, std::vector<Fault>& faults) {
    const ColumnShape shape = read_column_shape(relation, column);
    if (shape.number == 0) {
        add_missing_column(faults, column);
        return;
    }
    if (shape.is_generated) {
        add_generated_column(faults, column);
    }
    if (shape.base_type == TEXTARRAYOID) {
        return;
    }
    const Oid element = get_element_type(shape.base_type);
    const bool is_like_text = OidIsValid(element) && call([&] { return TypeCategory(element) == TYPCATEGORY_STRING; });
    add_fault(faults, ERRCODE_DATATYPE_MISMATCH,
              format("Column {} is of type {}: role codes are stored as text[].", quoted(column), shape.type_name),
              is_like_text
                  ? alter_type(column, "text[]")
                  : format("ALTER TABLE … ADD COLUMN role_codes text[], and keep it in step with {} by a trigger.",
                           quoted(column)));
}

bool has_key(Oid relation_id, const std::string& column) {
    return call([&] {
        Relation relation = relation_open(relation_id, NoLock);
        const AttrNumber number = get_attnum(relation_id, column.c_str());
        bool found = false;
        ListCell* cell;
        List* indexes = RelationGetIndexList(relation);
        foreach (cell, indexes) {
            HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
            if (!HeapTupleIsValid(tuple)) {
                continue;
            }
            auto index = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
            found = found ||
                    (index->indisunique && index->indimmediate && index->indisvalid && index->indnkeyatts == 1 &&
                     index->indkey.values[0] == number && heap_attisnull(tuple, Anum_pg_index_indpred, nullptr));
            ReleaseSysCache(tuple);
        }
        list_free(indexes);
        relation_close(relation, NoLock);
        return found;
    });
}

namespace {

void find_value_faults(Oid relation, const std::string& column, std::vector<Fault>& faults) {
    const ColumnShape shape = read_column_shape(relation, column);
    if (shape.is_generated) {
        add_generated_column(faults, column);
    } else if (shape.is_identity) {
        add_fault(faults, ERRCODE_GENERATED_ALWAYS,
                  format("Column {} is an identity column: the server makes its values.", quoted(column)));
    }
}

void require_unchanged(std::vector<Fault>& faults) {
    if (!faults.empty()) {
        faults.front().sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
        refuse_for(faults, "the customers table has changed since it was created or attached");
    }
}

}  // namespace

void require_writable(Oid relation, const std::vector<std::string>& columns) {
    std::vector<Fault> faults;
    for (const std::string& column : columns) {
        find_value_faults(relation, column, faults);
    }
    require_unchanged(faults);
}

void require_shape(Oid relation, const std::string& user_name, const std::string& roles) {
    std::vector<Fault> faults;
    find_kind_faults(relation, faults);
    find_user_name_faults(relation, user_name, faults);
    find_roles_faults(relation, roles, faults);
    require_unchanged(faults);
}

}  // namespace customer_import::pg
