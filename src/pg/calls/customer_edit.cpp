// edit_customer(): changes one customer by hand, by a statement of the caller's. Where the table has a shadow, that is
// what the statement changes, between a fetch and a ship. Nothing goes into the change log: only imports have one.
#include <exception>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/change_page.h"
#include "core/format.h"
#include "core/header_names.h"
#include "core/role_set.h"
#include "core/text.h"
#include "core/user_name.h"
#include "pg/access/access.h"
#include "pg/apply/home_rows.h"
#include "pg/server/arguments.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"
#include "pg/table/column_io.h"
#include "pg/table/removal_marks.h"
#include "pg/table/target.h"

namespace customer_import::pg {

namespace {

constexpr int kMaxFetches = 10;  // against writers that keep changing the customer

// Thrown when others have changed the customer since it was fetched.
class Stale : public std::exception {};

// An UPDATE of one customer, made of a JSON object.
class CustomerUpdate {
public:
    CustomerUpdate(const Target& target, std::string_view key, const Parameter& changes);

    // Runs it as the caller. Returns whether there was such a customer, as far as the caller sees.
    bool run();

private:
    using Codes = std::vector<std::string>;

    void read_changes(const Parameter& changes);
    void set_value(const TargetColumn& column, const std::optional<std::string>& text);
    static Codes read_codes(const Parameter& changes, const std::string& name);
    void set_roles(const std::optional<Codes>& roles, const Codes& added, const Codes& removed);
    void assign(const std::string& column, const std::string& value);
    std::string add(Oid type, Datum value);

    const Target& target_;
    std::string assignments_;
    std::vector<Oid> types_;
    std::vector<Datum> values_;
};

CustomerUpdate::CustomerUpdate(const Target& target, std::string_view key, const Parameter& changes) : target_(target) {
    add(TEXTOID, text_datum(key));
    read_changes(changes);
    if (!target.touched_column.empty()) {
        assign(target.touched_column, "pg_catalog.now()");
    }
}

// Returns how the statement names the value.
std::string CustomerUpdate::add(Oid type, Datum value) {
    types_.push_back(type);
    values_.push_back(value);
    return format("${}", types_.size());
}

void CustomerUpdate::assign(const std::string& column, const std::string& value) {
    assignments_ += format("{}{} = {}", assignments_.empty() ? "" : ", ", column, value);
}

// Names are those of a file's header.
void CustomerUpdate::read_changes(const Parameter& changes) {
    std::vector<Row> members;
    {
        const CatalogPath path;
        if (query("SELECT jsonb_typeof($1)", {changes}).front()[0] == "object") {
            members = query("SELECT key, value #>> '{}' FROM jsonb_each($1)", {changes});
        }
    }
    if (members.empty()) {
        throw ImportError(ERRCODE_INVALID_PARAMETER_VALUE, "the changes are no JSON object that has a member", {},
                          "Give names and values: '{\"email\": \"ann@example.com\", \"addRoles\": [\"buyer\"]}'.");
    }
    const std::vector<Field> fields = target_.fields();
    const FieldFinder finder(fields);
    std::set<int> given;
    std::optional<Codes> roles;
    Codes added, removed;
    for (const Row& member : members) {
        check_interrupts();
        const std::string& name = *member[0];
        const int found = finder.find(name);
        if (found == kNoField || fields[static_cast<std::size_t>(found)].kind == FieldKind::user_name) {
            const int meant = found == kNoField ? finder.find_near_miss(name) : kNoField;
            throw ImportError(
                ERRCODE_INVALID_PARAMETER_VALUE, format("the changes name {}, which cannot be changed", quoted(name)),
                {},
                meant == kNoField
                    ? "Names are those of customer_import.customers_table_columns, and roles, addRoles and removeRoles."
                    : format("Did you mean {}?", quoted(fields[static_cast<std::size_t>(meant)].name)));
        }
        const Field& field = fields[static_cast<std::size_t>(found)];
        if (!given.insert(found).second) {
            throw ImportError(ERRCODE_INVALID_PARAMETER_VALUE, format("the changes name {} twice", quoted(field.name)));
        }
        switch (field.kind) {
            case FieldKind::roles: roles = read_codes(changes, name); break;
            case FieldKind::add_roles: added = read_codes(changes, name); break;
            case FieldKind::remove_roles: removed = read_codes(changes, name); break;
            default:
                for (const TargetColumn& column : target_.values) {
                    if (column.field == field.name) {
                        set_value(column, member[1]);
                    }
                }
        }
    }
    set_roles(roles, added, removed);
    if (assignments_.empty()) {
        throw ImportError(ERRCODE_INVALID_PARAMETER_VALUE, "the changes are empty");
    }
}

// As the type reads it; text keeps its blanks.
void CustomerUpdate::set_value(const TargetColumn& column, const std::optional<std::string>& text) {
    assign(column.name, text ? add(column.type, ColumnIo(column).read(*text).datum) : "NULL");
}

// An array of codes; null is an empty one.
CustomerUpdate::Codes CustomerUpdate::read_codes(const Parameter& changes, const std::string& name) {
    const CatalogPath path;
    const Parameter member = parameter(std::string_view(name));
    const std::optional<std::string> type = query("SELECT jsonb_typeof($1 -> $2)", {changes, member}).front()[0];
    Codes codes;
    bool fits = type == "array" || type == "null";
    if (type == "array") {
        for (Row& row : query("SELECT value #>> '{}', jsonb_typeof(value) FROM jsonb_array_elements($1 -> $2)",
                              {changes, member})) {
            fits = fits && row[1] == "string";
            codes.push_back(std::move(row[0]).value_or(""));
        }
    }
    if (!fits) {
        throw ImportError(ERRCODE_INVALID_PARAMETER_VALUE,
                          format("the value of {} is no JSON array of role codes", quoted(name)));
    }
    return codes;
}

// What is added is spelled by the guard; what is removed may be held in any case.
void CustomerUpdate::set_roles(const std::optional<Codes>& roles, const Codes& added, const Codes& removed) {
    if (!roles && added.empty() && removed.empty()) {
        return;
    }
    const std::string& column = target_.roles.name;
    std::string value = roles ? add(TEXTARRAYOID, text_array_parameter(*roles).value)
                              : format("COALESCE(t.{}::pg_catalog.text[], '{{}}')", column);
    if (!added.empty()) {
        value = format("pg_catalog.array_cat({}, {})", value, add(TEXTARRAYOID, text_array_parameter(added).value));
    }
    if (!removed.empty()) {
        const std::vector<std::string_view> codes(removed.begin(), removed.end());
        value = format(
            "ARRAY(SELECT h.code FROM pg_catalog.unnest({}) AS h (code)"
            " WHERE pg_catalog.lower(h.code COLLATE pg_catalog.\"C\") OPERATOR(pg_catalog.<>) ALL ({}))",
            value, add(TEXTARRAYOID, text_array_parameter(codes_without(codes, {}, check_interrupts)).value));
    }
    assign(column, value);
}

bool CustomerUpdate::run() {
    Statement update(format("UPDATE {} AS t SET {} WHERE t.{} OPERATOR(pg_catalog.=) $1", target_.name, assignments_,
                            target_.user_name.name),
                     types_);
    return update.run(nullptr, values_) > 0;
}

// Returns whether there was such a customer.
bool edit_by_shadow(const Target& target, CustomerUpdate& update, std::string_view key) {
    HomeRows home(target, CurrentMemoryContext);
    bool expect_created = false;  // none is
    Change change;
    change.user_name = key;
    for (int fetches = 0; fetches < kMaxFetches; ++fetches) {
        bool found = false;
        try {
            const std::optional<PgError> error = in_subtransaction([&] {
                home.fetch({key});
                {
                    const EditStatement edit(target.table());
                    found = update.run();
                }
                const std::span<const Change> changes(&change, found ? 1 : 0);
                if (!home.ship(changes, expect_created).empty()) {
                    throw Stale();
                }
            });
            if (error) {
                throw PgError(*error);
            }
            return found;
        } catch (const Stale&) {
            check_interrupts();
        }
    }
    throw ImportError(ERRCODE_T_R_SERIALIZATION_FAILURE,
                      "could not change the customer because others keep changing it", {},
                      "Call the function once more.");
}

void edit_customer(std::string_view user_name, const Parameter& changes) {
    (void)lock_extension();
    require_right(Right::edit_customers, "change customers");
    SpiConnection spi;
    const Target target = load_import_target();
    const std::string key = user_name_key(user_name, target.fold_user_names);
    CustomerUpdate update(target, key, changes);
    if (!(target.home ? edit_by_shadow(target, update, key) : update.run())) {
        throw ImportError(ERRCODE_UNDEFINED_OBJECT, format("customer {} does not exist", quoted(key)));
    }
}

}  // namespace

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// edit_customer(user_name text, changes jsonb) returns void. Errors: those of the table and of its guard; 22023 for
// changes that are none, or name what cannot be changed; 40001 when others keep changing the customer; 42501; 42704 when
// there is no such customer, as far as the caller sees; 54000; 55000 when there is no customers table.
CI_WRITING_FUNCTION(ci_edit_customer) {
    return pg::entry([&] {
        pg::require_size(PG_GETARG_DATUM(1), customer_import::kMaxRecordBytes, "the JSON object");
        pg::edit_customer(pg::text_argument(fcinfo, 0, "the user name"), {JSONBOID, PG_GETARG_DATUM(1), false});
        return Datum{0};
    });
}
