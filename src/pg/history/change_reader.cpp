#include "pg/history/change_reader.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "core/text.h"
#include "pg/input/stored_changes.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"

namespace customer_import::pg {

namespace {

constexpr long kPagesAtOnce = 64;  // half a megabyte
constexpr long kOriginsAtOnce = 1000;

// What is wanted of a page of the log, packed again.
struct Extract {
    std::int64_t applied_at;
    std::int64_t import_id;
    std::int64_t page;
    std::int64_t changes;
    std::string payload;
};

// A row of the statement below, as plain data.
struct PageRow {
    std::int64_t import_id;
    std::int64_t page;
    std::int64_t applied_at;
    std::int64_t changes;
    varlena* payload;
    bool is_copy;  // of what is compressed or elsewhere in the row of the cursor
};

constexpr const char* kPages =
    "SELECT p.import_id, p.page, p.applied_at, p.payload, p.changes FROM customer_import._import_change_pages AS p"
    " WHERE customer_import._user_name_range(p.first_user_name, p.last_user_name, '[]')"
    "       OPERATOR(pg_catalog.&&) customer_import._user_name_range($1, $2, '[]')"
    "   AND p.applied_at OPERATOR(pg_catalog.>=) $3";

PageRow read_row(HeapTuple tuple, TupleDesc columns) {
    bool is_null;
    PageRow row;
    row.import_id = DatumGetInt64(SPI_getbinval(tuple, columns, 1, &is_null));
    row.page = DatumGetInt64(SPI_getbinval(tuple, columns, 2, &is_null));
    row.applied_at = DatumGetInt64(SPI_getbinval(tuple, columns, 3, &is_null));
    row.changes = DatumGetInt32(SPI_getbinval(tuple, columns, 5, &is_null));
    const Datum stored = SPI_getbinval(tuple, columns, 4, &is_null);
    row.payload = PG_DETOAST_DATUM_PACKED(stored);
    row.is_copy = PointerGetDatum(row.payload) != stored;
    return row;
}

// A page is sorted by user name: what is before the range is skipped, what is after it is not read. Returns how many
// changes are wanted, and them as a page in `payload`.
std::int64_t extract(const PageRow& page, std::string_view first, std::string_view last,
                     const std::function<bool(std::string_view)>& is_wanted, std::string& payload) {
    StoredChanges changes(varlena_view(page.payload), page.changes);
    ChangePageWriter wanted;
    Change change;
    while (changes.next(change, first) && change.user_name <= last) {
        if (is_wanted(change.user_name)) {
            wanted.add(change);
        }
    }
    const auto count = static_cast<std::int64_t>(wanted.count());
    payload = wanted.empty() ? std::string() : wanted.take();
    return count;
}

// Whether a page may speak of a single customer: its name is in it byte for byte. Of many imports most pages do not,
// and this is found out much sooner than by reading them.
class NameFinder {
public:
    explicit NameFinder(std::string_view name) : searcher_(name.begin(), name.end()) {}
    bool is_in(std::string_view payload) const {
        return std::search(payload.begin(), payload.end(), searcher_) != payload.end();
    }

private:
    std::boyer_moore_horspool_searcher<std::string_view::const_iterator> searcher_;
};

// What is known of an import.
struct Origin {
    std::optional<std::int64_t> source;  // the import that it undoes, if any
    std::string operator_name;
};

// The imports of the pages. Imports into another customers table, and those that were purged meanwhile, are not among
// them.
std::map<std::int64_t, Origin> read_origins(const std::vector<Extract>& extracts) {
    std::map<std::int64_t, Origin> origins;
    if (extracts.empty()) {
        return origins;
    }
    std::vector<Datum> ids;
    ids.reserve(extracts.size());
    for (const Extract& extract : extracts) {
        ids.push_back(Int64GetDatum(extract.import_id));
    }
    const Datum list = call([&] {
        return PointerGetDatum(construct_array(ids.data(), static_cast<int>(ids.size()), INT8OID, sizeof(int64),
                                               FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
    });
    OwnerScope owner;
    Cursor rows(
        "SELECT id, CASE WHEN mode OPERATOR(pg_catalog.=) 'undo' THEN source_import_id END, operator"
        "  FROM customer_import.imports JOIN customer_import.customers_table"
        "    ON relation OPERATOR(pg_catalog.=) customers_table WHERE id OPERATOR(pg_catalog.=) ANY ($1)",
        {Parameter{INT8ARRAYOID, list, false}}, Cursor::Snapshot::latest);
    for (rows.fetch(kOriginsAtOnce); rows.count() > 0; rows.fetch(kOriginsAtOnce)) {
        for (std::uint64_t index = 0; index < rows.count(); ++index) {
            const std::int64_t source = rows.number(index, 2);
            origins.emplace(rows.number(index, 1), Origin{source == 0 ? std::nullopt : std::optional(source),
                                                          std::string(rows.bytes(index, 3))});
        }
    }
    return origins;
}

std::vector<Extract> read_extracts(std::string_view first, std::string_view last, std::int64_t since,
                                   const std::function<bool(std::string_view)>& is_wanted) {
    std::vector<Extract> extracts;
    const std::optional<NameFinder> finder = first == last ? std::optional<NameFinder>(first) : std::nullopt;
    OwnerScope owner;
    Cursor pages(kPages,
                 {parameter(first), parameter(last), Parameter{TIMESTAMPTZOID, TimestampTzGetDatum(since), false}},
                 Cursor::Snapshot::latest);
    for (pages.fetch(kPagesAtOnce); pages.count() > 0; pages.fetch(kPagesAtOnce)) {
        for (std::uint64_t index = 0; index < pages.count(); ++index) {
            const PageRow row = call([&] { return read_row(pages.row(index), pages.columns()); });
            std::string payload;
            const bool may_be_wanted = !finder || finder->is_in(varlena_view(row.payload));
            const std::int64_t changes = may_be_wanted ? extract(row, first, last, is_wanted, payload) : 0;
            if (changes > 0) {
                extracts.push_back({row.applied_at, row.import_id, row.page, changes, std::move(payload)});
            }
            if (row.is_copy) {
                pfree(row.payload);  // a page has some ten kilobytes
            }
        }
    }
    return extracts;
}

void take_all(std::vector<Extract> extracts, const std::function<void(const LoggedChange&)>& take) {
    std::sort(extracts.begin(), extracts.end(), [](const Extract& a, const Extract& b) {
        return std::tie(a.applied_at, a.import_id, a.page) < std::tie(b.applied_at, b.import_id, b.page);
    });
    const std::map<std::int64_t, Origin> origins = read_origins(extracts);
    for (const Extract& extract : extracts) {
        const auto origin = origins.find(extract.import_id);
        if (origin == origins.end()) {
            continue;
        }
        StoredChanges changes(extract.payload, extract.changes);
        Change change;
        while (changes.next(change)) {
            take({extract.import_id, origin->second.source, origin->second.operator_name, extract.applied_at, change});
        }
    }
}

}  // namespace

void read_changes(std::string_view first, std::string_view last, const std::function<void(const LoggedChange&)>& take) {
    take_all(read_extracts(first, last, DT_NOBEGIN, [](std::string_view) { return true; }), take);
}

void read_changes(const std::vector<std::string>& user_names, std::int64_t since,
                  const std::function<void(const LoggedChange&)>& take) {
    if (user_names.empty()) {
        return;
    }
    TextMap<bool> wanted;
    for (const std::string& user_name : user_names) {
        wanted.try_emplace(user_name, true);
    }
    const auto [first, last] = std::minmax_element(user_names.begin(), user_names.end());
    const auto is_wanted = [&](std::string_view user_name) { return wanted.find(user_name) != wanted.end(); };
    take_all(read_extracts(*first, *last, since, is_wanted), take);
}

void read_changes(const Batch& batch, std::int64_t since, const std::function<void(const LoggedChange&)>& take) {
    std::vector<std::string> user_names;
    for (const Record& record : batch.records()) {
        user_names.emplace_back(record.user_name);
    }
    read_changes(user_names, since, take);
}

std::optional<std::int64_t> import_began(std::int64_t import_id) {
    OwnerScope owner;
    const std::vector<Row> rows = query(
        "SELECT (extract(epoch FROM COALESCE(started_at, submitted_at) - '2000-01-01 UTC')"
        "        * 1000000)::bigint FROM customer_import.imports WHERE id = $1",
        {parameter(import_id)});
    return rows.empty() ? std::nullopt : std::optional(std::stoll(*rows.front()[0]));
}

}  // namespace customer_import::pg
