#include "pg/table/shadow.h"

#include <vector>

#include "core/format.h"
#include "core/text.h"
#include "pg/server/lookup.h"
#include "pg/server/statement.h"
#include "pg/table/dependents.h"
#include "pg/table/table_shape.h"

namespace customer_import::pg {

namespace {

// The type of a column as the stage has it: without the rules of a domain, since rows of it are staged without values.
std::string staged_type(Oid type, std::int32_t modifier) {
    return call([&]() -> const char* {
        std::int32_t base_modifier = modifier;
        const Oid base = getBaseTypeAndTypmod(type, &base_modifier);
        return format_type_extended(base, base_modifier, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
    });
}

// Name (quoted), number, type, type modifier, collation (quoted), NOT NULL, made by the server.
std::vector<Row> read_columns(Oid table) {
    return query_latest(
        "SELECT quote_ident(a.attname), a.attnum, a.atttypid, a.atttypmod,"
        "       (SELECT format('%I.%I', n.nspname, c.collname) FROM pg_collation AS c"
        "          JOIN pg_namespace AS n ON n.oid = c.collnamespace WHERE c.oid = a.attcollation),"
        "       a.attnotnull, a.attidentity <> '' OR a.attgenerated <> ''"
        "  FROM pg_attribute AS a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        {parameter_oid(table)});
}

std::string staged_name(const Row& column) { return "c" + *column[1]; }

// Where the stage is. Citus makes its shards as the owner of the table, who may make none in the schema of the extension
// unless they may do everything: then it is beside the table.
std::string stage_of(Oid table, Oid owner) {
    const bool is_beside = is_distributed(table) && !call([&] { return superuser_arg(owner); });
    return is_beside ? format("{}.{}", call([&] { return relation_facts(table); }).schema_name, kStageBeside) : kStage;
}

void create_stage(const std::string& stage, const std::vector<Row>& columns, const std::string& user_name) {
    std::string list;
    for (const Row& column : columns) {
        const std::string type = staged_type(static_cast<Oid>(std::stoul(*column[2])), std::stoi(*column[3]));
        const std::string definition = type + (column[4] ? " COLLATE " + *column[4] : "");
        list += format(", {} {}", staged_name(column), definition);
        if (*column[0] == user_name) {
            list += format(", user_name {} NOT NULL", definition);
        }
    }
    execute_ddl(format("CREATE UNLOGGED TABLE {} (slice bigint NOT NULL, home_tid tid, home_xmin xid{})", stage, list));
    execute_ddl(format("CREATE INDEX ON {} (slice)", stage));
}

// Makes the stage, which belongs to the owner of the table.
void add_stage(Oid table, const std::string& name, Oid owner, const std::vector<Row>& columns,
               const std::string& user_name) {
    const std::string stage = stage_of(table, owner);
    if (is_distributed(table)) {
        const LookupScope scope(owner);
        create_stage(stage, columns, user_name);
        execute("SELECT create_distributed_table($1::regclass, 'user_name', colocate_with => $2)",
                {parameter(std::string_view(stage)), parameter(std::string_view(name))}, Plan::once);
    } else {
        create_stage(stage, columns, user_name);
        execute_ddl(format("ALTER TABLE {} OWNER TO {}", stage, call([&] { return quoted_role(owner); })));
    }
    execute("UPDATE customer_import.customers_table SET stage = $1::regclass", {parameter(std::string_view(stage))});
    drop_with(shadow_table(), stage_table());
}

}  // namespace

Oid shadow_table() {
    return call([] { return own_table("_shadow"); });
}

Oid stage_table() {
    OwnerScope owner;
    const std::vector<Row> rows = query_latest("SELECT stage::oid FROM customer_import.customers_table");
    return rows.empty() || !rows.front()[0] ? InvalidOid : static_cast<Oid>(std::stoul(*rows.front()[0]));
}

bool has_shadow() { return OidIsValid(shadow_table()); }

void create_shadow(Oid table, const std::string& name, const std::string& user_name) {
    OwnerScope owner;
    const std::vector<Row> columns = read_columns(table);
    // A row that was fetched is changed next to where it is, and so needs no second entry in the index. A vacuum between two
    // batches would tell the planner that there are no rows: then it would compare each of a batch with each other one.
    execute_ddl(
        format("CREATE UNLOGGED TABLE {} (LIKE {} INCLUDING DEFAULTS, _fetched boolean NOT NULL DEFAULT false)"
               " WITH (fillfactor = 50, autovacuum_enabled = false)",
               kShadow, name));
    for (const Row& column : columns) {
        if (column[5] == "t") {
            execute_ddl(format("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL", kShadow, *column[0]));
        }
    }
    execute_ddl(format("CREATE UNIQUE INDEX ON {} ({})", kShadow, user_name));
    const Oid owner_of_table = call([&] { return relation_owner(table); });
    execute_ddl(format("ALTER TABLE {} OWNER TO {}", kShadow, call([&] { return quoted_role(owner_of_table); })));
    drop_with(table, shadow_table());
    add_stage(table, name, owner_of_table, columns, user_name);
}

DistributedScope::DistributedScope(Oid table) {
    if (is_distributed(table)) {
        const Oid owner = call([&] { return relation_owner(table); });
        const Oid stage = stage_table();
        const bool has_changed = call([&] { return relation_exists(stage) && relation_owner(stage) != owner; });
        owner_.emplace(has_changed ? extension_owner() : owner);
    }
}

void drop_shadow(Oid table) {
    if (!has_shadow()) {
        return;
    }
    OwnerScope owner;
    const std::vector<Row> policies = query_latest(
        "SELECT string_agg(quote_ident(polname), ', ' ORDER BY polname) FROM pg_policy"
        " WHERE polrelid = $1 AND NOT starts_with(polname::text, 'customer_import_')",
        {parameter_oid(shadow_table())});
    if (const Oid stage = stage_table(); call([&] { return relation_exists(stage); })) {
        const DistributedScope scope(table);
        execute_ddl(format("DROP TABLE {}", call([&] { return relation_facts(stage); }).name));
    }
    execute_ddl(format("DROP TABLE {}", kShadow));
    if (policies.front()[0]) {
        const std::string& names = *policies.front()[0];
        call([&] {
            ereport(WARNING, (errmsg("policies of the shadow are dropped with it: %s", names.c_str()),
                              errhint("Make them again in the transaction that attaches the table anew.")));
        });
    }
}

namespace {

// Citus plans no statement that reads rows of ours and a table of its own, be it by way of a view. By way of a function in
// SQL that returns a set there is worse: it becomes a part of the statement so late that Citus does not notice, and the
// server reads what it has of the table, which is no row.
void require_local_policies(Oid shadow) {
    if (!has_citus()) {
        return;
    }
    const std::vector<Row> found = query_latest(
        "WITH RECURSIVE reads (policy, class, object) AS ("
        "    SELECT p.polname, d.refclassid, d.refobjid FROM pg_policy AS p"
        "      JOIN pg_depend AS d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid"
        "     WHERE p.polrelid = $1 "
        "    UNION"
        "    SELECT r.policy, d.refclassid, d.refobjid FROM reads AS r"
        "      JOIN pg_rewrite AS w ON r.class = 'pg_class'::regclass AND w.ev_class = r.object"
        "      JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid) "
        "SELECT r.policy, format('%I.%I', n.nspname, c.relname), NULL FROM reads AS r"
        "  JOIN pg_dist_partition AS k ON r.class = 'pg_class'::regclass AND k.logicalrelid = r.object"
        "  JOIN pg_class AS c ON c.oid = r.object JOIN pg_namespace AS n ON n.oid = c.relnamespace "
        "UNION ALL "
        "SELECT r.policy, NULL, f.oid::regprocedure::text FROM reads AS r"
        "  JOIN pg_proc AS f ON r.class = 'pg_proc'::regclass AND f.oid = r.object"
        "  JOIN pg_language AS l ON l.oid = f.prolang AND l.lanname = 'sql'"
        " WHERE f.proretset AND NOT f.prosecdef AND f.proconfig IS NULL AND f.provolatile <> 'v'"
        " ORDER BY 1, 2, 3 LIMIT 1",
        {parameter_oid(shadow)});
    if (found.empty()) {
        return;
    }
    const std::string policy = quoted(*found[0][0]);
    if (found[0][1]) {
        throw ImportError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          format("policy {} of the shadow reads table {}, which is one of Citus", policy, *found[0][1]),
                          {}, "Have the policy call a function that reads a reference table.");
    }
    throw ImportError(
        ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        format("policy {} of the shadow calls {}, which is in SQL and returns a set", policy, *found[0][2]), {},
        "Write the function in PL/pgSQL: tables of Citus look empty to such a one.");
}

}  // namespace

// As the server makes one condition of the policies for SELECT that hold for a role: any of those that permit, and all of
// those that restrict. The one of ours permits whoever has the right.
std::string shown_by_policies() {
    const Oid shadow = shadow_table();
    const Oid caller = GetUserId();
    if (call([&] { return check_enable_rls(shadow, InvalidOid, true) != RLS_ENABLED; })) {
        return {};
    }
    OwnerScope owner;
    require_local_policies(shadow);
    bool permits_all = false;
    std::string permitted, restricted;
    for (const Row& row : query_latest(
             "SELECT polname = 'customer_import_select', polpermissive, pg_get_expr(polqual, polrelid) FROM pg_policy"
             " WHERE polrelid = $1 AND polcmd IN ('r', '*') AND polqual IS NOT NULL"
             "   AND (0 = ANY (polroles)"
             "        OR EXISTS (SELECT FROM unnest(polroles) AS r WHERE pg_has_role($2, r, 'USAGE')))"
             " ORDER BY polname",
             {parameter_oid(shadow), parameter_oid(caller)})) {
        permits_all = permits_all || row[0] == "t";
        if (row[1] == "t") {
            permitted += format("{}({})", permitted.empty() ? "" : " OR ", *row[2]);
        } else {
            restricted += format(" AND ({})", *row[2]);
        }
    }
    if (permits_all && restricted.empty()) {
        return {};
    }
    return format("({}){}", permits_all ? "true" : permitted.empty() ? "false" : permitted, restricted);
}

bool is_citus_loaded() {
    return call([] { return GetConfigOption("citus.shard_count", true, false) != nullptr; });
}

void settle_commits() {
    if (has_shadow() && has_citus()) {
        OwnerScope owner;
        try {
            query("SELECT recover_prepared_transactions()", {}, Plan::once);
        } catch (const PgError& error) {
            if (error.sqlstate() == ERRCODE_INTERNAL_ERROR) {  // so Citus reports a connection that it had and lost
                error.data()->sqlerrcode = ERRCODE_CONNECTION_FAILURE;
            }
            throw;
        }
    }
}

std::int64_t shadow_bytes() {
    const Oid shadow = shadow_table();
    if (!OidIsValid(shadow)) {
        return 0;
    }
    const std::vector<Row> size = query("SELECT pg_total_relation_size($1)", {parameter_oid(shadow)});
    return size.front()[0] ? std::stoll(*size.front()[0]) : 0;  // it may have been dropped meanwhile
}

// A vacuum would tell the planner that there are no rows; see create_shadow(). As the owner, whose triggers there may be.
std::int64_t give_back_shadow(std::int64_t above) {
    const std::int64_t bytes = shadow_bytes();
    if (bytes <= above) {  // another worker may have done it
        return 0;
    }
    const LookupScope owner(call([] { return relation_owner(shadow_table()); }));
    SettingsScope settings;
    settings.set("lock_timeout", "5s");
    return was_done_unless_locked(in_subtransaction([] { execute_ddl(format("TRUNCATE {}", kShadow)); })) ? 0 : bytes;
}

Home read_home(Oid table, const std::string& name) {
    OwnerScope owner;
    require_local_policies(shadow_table());
    const Oid stage = stage_table();
    const char* stage_name = call([&] { return relation_exists(stage) ? relation_facts(stage).name : ""; });
    Home home{table, name, stage_name, {}};
    for (const Row& column : read_columns(table)) {
        home.columns.push_back({*column[0], staged_name(column), column[6] == "t"});
    }
    const bool fits =
        query_latest(
            "SELECT FROM pg_class AS t JOIN pg_class AS s ON s.oid = $2::regclass AND s.relowner <> t.relowner"
            " WHERE t.oid = $1 "
            "UNION ALL "
            "SELECT FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = $1 AND d.adnum = a.attnum AND a.attgenerated = ''"
            " WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped"
            "   AND NOT (EXISTS (SELECT FROM pg_attribute AS s"
            "                      LEFT JOIN pg_attrdef AS e ON e.adrelid = s.attrelid AND e.adnum = s.attnum"
            "                     WHERE s.attrelid = $2::regclass"
            "                       AND (s.attname, s.atttypid, s.atttypmod) = (a.attname, a.atttypid, a.atttypmod)"
            "                       AND pg_get_expr(e.adbin, e.adrelid) IS NOT DISTINCT FROM pg_get_expr(d.adbin, d.adrelid))"
            "            AND EXISTS (SELECT FROM pg_attribute AS s WHERE s.attrelid = $3"
            "                           AND s.attname = 'c' || a.attnum))",
            {parameter_oid(table), parameter(std::string_view(kShadow)), parameter_oid(stage)})
            .empty();
    if (!fits) {
        throw ImportError(
            ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "the customers table has other columns or defaults, or another owner, than when it was attached", {},
            "Detach it with customer_import.detach_customers_table(), and attach it anew.");
    }
    return home;
}

}  // namespace customer_import::pg
