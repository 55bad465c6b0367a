#include "pg/access/role_catalog.h"

#include "core/format.h"
#include "core/pace.h"
#include "core/role_set.h"
#include "core/text.h"
#include "pg/access/access.h"
#include "pg/server/arguments.h"
#include "pg/server/cache_watch.h"
#include "pg/server/lookup.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"

namespace customer_import::pg {

namespace {

// Process memory that lives as long as the backend.
RoleCatalog* cache = nullptr;
CacheWatch watched_codes({"role_codes"});

std::unique_ptr<RoleCatalog> read_catalog() {
    auto catalog = std::make_unique<RoleCatalog>();
    OwnerScope owner;
    for (const Row& row : query_latest("SELECT code, privileged FROM customer_import.role_codes")) {
        check_interrupts();
        catalog->add(*row[0], *row[1] == "t");
    }
    return catalog;
}

// The access rules depend on the operators' codes: these stay in the catalog, and privileged.
void refuse_built_in(std::string_view code) {
    if (const std::string_view built_in = find_operator_code(code); !built_in.empty()) {
        throw ImportError(ERRCODE_INVALID_PARAMETER_VALUE, format("role code \"{}\" is built in", built_in), {},
                          "It stays in the catalog, and privileged.");
    }
}

}  // namespace

std::unique_ptr<RoleCatalog> load_catalog() { return std::make_unique<RoleCatalog>(cached_catalog()); }

void hold_catalog() {
    call([] { LockRelationOid(own_table("role_codes"), RowShareLock); });
}

std::unique_ptr<RoleCatalog> load_held_catalog() {
    hold_catalog();
    return load_catalog();
}

const RoleCatalog& cached_catalog() {
    if (!watched_codes.is_current()) {
        watched_codes.read([] {
            SpiConnection spi;
            std::unique_ptr<RoleCatalog> fresh = read_catalog();
            delete cache;
            cache = fresh.release();
        });
    }
    return *cache;
}

std::int64_t add_role_codes(std::span<const std::string> codes, bool privileged) {
    Pace pace(check_interrupts);
    for (const std::string& code : codes) {
        pace.step(8 * code.size());  // byte by byte
        if (!is_role_code(code)) {
            throw ImportError(ERRCODE_INVALID_PARAMETER_VALUE, format("invalid role code {}", quoted(code)),
                              "A role code has 1 to 63 letters, digits or characters of \"_.:-\".");
        }
    }
    std::int64_t added = 0;
    OwnerScope owner;
    std::vector<std::string> folded;
    for (const std::string& code : codes) {
        pace.step(8 * code.size());
        folded.push_back(ascii_lower(code));
    }
    execute(
        "UPDATE customer_import.role_codes SET created_by_import = NULL, is_provisional = false"
        " WHERE created_by_import IS NOT NULL AND pg_catalog.lower(code) = ANY ($1)",
        {text_array_parameter(folded)});
    for (const std::string& code : codes) {
        check_interrupts();
        added += static_cast<std::int64_t>(
            execute("INSERT INTO customer_import.role_codes (code, privileged) VALUES ($1, $2)"
                    " ON CONFLICT (pg_catalog.lower(code)) DO NOTHING",
                    {parameter(std::string_view(code)), parameter(privileged)}));
    }
    return added;
}

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// add_role_codes(codes text[], privileged boolean) returns bigint: how many were new.
CI_WRITING_FUNCTION(ci_add_role_codes) {
    return pg::entry([&] {
        pg::require_right(customer_import::Right::administer, "change role codes");
        const std::vector<std::string_view> given = pg::given_codes(fcinfo, 0);
        const std::vector<std::string> codes(given.begin(), given.end());
        pg::SpiConnection spi;
        return Int64GetDatum(pg::add_role_codes(codes, PG_GETARG_BOOL(1)));
    });
}

// alter_role_code(code, name, description, privileged) returns void. NULL keeps what is there. Errors:
// 42704, 54000, 22023 for a built-in code that would lose its privilege.
CI_WRITING_FUNCTION(ci_alter_role_code) {
    return pg::entry([&] {
        pg::require_right(customer_import::Right::administer, "change role codes");
        pg::SpiConnection spi;
        auto argument = [&](int index) {
            return PG_ARGISNULL(index) ? pg::Parameter{TEXTOID, 0, true}
                                       : pg::Parameter{TEXTOID, PG_GETARG_DATUM(index), false};
        };
        const std::string code = pg::given_text(fcinfo, 0);
        for (const int index : {1, 2}) {
            if (!PG_ARGISNULL(index)) {
                pg::require_size(PG_GETARG_DATUM(index), customer_import::kMaxRecordBytes, "the argument");
            }
        }
        if (!PG_ARGISNULL(3) && !PG_GETARG_BOOL(3)) {
            pg::refuse_built_in(code);
        }
        pg::Parameter privileged{BOOLOID, PG_ARGISNULL(3) ? 0 : PG_GETARG_DATUM(3), PG_ARGISNULL(3)};
        pg::OwnerScope owner;
        if (pg::execute("UPDATE customer_import.role_codes SET name = COALESCE($2, name),"
                        " description = COALESCE($3, description), privileged = COALESCE($4, privileged),"
                        " created_by_import = NULL, is_provisional = false"
                        " WHERE pg_catalog.lower(code) = pg_catalog.lower($1 COLLATE \"C\")",
                        {argument(0), argument(1), argument(2), privileged}) == 0) {
            throw pg::ImportError(
                ERRCODE_UNDEFINED_OBJECT,
                customer_import::format("role code {} is not in the catalog", customer_import::quoted(code)), {},
                "See SELECT code FROM customer_import.role_codes.");
        }
        return Datum{0};
    });
}

// remove_role_codes(text[]) returns bigint: how many were there. Customers keep what they hold. Errors: 22023 for a
// built-in code.
CI_WRITING_FUNCTION(ci_remove_role_codes) {
    return pg::entry([&] {
        pg::require_right(customer_import::Right::administer, "change role codes");
        for (const std::string_view code : pg::given_codes(fcinfo, 0)) {
            pg::refuse_built_in(code);
        }
        pg::SpiConnection spi;
        pg::OwnerScope owner;
        std::uint64_t removed = pg::execute(
            "DELETE FROM customer_import.role_codes WHERE pg_catalog.lower(code) IN"
            " (SELECT pg_catalog.lower(c COLLATE \"C\") FROM pg_catalog.unnest($1) AS c)",
            {pg::Parameter{TEXTARRAYOID, PG_GETARG_DATUM(0), false}});
        return Int64GetDatum(static_cast<std::int64_t>(removed));
    });
}
