// Set-up of the customers table: creates one, or lets go of one, and keeps the register that load_target() reads.
#include "pg/table/customers_table.h"

#include <string>
#include <vector>

#include "core/format.h"
#include "core/report.h"
#include "pg/access/access.h"
#include "pg/server/arguments.h"
#include "pg/server/guard.h"
#include "pg/server/lookup.h"
#include "pg/server/statement.h"
#include "pg/server/test_point.h"
#include "pg/server/text_array.h"
#include "pg/table/customer_export.h"
#include "pg/table/privileges.h"
#include "pg/table/removal_marks.h"
#include "pg/table/search_indexes.h"
#include "pg/table/shadow.h"
#include "pg/table/table_shape.h"
#include "pg/table/target.h"

namespace customer_import::pg {

namespace {

// Returns schema and table of a name as SQL writes it, quoted. Errors: 42602, 3F000.
std::string creation_name(std::string_view name) {
    const char* quoted = call([&]() -> const char* {
        text* value = cstring_to_text_with_len(name.data(), static_cast<int>(name.size()));
        RangeVar* range = makeRangeVarFromNameList(textToQualifiedNameList(value));
        Oid schema = RangeVarGetCreationNamespace(range);
        if (isAnyTempNamespace(schema)) {
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("the customers table cannot be a temporary table")));
        }
        if (schema == get_namespace_oid("customer_import", false)) {
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                     errmsg("the customers table cannot be in the schema of the extension"),
                     errdetail("DROP EXTENSION drops that schema."),
                     errhint("Name another schema: customer_import.create_customers_table('public.customers').")));
        }
        return static_cast<const char*>(psprintf("%s.%s", quoted_schema(schema), quote_identifier(range->relname)));
    });
    return quoted;
}

// Each session that imports locks every partition, with its indexes, and the server has room for few more than 64 locks
// a session.
constexpr std::int32_t kMostPartitions = 256;

// Returns the names of the partitions of a table that creation_name() has accepted, as SQL writes them.
std::vector<std::string> partition_names(std::string_view table, std::int32_t count) {
    std::vector<std::string> names;
    for (std::int32_t number = 0; number < count; ++number) {
        const char* quoted = call([&]() -> const char* {
            text* value = cstring_to_text_with_len(table.data(), static_cast<int>(table.size()));
            RangeVar* range = makeRangeVarFromNameList(textToQualifiedNameList(value));
            const char* name = makeObjectName(range->relname, nullptr, psprintf("p%d", number));
            return static_cast<const char*>(
                psprintf("%s.%s", quoted_schema(RangeVarGetCreationNamespace(range)), quote_identifier(name)));
        });
        names.emplace_back(quoted);
    }
    return names;
}

constexpr const char* kPolicies[] = {"customer_import_select", "customer_import_insert", "customer_import_update",
                                     "customer_import_delete"};

void forget_registered() {
    forget_table_privileges();
    OwnerScope owner;
    execute("DELETE FROM customer_import.customers_table_columns");
    execute("DELETE FROM customer_import.customers_table");
    remove_old_marks();
}

// Two sessions that set up a table at the same time would fail. A session that changes what the customers table is
// locks in this order: the register, customer_export, the table, the privileges. A reader of the view locks it before
// the table, too.
void lock_register() {
    OwnerScope owner;
    execute("LOCK TABLE customer_import.customers_table IN SHARE ROW EXCLUSIVE MODE");
}

bool is_registered() {
    OwnerScope owner;
    return !query_latest("SELECT FROM customer_import.customers_table").empty();
}

// With partitions each of them has the policies, too: those of the table do not hold for who names a partition. The
// guard and the CHECK are on each by themselves.
void create_table(const std::string& name, const std::vector<std::string>& partitions) {
    constexpr const char* kStorage = "WITH (fillfactor = 85)";
    execute_ddl(
        format("CREATE TABLE {} (user_name pg_catalog.text COLLATE pg_catalog.\"C\" PRIMARY KEY"
               "      CONSTRAINT customer_import_user_name CHECK (customer_import.is_user_name(user_name)),"
               "  email pg_catalog.text,"
               "  first_name pg_catalog.text,"
               "  last_name pg_catalog.text,"
               "  phone pg_catalog.text,"
               "  company pg_catalog.text,"
               "  active pg_catalog.bool NOT NULL DEFAULT true,"
               "  roles pg_catalog.text[] COLLATE pg_catalog.\"C\" NOT NULL DEFAULT '{{}}',"
               "  created_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now(),"
               "  updated_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now()) {}",
               name, partitions.empty() ? kStorage : "PARTITION BY HASH (user_name)"));
    for (std::size_t number = 0; number < partitions.size(); ++number) {
        execute_ddl(format("CREATE TABLE {} PARTITION OF {} FOR VALUES WITH (MODULUS {}, REMAINDER {}) {}",
                           partitions[number], name, partitions.size(), number, kStorage));
        add_policies(partitions[number]);
    }
    execute_ddl(format("COMMENT ON TABLE {} IS 'Customers and their role codes, written by customer_import.'", name));
    execute_ddl(format("COMMENT ON COLUMN {}.user_name IS 'Key; as customer_import.fold_user_name() gives it.'", name));
    execute_ddl(
        format("COMMENT ON COLUMN {}.roles IS 'Role set: codes of customer_import.role_codes, sorted, unique.'", name));
    add_policies(name);
    add_guard(name, "'roles', 'user_name'");
}

void register_created(const std::string& name) {
    OwnerScope owner;
    execute(
        "INSERT INTO customer_import.customers_table"
        " (relation, created, user_name, roles, fold_user_names, touched_column, row_security)"
        " VALUES ($1::pg_catalog.regclass, true, 'user_name', 'roles', true, 'updated_at', true)",
        {parameter(std::string_view(name))});
    execute(
        "INSERT INTO customer_import.customers_table_columns (position, field, column_name)"
        " VALUES (1, 'email', 'email'), (2, 'firstName', 'first_name'), (3, 'lastName', 'last_name'),"
        "        (4, 'phone', 'phone'), (5, 'company', 'company'), (6, 'active', 'active')");
}

Oid create_customers_table(std::string_view requested, std::int32_t partitions) {
    require_right(Right::administer, "create the customers table");
    if (partitions < 0 || partitions > kMostPartitions) {
        throw ImportError(ERRCODE_INVALID_PARAMETER_VALUE, format("invalid number of partitions: {}", partitions),
                          format("Allowed are 0, for a table without partitions, to {}.", kMostPartitions));
    }
    SpiConnection spi;
    require_no_customers_table();
    const std::string name = creation_name(requested);
    create_table(name, partition_names(requested, partitions));
    register_created(name);
    const std::string oid =
        *query_latest("SELECT $1::pg_catalog.regclass::pg_catalog.oid", {parameter(std::string_view(name))}).front()[0];
    const auto relation = static_cast<Oid>(std::stoul(oid));
    std::vector<Fault> faults;
    find_location_faults(relation, {}, faults);  // Citus may distribute whatever is created in a schema
    if (!faults.empty()) {
        refuse_for(faults, format("cannot create table {}", name));
    }
    add_shadow(relation, name, "user_name", "'roles', 'user_name'", true);
    create_export_views(relation);
    refresh_all_privileges();
    return relation;
}

void drop_policies(const std::string& table, bool keep_enabled, bool keep_forced) {
    for (const char* policy : kPolicies) {
        execute_ddl(format("DROP POLICY IF EXISTS {} ON {}", policy, table));
    }
    if (!keep_forced) {
        execute_ddl(format("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY", table));
    }
    if (!keep_enabled) {
        execute_ddl(format("ALTER TABLE {} DISABLE ROW LEVEL SECURITY", table));
    }
}

// The partitions of a table to which create_table() has given policies: attach gives them to none.
std::vector<std::string> partitions_with_policies(Oid relation) {
    OwnerScope owner;
    std::vector<std::string> names;
    for (Row& row :
         query_latest("SELECT format('%I.%I', n.nspname, c.relname) FROM pg_partition_tree($1) AS t"
                      "  JOIN pg_class AS c ON c.oid = t.relid JOIN pg_namespace AS n ON n.oid = c.relnamespace"
                      " WHERE c.oid <> $1"
                      "   AND EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polname = $2::name)"
                      " ORDER BY 1",
                      {parameter_oid(relation), parameter(std::string_view(kPolicies[0]))})) {
        names.push_back(*std::move(row[0]));
    }
    return names;
}

// Takes away what create or attach have added, and nothing else.
void clean_table(const RegisteredTable& table) {
    drop_search_indexes(table);
    if (table.fold_user_names) {
        const DistributedScope scope(table.relation);
        execute_ddl(format("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}", table.name, kUserNameCheck));
    }
    drop_shadow(table.relation);
    if (table.row_security && !table.is_distributed) {
        drop_policies(table.name, table.was_enabled, table.was_forced);
    }
    if (table.created) {
        for (const std::string& partition : partitions_with_policies(table.relation)) {
            drop_policies(partition, false, false);
        }
    }
    if (!table.is_distributed) {
        execute_ddl(format("DROP TRIGGER IF EXISTS \"{}\" ON {}", kGuardTrigger, table.name));
    }
    // Last: the caller may be able to name the table by what is revoked.
    revoke_table_privileges(table);
}

void detach_customers_table() {
    require_right(Right::administer, "detach the customers table");
    SpiConnection spi;
    SettingsScope settings;
    if (has_citus()) {  // it changes views and functions of a transaction that has changed shards at once in no other way
        settings.set("citus.multi_shard_modify_mode", "sequential");
    }
    lock_register();
    std::optional<RegisteredTable> table = find_registered_table();
    if (!table && !is_registered()) {
        throw ImportError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "there is no customers table");
    }
    if (table) {
        require_owner(table->relation);
    }
    lock_export_views();
    if (table) {
        lock_owned_tree(table->relation, AccessExclusiveLock);
        table = find_registered_table();  // it may have been renamed while this waited
    }
    if (table) {
        clean_table(*table);
    }
    forget_registered();
    drop_export_views();
}

// What went into a table that has been dropped cannot be resumed any more: its message is not to offer it.
void withdraw_offers_of_dropped() {
    OwnerScope owner;
    for (const Row& row :
         query("SELECT i.id, i.message FROM customer_import.imports AS i"
               " WHERE i.state IN ('failed', 'denied', 'canceled') AND i.message LIKE '%resume_import(%'"
               "   AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = i.customers_table)",
               {})) {
        const std::int64_t id = std::stoll(*row[0]);
        execute("UPDATE customer_import.imports SET message = $2 WHERE id = $1",
                {parameter(id), parameter(std::string_view(without_resume_offer(*row[1], id)))});
    }
}

}  // namespace

void require_no_customers_table() {
    lock_register();
    if (const std::optional<RegisteredTable> existing = find_registered_table()) {
        throw ImportError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          format("there is a customers table already: {}", existing->name), {},
                          "Let go of it with SELECT customer_import.detach_customers_table().");
    }
    lock_export_views();
    forget_registered();  // of a table that has been dropped
    drop_export_views();
    withdraw_offers_of_dropped();
}

void add_shadow(Oid table, const std::string& name, const std::string& user_name, const std::string& guard_arguments,
                bool row_security) {
    if (!is_distributed(table) && !test_forces_shadow()) {
        return;
    }
    create_shadow(table, name, user_name);
    OwnerScope owner;
    if (row_security) {
        add_policies(kShadow);
    }
    add_guard(kShadow, guard_arguments);
}

void add_policies(const std::string& table) {
    execute_ddl(format("ALTER TABLE {} ENABLE ROW LEVEL SECURITY", table));
    execute_ddl(format("ALTER TABLE {} FORCE ROW LEVEL SECURITY", table));
    const std::string edit = "((SELECT customer_import.may_edit_customers()))";
    execute_ddl(
        format("CREATE POLICY customer_import_select ON {}"
               " FOR SELECT USING ((SELECT customer_import.may_view_customers()))",
               table));
    execute_ddl(format("CREATE POLICY customer_import_insert ON {} FOR INSERT WITH CHECK {}", table, edit));
    execute_ddl(format("CREATE POLICY customer_import_update ON {0} FOR UPDATE USING {1} WITH CHECK {1}", table, edit));
    execute_ddl(format("CREATE POLICY customer_import_delete ON {} FOR DELETE USING {}", table, edit));
}

void add_guard(const std::string& table, const std::string& arguments) {
    execute_ddl(
        format("CREATE TRIGGER \"{}\" BEFORE INSERT OR UPDATE OR DELETE ON {}"
               " FOR EACH ROW EXECUTE FUNCTION customer_import._guard_customers({})",
               kGuardTrigger, table, arguments));
}

void require_owner(Oid relation) {
    call([&] {
        const char* name = get_rel_name(relation);
        const char kind = get_rel_relkind(relation);
        if (!object_ownercheck(RelationRelationId, relation,
                               GetUserId())) {  // an error of its own if the table has just been dropped
            aclcheck_error(ACLCHECK_NOT_OWNER, name != nullptr ? get_relkind_objtype(kind) : OBJECT_TABLE,
                           name != nullptr ? name : "that has just been dropped");
        }
    });
}

void lock_owned_tree(Oid relation, LOCKMODE lock) {
    require_owner(relation);
    call([&] {
        LockRelationOid(relation, lock);
        if (!relation_exists(relation)) {
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the table has just been dropped")));
        }
    });
    require_owner(relation);  // it may have got another one meanwhile
    call([&] { find_all_inheritors(relation, lock, nullptr); });
}

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// create_customers_table(name text, partitions integer) returns regclass. Errors: 42501; 22023 for a number of partitions
// that is negative or too large; 42P07, also for the name of a partition; 55000 when there is one already; 40001.
CI_WRITING_FUNCTION(ci_create_customers_table) {
    return pg::entry([&] {
        std::string_view name = pg::text_argument(fcinfo, 0, "the name");
        return ObjectIdGetDatum(pg::create_customers_table(name, PG_GETARG_INT32(1)));
    });
}

// detach_customers_table() returns void. Errors: 42501, 55000 when there is none, 42P01 when it is dropped meanwhile,
// 40001.
CI_WRITING_FUNCTION(ci_detach_customers_table) {
    return pg::entry([&] {
        pg::detach_customers_table();
        return Datum{0};
    });
}
