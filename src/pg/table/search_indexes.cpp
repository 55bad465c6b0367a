#include "pg/table/search_indexes.h"

#include <vector>

#include "core/customer_search.h"
#include "core/format.h"
#include "pg/access/access.h"
#include "pg/server/arguments.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"

namespace customer_import::pg {

namespace {

constexpr std::string_view kTextIndex = "customer_import_search_text";
constexpr std::string_view kRolesIndex = "customer_import_search_roles";

// The name for SQL of one of the indexes, if the table has it.
std::optional<std::string> find_index(Oid table, std::string_view name) {
    OwnerScope owner;
    const std::vector<Row> rows = query_latest(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_index AS i"
        "  JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE i.indrelid = $1 AND c.relname = $2",
        {parameter_oid(table), parameter(name)});
    return rows.empty() ? std::nullopt : rows.front()[0];
}

// The schema in which pg_trgm is, for SQL. Errors: 55000 when it is not installed.
std::string trigram_schema() {
    OwnerScope owner;
    const std::vector<Row> rows = query_latest(
        "SELECT quote_ident(n.nspname) FROM pg_extension AS e"
        "  JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm'");
    if (rows.empty()) {
        throw ImportError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "the extension pg_trgm is not installed", {},
                          "Use CREATE EXTENSION pg_trgm.");
    }
    return *rows.front()[0];
}

std::string text_sql(const TargetColumn& column) {
    return column.type == TEXTOID ? column.name : format("({})::pg_catalog.text", column.name);
}

// Before it is locked against writers.
void require_owner() {
    if (const std::optional<RegisteredTable> table = find_registered_table();
        table && query_latest("SELECT FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=) $1"
                              " AND pg_catalog.pg_has_role(relowner, 'USAGE')",
                              {parameter_oid(table->relation)})
                     .empty()) {
        throw ImportError(ERRCODE_INSUFFICIENT_PRIVILEGE, format("must be owner of table {}", table->name));
    }
}

void create_search_indexes() {
    require_right(Right::administer, "create search indexes");
    SpiConnection spi;
    require_owner();
    const Target target = load_target(ShareRowExclusiveLock);  // against writers, and sessions that create them, too
    const std::string schema = trigram_schema();
    if (!find_index(target.relation, kTextIndex)) {
        execute_ddl(format("CREATE INDEX {} ON {} USING gin (({}) {}.gin_trgm_ops)", kTextIndex, target.name,
                           search_text_sql(target), schema));
    }
    if (!find_index(target.relation, kRolesIndex)) {
        execute_ddl(format("CREATE INDEX {} ON {} USING gin ({})", kRolesIndex, target.name, target.roles.name));
    }
}

}  // namespace

std::string searched_column_sql(const Target& target, std::string_view field) {
    for (const TargetColumn& column : target.values) {
        if (column.field == field && call([&] { return TypeCategory(column.type) == TYPCATEGORY_STRING; })) {
            return text_sql(column);
        }
    }
    return "NULL::pg_catalog.text";
}

// One collation for all: the columns may have others.
std::string search_text_sql(const Target& target) {
    std::string arguments = text_sql(target.user_name);
    for (const char* field : {"email", "firstName", "lastName", "company"}) {
        arguments += format(", {}", searched_column_sql(target, field));
    }
    return format("customer_import._search_text({}) COLLATE pg_catalog.\"C\"", arguments);
}

void drop_search_indexes(const RegisteredTable& table) {
    for (const std::string_view name : {kTextIndex, kRolesIndex}) {
        if (const std::optional<std::string> index = find_index(table.relation, name)) {
            execute_ddl(format("DROP INDEX {}", *index));
        }
    }
}

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// create_search_indexes() returns void. Errors: 42501 unless an administrator that owns the table calls it, 55000 when
// there is no customers table or no pg_trgm; 40001.
CI_WRITING_FUNCTION(ci_create_search_indexes) {
    return pg::entry([&] {
        pg::create_search_indexes();
        return Datum{0};
    });
}

// _search_text(user_name, email, first_name, last_name, company) returns text: what a customer is found by, folded.
CI_FUNCTION(ci_search_text) {
    return pg::entry([&] {
        struct Arguments {
            varlena* text[5];
        };
        const Arguments arguments = pg::call([&] {
            Arguments read{};
            for (int index = 0; index < 5; ++index) {
                read.text[index] = PG_ARGISNULL(index) ? nullptr : PG_GETARG_VARLENA_PP(index);
            }
            return read;
        });
        const auto view = [&](int index) {
            return arguments.text[index] != nullptr ? pg::varlena_view(arguments.text[index]) : std::string_view();
        };
        return pg::text_datum(customer_import::search_text({view(0), view(1), view(2), view(3), view(4)}));
    });
}
