// Looking for customers. What the policies of the table cannot use an index for is looked up as the table's owner, keys
// alone; the rows themselves are read by these keys as the caller, so that the result is what the caller's policies
// show.
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "core/customer_search.h"
#include "core/format.h"
#include "core/pace.h"
#include "core/text.h"
#include "core/user_name.h"
#include "pg/access/access.h"
#include "pg/access/role_catalog.h"
#include "pg/server/arguments.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"
#include "pg/table/customer_cursor.h"
#include "pg/table/search_indexes.h"
#include "pg/table/target.h"

namespace customer_import::pg {

namespace {

constexpr std::int32_t kMaxRows = 1000;
constexpr std::size_t kMaxKeys = 10000;
constexpr long kRowsAtOnce = 64;  // a row may have megabytes

// Sorts after every user name that begins with the text before it: two of the last character there is.
constexpr std::string_view kLast = "\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf";

// Has statements planned to use an index where there is one, for as long as it lives. Only for our own lookups.
class IndexPreferred {
public:
    IndexPreferred() {
        settings_.set("enable_seqscan", "off");
        settings_.set("jit", "off");
    }

private:
    SettingsScope settings_;
};

// A customer that matches, in the order in which they are returned.
struct Found {
    SearchRank rank;
    std::string user_name;
    Row row;

    friend bool operator<(const Found& a, const Found& b) {
        return std::tie(a.rank, a.user_name) < std::tie(b.rank, b.user_name);
    }
};

class CustomerSearch {
public:
    CustomerSearch(std::string_view query, std::int32_t max_rows)
        : target_(load_target(AccessShareLock)), max_rows_(static_cast<std::size_t>(max_rows)), query_(trim(query)) {
        fold_user_name(query, folded_);
    }

    // Searches where the best ones are first, and no further than needed.
    void run() {
        if (folded_.find_first_of("\r\n") != std::string::npos) {
            return;  // they separate the texts that are searched
        }
        look_at(format("WHERE {} OPERATOR(pg_catalog.=) $1", target_.user_name.name),
                {parameter(std::string_view(key()))});
        if (is_sorted_by_bytes() || folded_.empty()) {
            look_at_beginnings();
        }
        if (found_.size() == max_rows_ || folded_.empty()) {
            return;
        }
        if (has_trigram(folded_)) {
            const std::vector<std::string> keys = find_keys();
            if (keys.size() <= kMaxKeys) {
                look_at(format("WHERE {} OPERATOR(pg_catalog.=) ANY ($1)", target_.user_name.name),
                        {text_array_parameter(keys)});
                return;
            }
        }
        // More than a caller reads, or nothing that an index could find: one pass over what the caller sees, to the
        // first matches.
        look_at(format("WHERE {} LIMIT {}", matches(), kMaxKeys), {parameter(std::string_view(pattern()))});
    }

    const std::set<Found>& found() const { return found_; }

private:
    // A table of ours holds folded names only.
    const std::string& key() const { return target_.fold_user_names ? folded_ : query_; }
    std::string pattern() const { return like_pattern(folded_); }
    std::string matches() const { return format("{} OPERATOR(pg_catalog.~~) $1", search_text_sql(target_)); }
    bool is_sorted_by_bytes() const {
        return target_.fold_user_names && target_.user_name.collation == C_COLLATION_OID;
    }

    // User names that begin with the query, in order: policies let their comparison operators through to the index.
    void look_at_beginnings() {
        const std::string& name = target_.user_name.name;
        const std::size_t limit = hides_customers() ? kMaxKeys : max_rows_;
        if (folded_.empty()) {
            look_at(format("ORDER BY {} LIMIT {}", name, limit), {});
            return;
        }
        const std::string end = folded_ + std::string(kLast);
        look_at(format("WHERE {0} OPERATOR(pg_catalog.>=) $1 AND {0} OPERATOR(pg_catalog.<) $2 ORDER BY {0} LIMIT {1}",
                       name, limit),
                {parameter(std::string_view(folded_)), parameter(std::string_view(end))});
    }

    // The user names of all that match, hidden ones too; at most one more than kMaxKeys.
    std::vector<std::string> find_keys() const {
        const std::string statement = format("SELECT {} FROM {} WHERE {} LIMIT {}", target_.user_name.name,
                                             target_.name, matches(), kMaxKeys + 1);
        TableOwnerScope owner(target_);
        IndexPreferred index;
        std::vector<std::string> keys;
        for (const Row& row :
             customer_import::pg::query(statement, {parameter(std::string_view(pattern()))}, Plan::once)) {
            if (row[0]) {
                keys.push_back(*row[0]);
            }
        }
        return keys;
    }

    // Reads customers as the caller, and keeps the best.
    void look_at(const std::string& condition, std::initializer_list<Parameter> parameters) {
        std::string columns = format("({})::pg_catalog.text", target_.user_name.name);
        for (const char* field : {"email", "firstName", "lastName", "company"}) {
            columns += format(", {}", searched_column_sql(target_, field));
        }
        CustomerCursor customers(target_, columns, condition, parameters);
        for (customers.fetch(kRowsAtOnce); customers.count() > 0; customers.fetch(kRowsAtOnce)) {
            for (Row& row : customers.texts()) {
                keep(std::move(row));
            }
        }
    }

    void keep(Row row) {
        const auto view = [&](std::size_t column) {
            return row[column] ? std::string_view(*row[column]) : std::string_view();
        };
        const std::optional<SearchRank> rank = search_rank(folded_, {view(0), view(1), view(2), view(3), view(4)});
        if (!rank || !row[0]) {
            return;
        }
        found_.insert({*rank, *row[0], std::move(row)});
        if (found_.size() > max_rows_) {
            found_.erase(std::prev(found_.end()));
        }
    }

    const Target target_;
    const std::size_t max_rows_;
    const std::string query_;
    std::string folded_;
    std::set<Found> found_;
};

void search_customers(std::string_view query, std::int32_t max_rows, ReturnSetInfo* result) {
    require_right(Right::view_customers, "search customers");
    if (max_rows < 1 || max_rows > kMaxRows) {
        throw ImportError(ERRCODE_INVALID_PARAMETER_VALUE, format("max_rows must be between 1 and {}", kMaxRows));
    }
    SpiConnection spi;
    CustomerSearch search(query, max_rows);
    search.run();
    for (const Found& found : search.found()) {
        Datum values[5] = {};
        bool nulls[5];
        for (std::size_t column = 0; column < 5; ++column) {
            nulls[column] = !found.row[column];
            values[column] = nulls[column] ? Datum{0} : text_datum(*found.row[column]);
        }
        call([&] { tuplestore_putvalues(result->setResult, result->setDesc, values, nulls); });
    }
}

// The codes that customers are looked for by: in the catalog's spelling, and in lower case what it does not have, for
// customers may still hold it in any spelling.
struct WantedCodes {
    std::vector<std::string> known, lost;
};

WantedCodes spell_codes(std::span<const std::string_view> codes) {
    const RoleCatalog& catalog = cached_catalog();
    WantedCodes wanted;
    Pace pace(check_interrupts);
    for (const std::string_view code : codes) {
        pace.step(8 * code.size());
        const std::string_view spelling = catalog.find(code);
        if (!spelling.empty()) {
            wanted.known.emplace_back(spelling);
        } else if (!code.empty()) {
            wanted.lost.push_back(ascii_lower(code));
        }
    }
    return wanted;
}

void return_holders(const Target& target, const std::vector<std::string>& keys, ReturnSetInfo* result) {
    const std::string& name = target.user_name.name;
    CustomerCursor customers(target, format("({})::pg_catalog.text, ({})::pg_catalog.text[]", name, target.roles.name),
                             format("WHERE {0} OPERATOR(pg_catalog.=) ANY ($1) ORDER BY ({0})::pg_catalog.text", name),
                             {text_array_parameter(keys)});
    for (customers.fetch(kRowsAtOnce); customers.count() > 0; customers.fetch(kRowsAtOnce)) {
        call([&] {
            for (std::uint64_t index = 0; index < customers.count(); ++index) {
                Datum values[2];
                bool nulls[2];
                heap_deform_tuple(customers.row(index), customers.columns(), values, nulls);
                tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
            }
        });
    }
}

void customers_with_roles(const WantedCodes& codes, ReturnSetInfo* result) {
    require_right(Right::view_customers, "search customers");
    SpiConnection spi;
    const Target target = load_target(AccessShareLock);
    return_holders(target, {}, result);  // an error first where the caller may not read the table
    const std::string statement = format(
        "SELECT {0} FROM {1} WHERE {2} OPERATOR(pg_catalog.@>) $1"
        " AND ARRAY(SELECT pg_catalog.lower(held COLLATE pg_catalog.\"C\") FROM pg_catalog.unnest({2}) AS held)"
        " OPERATOR(pg_catalog.@>) $2",
        target.user_name.name, target.name, target.roles.name);
    std::optional<Cursor> holders;
    for (std::vector<std::string> keys;; keys.clear()) {
        {
            TableOwnerScope owner(target);
            if (!holders) {
                IndexPreferred index;
                holders.emplace(statement,
                                std::initializer_list<Parameter>{text_array_parameter(codes.known),
                                                                 text_array_parameter(codes.lost)},
                                Cursor::Snapshot::calling);
            }
            holders->fetch(kMaxKeys);
            for (const Row& row : holders->count() > 0 ? holders->texts() : std::vector<Row>()) {
                if (row[0]) {
                    keys.push_back(*row[0]);
                }
            }
            if (holders->count() == 0) {
                return;
            }
        }
        return_holders(target, keys, result);
    }
}

}  // namespace

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// search_customers(query text, max_rows integer): the customers that match best. Errors: 42501, 22023 for max_rows,
// 54000, 55000 when there is no customers table.
CI_PUBLIC_FUNCTION(ci_search_customers) {
    return pg::entry([&] {
        pg::call([&] { InitMaterializedSRF(fcinfo, 0); });
        const std::string_view query = pg::text_argument(fcinfo, 0, "the query");
        pg::search_customers(query, PG_GETARG_INT32(1), (ReturnSetInfo*)fcinfo->resultinfo);
        return Datum{0};
    });
}

// customers_with_roles(codes text[]): the customers that hold all of these codes. Errors: 22004, 42501, 54000, 55000.
CI_PUBLIC_FUNCTION(ci_customers_with_roles) {
    return pg::entry([&] {
        pg::call([&] { InitMaterializedSRF(fcinfo, 0); });
        pg::customers_with_roles(pg::spell_codes(pg::given_codes(fcinfo, 0)), (ReturnSetInfo*)fcinfo->resultinfo);
        return Datum{0};
    });
}
