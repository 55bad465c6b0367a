#include "pg/catalogue.h"

#include "core/role_set.h"
#include "core/text.h"
#include "pg/access.h"
#include "pg/statement.h"
#include "pg/text_array.h"

namespace customer_import::pg {

namespace {

// Process memory that lives as long as the backend.
RoleCatalogue* cache = nullptr;
bool cache_is_current = false;
Oid role_codes_relation = InvalidOid;

void forget_cache(Datum, Oid relation) {
    if (relation == InvalidOid || relation == role_codes_relation) {
        cache_is_current = false;
    }
}

Oid find_role_codes() {
    return get_relname_relid("role_codes", get_namespace_oid("customer_import", false));
}

std::vector<std::string> read_codes(Datum argument) {
    std::vector<std::string_view> views;
    read_text_array(detoast_array(argument), views);
    return {views.begin(), views.end()};
}

}  // namespace

std::unique_ptr<RoleCatalogue> load_catalogue() {
    auto catalogue = std::make_unique<RoleCatalogue>();
    OwnerScope owner;
    for (const Row& row : query_latest("SELECT code FROM customer_import.role_codes")) {
        catalogue->add(*row[0]);
    }
    return catalogue;
}

const RoleCatalogue& cached_catalogue() {
    if (!cache_is_current) {
        if (role_codes_relation == InvalidOid) {
            call([] { CacheRegisterRelcacheCallback(forget_cache, 0); });
        }
        role_codes_relation = call([] { return find_role_codes(); });
        cache_is_current = true;  // before reading: a change that arrives meanwhile unsets it
        try {
            SpiConnection spi;
            RoleCatalogue* fresh = load_catalogue().release();
            delete cache;
            cache = fresh;
        } catch (...) {
            cache_is_current = false;
            throw;
        }
    }
    return *cache;
}

std::int64_t add_role_codes(std::span<const std::string> codes, bool privileged) {
    for (const std::string& code : codes) {
        if (!is_role_code(code)) {
            throw ImportError(ERRCODE_INVALID_PARAMETER_VALUE, "invalid role code \"" + shorten(code, 100) + "\"",
                              "A role code has 1 to 63 letters, digits or characters of \"_.:-\".");
        }
    }
    std::int64_t added = 0;
    OwnerScope owner;
    for (const std::string& code : codes) {
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
CI_FUNCTION(ci_add_role_codes) {
    return pg::entry([&] {
        pg::require_admin("change role codes");
        std::vector<std::string> codes = pg::read_codes(PG_GETARG_DATUM(0));
        pg::SpiConnection spi;
        return Int64GetDatum(pg::add_role_codes(codes, PG_GETARG_BOOL(1)));
    });
}

// alter_role_code(code, name, description, privileged) returns void. NULL keeps what is there. Errors: 42704.
CI_FUNCTION(ci_alter_role_code) {
    return pg::entry([&] {
        pg::require_admin("change role codes");
        pg::SpiConnection spi;
        auto argument = [&](int index) {
            return PG_ARGISNULL(index) ? pg::Parameter{TEXTOID, 0, true}
                                       : pg::Parameter{TEXTOID, PG_GETARG_DATUM(index), false};
        };
        if (PG_ARGISNULL(0)) {
            throw pg::ImportError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "the role code is NULL");
        }
        const std::string code(pg::varlena_view(pg::call([&] { return PG_GETARG_TEXT_PP(0); })));
        pg::Parameter privileged{BOOLOID, PG_ARGISNULL(3) ? 0 : PG_GETARG_DATUM(3), PG_ARGISNULL(3)};
        pg::OwnerScope owner;
        if (pg::execute("UPDATE customer_import.role_codes SET name = COALESCE($2, name),"
                        " description = COALESCE($3, description), privileged = COALESCE($4, privileged)"
                        " WHERE pg_catalog.lower(code) = pg_catalog.lower($1 COLLATE \"C\")",
                        {argument(0), argument(1), argument(2), privileged}) == 0) {
            throw pg::ImportError(ERRCODE_UNDEFINED_OBJECT,
                                  "role code \"" + customer_import::shorten(code, 100) + "\" is not in the catalogue",
                                  {}, "See SELECT code FROM customer_import.role_codes.");
        }
        return Datum{0};
    });
}

// remove_role_codes(text[]) returns bigint: how many were there. Customers keep what they hold.
CI_FUNCTION(ci_remove_role_codes) {
    return pg::entry([&] {
        pg::require_admin("change role codes");
        pg::SpiConnection spi;
        pg::OwnerScope owner;
        std::uint64_t removed = pg::execute(
            "DELETE FROM customer_import.role_codes WHERE pg_catalog.lower(code) IN"
            " (SELECT pg_catalog.lower(c COLLATE \"C\") FROM pg_catalog.unnest($1) AS c)",
            {pg::Parameter{TEXTARRAYOID, PG_GETARG_DATUM(0), false}});
        return Int64GetDatum(static_cast<std::int64_t>(removed));
    });
}

// Statement trigger on role_codes: makes every backend read the catalogue again.
CI_FUNCTION(ci_role_codes_changed) {
    return pg::entry([&] {
        pg::call([&] {
            if (!CALLED_AS_TRIGGER(fcinfo)) {
                ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                                errmsg("must be called as a trigger")));
            }
            CacheInvalidateRelcache(((TriggerData*)fcinfo->context)->tg_relation);
        });
        return PointerGetDatum(nullptr);
    });
}
