// The roles tab of a customer: which codes it holds, and which import gave them.
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/change_history.h"
#include "core/format.h"
#include "core/role_set.h"
#include "core/text.h"
#include "core/user_name.h"
#include "pg/access/access.h"
#include "pg/history/change_reader.h"
#include "pg/server/arguments.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"
#include "pg/table/customer_cursor.h"
#include "pg/table/removal_marks.h"
#include "pg/table/target.h"

namespace customer_import::pg {

namespace {

// The codes that a customer holds, sorted; nothing when the caller sees no such customer.
std::vector<std::string> read_held(const Target& target, const std::string& key) {
    CustomerCursor customers(target, format("({})::pg_catalog.text[]", target.roles.name),
                             format("WHERE {} OPERATOR(pg_catalog.=) $1", target.user_name.name),
                             {parameter(std::string_view(key))});
    std::vector<std::string> held;
    for (customers.fetch(1); customers.count() > 0; customers.fetch(1)) {
        const ArrayType* roles = call([&]() -> const ArrayType* {
            bool is_null;
            const Datum value = SPI_getbinval(customers.row(0), customers.columns(), 1, &is_null);
            return is_null ? nullptr : DatumGetArrayTypePCopy(value);
        });
        std::vector<std::string_view> codes;
        if (roles != nullptr) {
            read_text_array(roles, codes);
        }
        const RoleSet sorted(std::move(codes), check_interrupts);
        held.assign(sorted.codes().begin(), sorted.codes().end());
    }
    return held;
}

struct CodeFacts {
    std::optional<std::string> name;
    std::optional<std::string> description;
};

// The catalog's entries for codes, by code in lower case.
TextMap<CodeFacts> read_codes(const std::vector<std::string>& codes) {
    OwnerScope owner;
    TextMap<CodeFacts> facts;
    for (const Row& row : query("SELECT lower(code), name, description FROM customer_import.role_codes"
                                " WHERE lower(code) = ANY (SELECT lower(c) FROM unnest($1) AS c)",
                                {text_array_parameter(codes)})) {
        facts.emplace(*row[0], CodeFacts{row[1], row[2]});
    }
    return facts;
}

// The operator of an import; nothing when it has been purged meanwhile.
std::optional<std::string> operator_of(std::int64_t import_id) {
    OwnerScope owner;
    const std::vector<Row> rows = query("SELECT operator FROM customer_import.imports WHERE id = $1",
                                        {parameter(import_id)});
    return rows.empty() ? std::nullopt : rows.front()[0];
}

// Adds a row to the result; `granted_by` is nothing for a role that no import gave.
void return_role(ReturnSetInfo* result, const std::string& code, const CodeFacts& facts,
                 const std::optional<std::string>& granted_by, const ChangeHistory::Entry& origin) {
    Datum values[7] = {};
    bool nulls[7] = {};
    const auto put_text = [&](int column, const std::optional<std::string>& text) {
        nulls[column] = !text;
        values[column] = text ? text_datum(*text) : Datum{0};
    };
    put_text(0, code);
    put_text(1, facts.name);
    put_text(2, facts.description);
    put_text(3, granted_by);
    values[4] = TimestampTzGetDatum(origin.applied_at);
    values[5] = Int64GetDatum(origin.import_id);
    values[6] = Int64GetDatum(origin.line);
    nulls[4] = nulls[5] = nulls[6] = !granted_by;
    call([&] { tuplestore_putvalues(result->setResult, result->setDesc, values, nulls); });
}

// What imports did to a customer, and what was removed by hand meanwhile.
ChangeHistory read_history(const std::string& key) {
    std::vector<std::pair<std::int64_t, std::optional<std::vector<std::string>>>> marks;
    read_marks(key, [&](std::int64_t marked_at, const std::optional<std::vector<std::string_view>>& codes) {
        marks.emplace_back(
            marked_at, codes ? std::optional(std::vector<std::string>(codes->begin(), codes->end())) : std::nullopt);
    });
    ChangeHistory history;
    auto mark = marks.begin();
    const auto add_marks_until = [&](std::int64_t time) {
        for (; mark != marks.end() && mark->first <= time; ++mark) {
            history.add_mark(
                mark->second ? std::optional(std::vector<std::string_view>(mark->second->begin(), mark->second->end()))
                             : std::nullopt);
        }
    };
    read_changes(key, key, [&](const LoggedChange& logged) {
        add_marks_until(logged.applied_at);
        history.add(logged.import_id, logged.source, logged.change.line, logged.change, logged.applied_at);
    });
    add_marks_until(std::numeric_limits<std::int64_t>::max());
    return history;
}

void customer_roles(std::string_view user_name, ReturnSetInfo* result) {
    require_right(Right::view_customers, "see the roles of customers");
    SpiConnection spi;
    const Target target = load_target(AccessShareLock);
    const std::string key = user_name_key(user_name, target.fold_user_names);
    const std::vector<std::string> held = read_held(target, key);
    if (held.empty()) {
        return;
    }
    const ChangeHistory history = read_history(key);
    const TextMap<CodeFacts> facts = read_codes(held);
    std::map<std::int64_t, std::optional<std::string>> operators;
    for (const std::string& code : held) {
        check_interrupts();
        const auto known = facts.find(ascii_lower(code));
        const std::optional<std::size_t> entry = history.origin_of_role(code);
        const ChangeHistory::Entry origin = entry ? history.entries()[*entry] : ChangeHistory::Entry{};
        if (entry && !operators.contains(origin.import_id)) {
            operators.emplace(origin.import_id, operator_of(origin.import_id));
        }
        return_role(result, code, known != facts.end() ? known->second : CodeFacts{},
                    entry ? operators[origin.import_id] : std::nullopt, origin);
    }
}

}  // namespace

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// customer_roles(user_name text): the codes that a customer holds, in byte order, each with the import that gave it.
// Errors: 42501, 54000, 55000 when there is no customers table.
CI_PUBLIC_FUNCTION(ci_customer_roles) {
    return pg::entry([&] {
        pg::call([&] { InitMaterializedSRF(fcinfo, 0); });
        const std::string_view user_name = pg::text_argument(fcinfo, 0, "the user name");
        pg::customer_roles(user_name, (ReturnSetInfo*)fcinfo->resultinfo);
        return Datum{0};
    });
}
