#include "pg/table/target.h"

#include <algorithm>
#include <cstdlib>

#include "core/format.h"
#include "pg/server/cache_watch.h"
#include "pg/server/lookup.h"
#include "pg/server/statement.h"
#include "pg/table/table_shape.h"

namespace customer_import::pg {

namespace {

Oid to_oid(const std::optional<std::string>& text) {
    return static_cast<Oid>(std::strtoul(text->c_str(), nullptr, 10));
}

// What the relation cache knows of a column, as plain data.
struct ColumnFacts {
    const char* name;
    AttrNumber number;
    Oid type;
    Oid base_type;
    const char* type_name;
    std::int32_t type_modifier;
    Oid collation;
    bool nullable;
    const char* default_sql;  // nullptr: none
};

// A domain, or one below it, may forbid NULL.
bool domain_forbids_null(Oid type) {
    while (get_typtype(type) == TYPTYPE_DOMAIN) {
        HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
        if (!HeapTupleIsValid(tuple)) {
            return false;  // the missing column itself is reported
        }
        auto form = reinterpret_cast<Form_pg_type>(GETSTRUCT(tuple));
        const bool forbids = form->typnotnull;
        type = form->typbasetype;
        ReleaseSysCache(tuple);
        if (forbids) {
            return true;
        }
    }
    return false;
}

// Returns the text of the default of a column's type: a domain may have one. nullptr: none.
const char* read_type_default(Oid type) {
    HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
    bool is_null = true;
    Datum expression = 0;
    if (HeapTupleIsValid(tuple)) {
        expression = SysCacheGetAttr(TYPEOID, tuple, Anum_pg_type_typdefaultbin, &is_null);
        expression = is_null ? 0 : PointerGetDatum(PG_DETOAST_DATUM_COPY(expression));
        ReleaseSysCache(tuple);
    }
    return is_null ? nullptr
                   : TextDatumGetCString(DirectFunctionCall2(pg_get_expr, expression, ObjectIdGetDatum(InvalidOid)));
}

// Returns the text of a column's default, as the caller's search_path reads it.
const char* read_default(Relation relation, AttrNumber number) {
    const TupleConstr* constraints = RelationGetDescr(relation)->constr;
    for (int index = 0; constraints != nullptr && index < constraints->num_defval; ++index) {
        if (constraints->defval[index].adnum == number) {
            Datum expression = CStringGetTextDatum(constraints->defval[index].adbin);
            return TextDatumGetCString(
                DirectFunctionCall2(pg_get_expr, expression, ObjectIdGetDatum(RelationGetRelid(relation))));
        }
    }
    return read_type_default(TupleDescAttr(RelationGetDescr(relation), number - 1)->atttypid);
}

ColumnFacts read_column(Oid relation_id, const char* name) {
    Relation relation = table_open(relation_id, NoLock);
    AttrNumber number = get_attnum(relation_id, name);
    if (number <= 0) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("column \"%s\" of the customers table does not exist", name),
                        errdetail("It was there when the table was created or attached."),
                        errhint("Give the column its name back.")));
    }
    Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), number - 1);
    const Oid base = getBaseType(attribute->atttypid);
    ColumnFacts facts = {pstrdup(quote_identifier(name)),
                         number,
                         attribute->atttypid,
                         base,
                         format_type_extended(base, -1, FORMAT_TYPE_FORCE_QUALIFY),
                         attribute->atttypmod,
                         attribute->attcollation,
                         !attribute->attnotnull && !domain_forbids_null(attribute->atttypid),
                         attribute->attgenerated == '\0' ? read_default(relation, number) : nullptr};
    table_close(relation, NoLock);
    return facts;
}

TargetColumn load_column(Oid relation, const std::string& column, const std::string& field) {
    const ColumnFacts facts = call([&] { return read_column(relation, column.c_str()); });
    TargetColumn result;
    result.field = field;
    result.name = facts.name;
    result.number = facts.number;
    result.type = facts.type;
    result.base_type = facts.base_type;
    result.type_name = facts.type_name;
    result.type_modifier = facts.type_modifier;
    result.collation = facts.collation;
    result.clearable = facts.nullable;
    result.default_sql = facts.default_sql != nullptr ? facts.default_sql : "";
    result.kind = facts.type == TEXTOID   ? FieldKind::text
                  : facts.type == BOOLOID ? FieldKind::boolean
                                          : FieldKind::other;
    return result;
}

bool query_flag(const std::string& text, const Parameter& parameter) {
    return query_latest(text, {parameter}).front().front() == "t";
}

// A relation with its partitions, as oid[]. Found here, and not by each statement: that would take a third of the time
// in which a session gets to know a table.
Parameter tree_parameter(Oid relation) {
    return call([&]() -> Parameter {
        const List* tree = get_rel_relkind(relation) == RELKIND_PARTITIONED_TABLE
                               ? find_all_inheritors(relation, AccessShareLock, nullptr)
                               : list_make1_oid(relation);
        auto members = static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<Size>(list_length(tree))));
        for (int index = 0; index < list_length(tree); ++index) {
            members[index] = ObjectIdGetDatum(list_nth_oid(tree, index));
        }
        ArrayType* array = construct_array(members, list_length(tree), OIDOID, sizeof(Oid), true, TYPALIGN_INT);
        return {OIDARRAYOID, PointerGetDatum(array), false};
    });
}

// Columns that are no other row's in a new row, if an import does not name them: numbered by the server, or with a
// volatile default; without a default they are NULL, unless a trigger fills them. No order of records makes a
// difference to a key with such a column.
std::vector<std::string> find_fresh_columns(const Target& target, bool triggers) {
    struct Names {
        const char** names;
        int count;
    };
    const Names found = call([&] {
        Relation relation = table_open(target.relation, NoLock);
        TupleDesc columns = RelationGetDescr(relation);
        Names fresh = {static_cast<const char**>(palloc(sizeof(char*) * static_cast<Size>(columns->natts))), 0};
        for (int index = 0; index < columns->natts; ++index) {
            Form_pg_attribute column = TupleDescAttr(columns, index);
            if (column->attisdropped || column->attgenerated != '\0') {
                continue;
            }
            Node* value = column->attidentity != '\0' ? nullptr : build_column_default(relation, column->attnum);
            const bool is_fresh = column->attidentity != '\0' ||
                                  (value == nullptr ? !triggers : contain_volatile_functions(value));
            if (is_fresh) {
                fresh.names[fresh.count++] = pstrdup(NameStr(column->attname));
            }
        }
        table_close(relation, NoLock);
        return fresh;
    });
    return {found.names, found.names + found.count};
}

// Whether anything but NOT NULL, our own policies, which look at no row, and our own indexes looks at columns that
// imports write. What looks at other columns alone finds the same in each version.
bool watches_written_columns(const Target& target, const Parameter& tree) {
    std::vector<std::string> written = {target.roles.name};
    bool has_domain = target.roles.type != target.roles.base_type;
    for (const TargetColumn& column : target.values) {
        written.push_back(column.name);
        has_domain = has_domain || column.type != column.base_type;
    }
    if (!target.touched_column.empty()) {
        written.push_back(target.touched_column);
    }
    return has_domain ||
           *query_latest(
                "SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint c"
                "  WHERE c.conrelid = ANY ($3) AND c.contype <> 'n'"
                "    AND (c.conkey IS NULL OR 0 = ANY (c.conkey) OR EXISTS ("
                "         SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)"
                "            AND pg_catalog.quote_ident(a.attname) = ANY ($2))))"
                " OR EXISTS (SELECT FROM pg_catalog.pg_index i"
                "  JOIN pg_catalog.pg_class c ON c.oid = COALESCE(pg_catalog.pg_partition_root(i.indexrelid), i.indexrelid)"
                "  WHERE i.indrelid = ANY ($3) AND c.relname <> 'customer_import_search_text'"
                "    AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL))"
                " OR EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = $1"
                "    AND NOT (p.polname IN ('customer_import_select', 'customer_import_insert', 'customer_import_update',"
                "                           'customer_import_delete')"
                "             AND pg_catalog.concat(p.polqual, p.polwithcheck) !~ '{VAR '))",
                {parameter_oid(target.relation), text_array_parameter(written), tree})
                   .front()
                   .front() == "t";
}

void load_rules(Target& target, bool own_row_triggers) {
    const Parameter relation = parameter_oid(target.relation);
    const Parameter tree = tree_parameter(target.relation);
    const bool rules = query_flag("SELECT EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = ANY ($1))",
                                  tree);
    const bool triggers = query_flag(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger t"
        "  WHERE t.tgrelid = ANY ($1) AND NOT t.tgisinternal AND t.tgenabled <> 'D'"
        "    AND t.tgfoid <> 'customer_import._guard_customers()'::pg_catalog.regprocedure)",
        tree);
    const bool generated = query_flag(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute a"
        "  WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> '')",
        relation);
    const bool second_key =
        *query_latest(
             "SELECT EXISTS (SELECT FROM pg_catalog.pg_index i"
             "  WHERE i.indrelid = ANY ($1) AND (i.indisunique OR i.indisexclusion)"
             "    AND NOT (i.indisunique AND i.indnkeyatts = 1 AND i.indexprs IS NULL AND i.indkey[0] ="
             "             (SELECT a.attnum FROM pg_catalog.pg_attribute a"
             "               WHERE a.attrelid = i.indrelid AND a.attname ="
             "                     (SELECT user_name FROM customer_import.customers_table)))"
             "    AND NOT (i.indisunique AND NOT i.indnullsnotdistinct AND EXISTS ("
             "             SELECT FROM pg_catalog.pg_attribute a"
             "              WHERE a.attrelid = i.indrelid"
             "                AND a.attnum = ANY ((i.indkey::pg_catalog.int2[])[0:i.indnkeyatts - 1])"
             "                AND a.attname::pg_catalog.text = ANY ($2)"
             "                AND a.attname NOT IN (SELECT column_name FROM customer_import.customers_table_columns"
             "                                      UNION ALL SELECT roles FROM customer_import.customers_table"
             "                                      UNION ALL SELECT user_name FROM customer_import.customers_table))))",
             {tree, text_array_parameter(find_fresh_columns(target, triggers))})
             .front()
             .front() == "t";
    const bool self_reference = query_flag(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint c"
        "  WHERE c.contype = 'f' AND c.conrelid = $1 AND c.confrelid = $1)",
        relation);
    target.one_by_one = rules || (triggers && !own_row_triggers) || second_key || self_reference;
    target.rewritten = rules || triggers || generated;
    target.shows_versions = target.one_by_one || target.rewritten || watches_written_columns(target, tree);

    std::vector<Row> constraints = query_latest(
        "SELECT pg_catalog.string_agg(DISTINCT pg_catalog.format('%I.%I', n.nspname, c.conname), ', '),"
        "       pg_catalog.string_agg(DISTINCT pg_catalog.format('%I.%I', n.nspname, c.conname), ', ')"
        "           FILTER (WHERE c.condeferred)"
        "  FROM pg_catalog.pg_constraint c"
        "  JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace"
        " WHERE c.condeferrable AND (c.conrelid = ANY ($2) OR c.confrelid = $1)",
        {relation, tree});
    target.deferrable_constraints = constraints.front()[0].value_or("");
    target.initially_deferred_constraints = constraints.front()[1].value_or("");
}

}  // namespace

ConstraintsChecked::ConstraintsChecked(const Target& target) : target_(target) {
    if (!target_.deferrable_constraints.empty()) {
        execute(format("SET CONSTRAINTS {} IMMEDIATE", target_.deferrable_constraints), {}, Plan::once);
    }
}

void ConstraintsChecked::defer() const {
    if (!target_.initially_deferred_constraints.empty()) {
        execute(format("SET CONSTRAINTS {} DEFERRED", target_.initially_deferred_constraints), {}, Plan::once);
    }
}

// An attached table may have a column of its own by the name of an alias.
std::vector<std::string> Target::unused_aliases(const Field& standard) const {
    std::vector<std::string> aliases;
    for (const std::string& alias : standard.aliases) {
        const bool is_used = std::any_of(values.begin(), values.end(), [&](const TargetColumn& column) {
            return header_key(column.field) == header_key(alias);
        });
        if (!is_used) {
            aliases.push_back(alias);
        }
    }
    return aliases;
}

std::vector<Field> Target::fields() const {
    std::vector<Field> result;
    for (const Field& field : standard_fields()) {
        if (!is_value(field.kind)) {
            result.push_back(field);
            result.back().aliases = unused_aliases(field);
        }
    }
    for (const TargetColumn& column : values) {
        Field field{column.field, {}, column.kind, column.clearable};
        for (const Field& standard : standard_fields()) {
            if (standard.name == column.field) {
                field.aliases = unused_aliases(standard);
            }
        }
        result.push_back(field);
    }
    return result;
}

namespace {

// What this session has read of the registered table, until the server announces a change of what that rests on: the
// register; the table itself, with its columns, indexes, triggers, rules and policies; the constraints of others that refer
// to it; schemas that are renamed; whether functions in defaults are volatile; and types, if they are not the server's.
struct KnownTable {
    std::optional<RegisteredTable> table;
    std::optional<Target> target;
    std::optional<Home> home;  // if it has a shadow
    bool is_guarded = false;   // it holds what imports write
};

CacheWatch watched_table({"customers_table", "customers_table_columns"}, {CONSTROID, NAMESPACEOID, PROCOID});

// Process memory that lives as long as the backend.
KnownTable& known_table() {
    static auto* const known = new KnownTable;
    return *known;
}

std::optional<RegisteredTable> read_registered_table() {
    OwnerScope owner;
    std::vector<Row> rows = query_latest(
        "SELECT c.relation::oid, format('%I.%I', n.nspname, t.relname), c.created, c.fold_user_names,"
        "       c.own_row_triggers, c.row_security, c.was_enabled, c.was_forced,"
        "       NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = t.oid"
        "                      AND g.tgfoid = 'customer_import._guard_customers()'::regprocedure)"
        "  FROM customer_import.customers_table c"
        "  JOIN pg_class t ON t.oid = c.relation"
        "  JOIN pg_namespace n ON n.oid = t.relnamespace"
        " WHERE EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid IN (t.oid, to_regclass('customer_import._shadow'))"
        "                  AND g.tgfoid = 'customer_import._guard_customers()'::regprocedure)");
    if (rows.empty()) {
        return std::nullopt;
    }
    const Row& row = rows.front();
    return RegisteredTable{to_oid(row[0]), *row[1],       row[2] == "t", row[3] == "t", row[4] == "t",
                           row[5] == "t",  row[6] == "t", row[7] == "t", row[8] == "t"};
}

}  // namespace

std::optional<RegisteredTable> find_registered_table() {
    KnownTable& known = known_table();
    if (!watched_table.is_current() || !known.table) {
        watched_table.read([&] {
            known = {};
            const std::uint64_t changes = SharedInvalidMessageCounter;
            known.table = read_registered_table();
            if (known.table) {
                watched_table.add_relation(known.table->relation);
            }
            if (SharedInvalidMessageCounter != changes) {
                watched_table.forget();  // perhaps a change of the table, before it was watched
            }
        });
    }
    return known.table;
}

std::optional<RegisteredTable> lock_registered_table(LOCKMODE lock) {
    for (;;) {
        const std::uint64_t changes = SharedInvalidMessageCounter;
        std::optional<RegisteredTable> table = find_registered_table();
        if (!table) {
            return std::nullopt;
        }
        call([&] { LockRelationOid(table->relation, lock); });
        if (SharedInvalidMessageCounter == changes) {
            return table;  // no catalog has changed meanwhile
        }
        std::optional<RegisteredTable> same = find_registered_table();
        if (same && same->relation == table->relation) {
            return same;
        }
        call([&] { UnlockRelationOid(table->relation, lock); });
    }
}

std::vector<Field> registered_fields() {
    Target target;
    OwnerScope owner;
    for (const Row& row : query_latest("SELECT field FROM customer_import.customers_table_columns ORDER BY position")) {
        target.values.emplace_back().field = *row[0];
    }
    return target.values.empty() ? standard_fields() : target.fields();
}

TableOwnerScope::TableOwnerScope(const Target& target)
    : lookup_(call([&] { return relation_owner(target.relation); })) {}

namespace {

Target read_target(const RegisteredTable& table) {
    Row facts;
    std::vector<Row> columns;
    {
        OwnerScope owner;
        facts = query_latest("SELECT user_name, roles, touched_column FROM customer_import.customers_table").front();
        columns = query_latest(
            "SELECT field, column_name FROM customer_import.customers_table_columns ORDER BY position");
    }
    Target target;
    target.relation = table.relation;
    target.name = table.name;
    target.fold_user_names = table.fold_user_names;

    target.user_name = load_column(target.relation, *facts[0], "");
    target.roles = load_column(target.relation, *facts[1], "");
    if (facts[2]) {
        target.touched_column = load_column(target.relation, *facts[2], "").name;
    }
    std::vector<std::string> written;
    written.reserve(columns.size());
    for (const Row& column : columns) {
        written.push_back(*column[1]);
    }
    require_writable(target.relation, written);
    for (const Row& column : columns) {
        target.values.push_back(load_column(target.relation, *column[1], *column[0]));
    }
    OwnerScope owner;
    // The owner of a table that the extension has created may change it; but without its key each record would read all
    // of it.
    if (!table.created || !has_key(target.relation, *facts[0])) {
        require_shape(target.relation, *facts[0], *facts[1]);
    }
    load_rules(target, table.own_row_triggers);
    return target;
}

// Parts may change without an announcement of the table itself.
bool has_parts(Oid relation) {
    return call([&] { return get_rel_relkind(relation) != RELKIND_RELATION || has_subclass(relation); });
}

bool has_types_of_users(const Target& target) {
    const auto is_of_user = [](const TargetColumn& column) { return column.type >= FirstNormalObjectId; };
    return is_of_user(target.user_name) || is_of_user(target.roles) ||
           std::any_of(target.values.begin(), target.values.end(), is_of_user);
}

// Returns the description of the table, which is locked. It stays known if no change is announced while it is read.
const Target& know_target(const RegisteredTable& table) {
    KnownTable& known = known_table();
    if (!watched_table.is_current() || !known.target) {
        known.target.reset();
        known.home.reset();
        known.is_guarded = false;
        known.target = read_target(table);
        if (has_types_of_users(*known.target)) {
            watched_table.add_system_cache(TYPEOID);
        }
        if (has_parts(table.relation)) {
            watched_table.forget();
        }
    }
    return *known.target;
}

bool has_policies(Oid relation) {
    return call([&] { return check_enable_rls(relation, InvalidOid, true) == RLS_ENABLED; });
}

// How the text of a default names things depends on the caller's search_path, and on what else has their names.
void name_defaults(Target& target) {
    for (TargetColumn& column : target.values) {
        if (!column.default_sql.empty()) {
            column.default_sql = call([&] {
                Relation relation = table_open(target.relation, NoLock);
                const char* text = read_default(relation, column.number);
                table_close(relation, NoLock);
                return text != nullptr ? text : "";
            });
        }
    }
}

}  // namespace

RegisteredTable require_registered_table(LOCKMODE lock) {
    std::optional<RegisteredTable> table = lock_registered_table(lock);
    if (!table) {
        throw ImportError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "there is no customers table", {},
                          "Create it with SELECT customer_import.create_customers_table(), or attach yours with "
                          "customer_import.attach_customers_table().");
    }
    return std::move(*table);
}

Target load_target(LOCKMODE lock) {
    const RegisteredTable table = require_registered_table(lock);
    Target target = know_target(table);
    target.is_distributed = table.is_distributed;
    name_defaults(target);
    target.has_policies = has_policies(target.relation);
    return target;
}

Target load_import_target(LOCKMODE lock) {
    Target target = load_target(lock);
    KnownTable& known = known_table();
    if (!known.home && has_shadow()) {
        watched_table.add_relation(shadow_table());  // for its policies
        known.home = read_home(target.relation, target.name);
    }
    if (!known.is_guarded || has_citus()) {
        require_guarded(target.relation, known.home.has_value());
        known.is_guarded = true;
    }
    if (known.home) {
        // What triggers and generated columns of the table make of a row is seen by nobody who writes the shadow.
        target.home = known.home;
        target.relation = shadow_table();
        target.name = kShadow;
        target.rewritten = false;
        target.has_policies = has_policies(target.relation);
    }
    return target;
}

}  // namespace customer_import::pg
