#include "pg/table/removal_marks.h"

#include <string>

#include "core/format.h"
#include "pg/server/lookup.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"

namespace customer_import::pg {

namespace {

constexpr int kNone = -1;

// The customers table whose shadow is being changed.
Oid edited = InvalidOid;

// How deep in triggers the extension's own statement was begun: the guard is then called one level below.
int engine_depth = kNone;

int trigger_depth() {
    return call([] { return DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, 0)); });
}

// Kept for the session: a statement by hand may remove a role from a million customers.
SPIPlanPtr insert_plan = nullptr;

void prepare_insert() {
    if (insert_plan != nullptr) {
        return;
    }
    Oid types[] = {OIDOID, TEXTOID, TEXTARRAYOID, TEXTOID};
    SPIPlanPtr plan = SPI_prepare(
        "INSERT INTO customer_import._removal_marks (customers_table, user_name, codes, database_role)"
        " VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING",  // where the clock has not advanced, one mark is enough
        4, types);
    if (plan == nullptr || SPI_keepplan(plan) != 0) {
        elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
    }
    insert_plan = plan;
}

// A name of another database may not be valid text in this one, and a role may be dropped while its session continues.
Datum name_of_role(Oid role, bool& is_null) {
    const char* name = GetUserNameFromId(role, true);
    is_null = name == nullptr || !pg_verifymbstr(name, static_cast<int>(strlen(name)), true);
    return is_null ? Datum{0} : CStringGetTextDatum(name);
}

constexpr const char* kDueMarks =
    "customer_import._removal_marks WHERE database_role IS NOT NULL"
    " AND marked_at < (SELECT clock_timestamp() - make_interval(secs => $1))";
constexpr std::uint64_t kMarksAtOnce = 10000;

Parameter seconds_parameter(double seconds) { return {FLOAT8OID, Float8GetDatum(seconds), false}; }

}  // namespace

EngineStatement::EngineStatement() : saved_depth_(engine_depth) { engine_depth = trigger_depth(); }

EngineStatement::~EngineStatement() { engine_depth = saved_depth_; }

bool is_engine_statement() { return engine_depth != kNone && trigger_depth() == engine_depth + 1; }

EditStatement::EditStatement(Oid table) : saved_table_(edited) { edited = table; }

EditStatement::~EditStatement() { edited = saved_table_; }

Oid edited_table() { return edited; }

// Names nothing that a search_path could change, so it needs none of its own: that would cost more than the row. After
// an error the end of the (sub)transaction gives the role back.
void mark_removal(Oid customers_table, std::string_view user_name,
                  const std::optional<std::vector<std::string_view>>& codes) {
    const Datum lost = codes ? make_text_array(*codes) : Datum{0};
    const Datum name = text_datum(user_name);
    call([&] {
        Oid user;
        int context;
        GetUserIdAndSecContext(&user, &context);
        bool is_unknown;
        Datum values[] = {ObjectIdGetDatum(customers_table), name, lost, name_of_role(user, is_unknown)};
        const char nulls[] = {' ', ' ', codes ? ' ' : 'n', is_unknown ? 'n' : ' ', '\0'};
        SetUserIdAndSecContext(relation_owner(own_table("_removal_marks")), context | SECURITY_LOCAL_USERID_CHANGE);
        SPI_connect();
        prepare_insert();
        require_spi(SPI_execute_plan(insert_plan, values, nulls, false, 0), "SPI_execute_plan");
        SPI_finish();
        SetUserIdAndSecContext(user, context);
    });
}

void read_marks(std::string_view user_name, const MarkTaker& take) {
    std::vector<Row> rows;
    {
        OwnerScope owner;
        rows = query_latest(
            "SELECT (extract(epoch FROM m.marked_at - '2000-01-01 UTC') * 1000000)::bigint, m.number, c.code"
            "  FROM (SELECT r.marked_at, r.codes, row_number() OVER (ORDER BY r.marked_at) AS number"
            "          FROM customer_import._removal_marks AS r"
            "          JOIN customer_import.customers_table AS t ON t.relation = r.customers_table"
            "         WHERE r.user_name = $1) AS m"
            "  LEFT JOIN LATERAL unnest(m.codes) AS c (code) ON true ORDER BY m.number",
            {parameter(user_name)});
    }
    for (std::size_t first = 0, next = 0; first < rows.size(); first = next) {
        std::optional<std::vector<std::string_view>> codes;
        for (; next < rows.size() && rows[next][1] == rows[first][1]; ++next) {
            if (rows[next][2]) {
                codes = codes.value_or(std::vector<std::string_view>());
                codes->push_back(*rows[next][2]);
            }
        }
        take(std::stoll(*rows[first][0]), codes);
    }
}

void remove_old_marks() {
    OwnerScope owner;
    execute(
        "DELETE FROM customer_import._removal_marks AS m"
        " WHERE m.marked_at < COALESCE((SELECT min(i.submitted_at) FROM customer_import.imports AS i), 'infinity')"
        "    OR NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = m.customers_table)");
}

bool marks_are_due(double seconds) {
    OwnerScope owner;
    return !query(format("SELECT FROM {} ORDER BY marked_at LIMIT 1", kDueMarks), {seconds_parameter(seconds)}).empty();
}

bool empty_marks(double seconds) {
    OwnerScope owner;
    return execute(format("UPDATE customer_import._removal_marks SET database_role = NULL WHERE ctid = ANY (ARRAY("
                          "    SELECT ctid FROM {} ORDER BY marked_at LIMIT {} FOR UPDATE SKIP LOCKED))",
                          kDueMarks, kMarksAtOnce),
                   {seconds_parameter(seconds)}) == kMarksAtOnce;
}

}  // namespace customer_import::pg
