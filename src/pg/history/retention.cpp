#include "pg/history/retention.h"

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "core/format.h"
#include "pg/history/import_lookup.h"
#include "pg/history/reversal.h"
#include "pg/input/stored_changes.h"
#include "pg/input/upload.h"
#include "pg/server/server_log.h"
#include "pg/server/settings.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"
#include "pg/table/removal_marks.h"

namespace customer_import::pg {

namespace {

// Locks the imports for which the condition holds, and returns those that no undo or retry reads. A session that starts
// one has the lock until the undo or retry can be seen: only then, and with a snapshot of that time, is it known
// whether there is one.
std::vector<std::int64_t> lock_unread(const std::string& condition, std::initializer_list<Parameter> parameters,
                                      const std::string& wait = "") {
    std::vector<std::int64_t> ids;
    for (const Row& row :
         query(format("SELECT id FROM customer_import.imports WHERE {} ORDER BY id FOR UPDATE{}", condition, wait),
               parameters)) {
        const std::int64_t id = std::stoll(*row[0]);
        if (query_latest("SELECT FROM customer_import.imports WHERE source_import_id = $1 AND finished_at IS NULL",
                         {parameter(id)})
                .empty()) {
            ids.push_back(id);
        }
    }
    return ids;
}

constexpr const char* kTables[] = {"_import_files", "_background_imports",  "_import_slices",
                                   "import_issues", "_import_change_pages", "email_outbox"};

// The imports that are old enough, and that no undo or retry reads. The time is read once, in a sub-SELECT, so that an
// index can be asked for what is older.
constexpr const char* kDue =
    "SELECT i.id FROM customer_import.imports AS i"
    " WHERE i.emptied_at IS NULL AND i.finished_at < (SELECT clock_timestamp() - make_interval(secs => $1))"
    "   AND NOT EXISTS (SELECT FROM customer_import.imports AS r"
    "                    WHERE r.source_import_id = i.id AND r.finished_at IS NULL)";

constexpr int kRetentionMilliseconds = 1000;

Parameter retention_parameter() { return {FLOAT8OID, Float8GetDatum(retention_seconds), false}; }

}  // namespace

bool retention_is_due() {
    if (old_uploads_are_due()) {
        return true;
    }
    if (retention_seconds == 0) {
        return false;
    }
    OwnerScope owner;
    const std::string first = std::string(kDue) + " ORDER BY i.finished_at LIMIT 1";
    return !query(first, {retention_parameter()}).empty() || marks_are_due(retention_seconds);
}

namespace {

// Empties an import, unless another session holds it or an undo or retry has begun to read it.
void empty_import(std::int64_t import_id) {
    OwnerScope owner;
    if (lock_unread("id = $1 AND emptied_at IS NULL AND finished_at IS NOT NULL", {parameter(import_id)},
                    " SKIP LOCKED")
            .empty()) {
        return;
    }
    const Parameter id = parameter(import_id);
    const std::string remark = ignored_remark_of(import_id);
    withdraw_resume_offer(import_id);
    // Whatever an error says may quote a customer: only what was counted stays, and texts of our own.
    execute(
        "UPDATE customer_import.imports SET emptied_at = clock_timestamp(), header = NULL, warnings = '{}', ignored_columns = '{}',"
        "       message = CASE WHEN state = 'failed' THEN t.text ELSE replace(message, $2, '') END,"
        "       message_before_undo = CASE WHEN state_before_undo = 'failed' THEN t.text"
        "                                  ELSE replace(message_before_undo, $2, '') END"
        "  FROM format('Import %s failed. The reason was deleted when customer_import.retention had passed.', $1) AS t (text)"
        " WHERE id = $1",
        {id, parameter(std::string_view(remark.empty() ? remark : remark + " "))});
    execute("DELETE FROM customer_import._import_files WHERE import_id = $1", {id});
    execute(
        "UPDATE customer_import._background_imports SET stop_reason = NULL, slice_names = NULL WHERE import_id = $1",
        {id});
    execute("UPDATE customer_import.email_outbox SET message = NULL, last_error = NULL WHERE import_id = $1", {id});
    execute(
        "UPDATE customer_import.import_issues SET record = NULL, amended_record = NULL, value = NULL, detail = NULL, hint = NULL,"
        "       message = 'the text is not kept any more' WHERE import_id = $1",
        {id});
    execute(
        "UPDATE customer_import._import_change_pages SET payload = customer_import._strip_change_page(payload, changes)"
        " WHERE import_id = $1",
        {id});
}

}  // namespace

bool apply_retention(Transactions& transactions, RetentionProgress& progress) {
    (void)transactions.run_unless_locked([] { remove_old_uploads(); });
    if (retention_seconds == 0) {
        return false;
    }
    const TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), kRetentionMilliseconds);
    std::vector<std::int64_t> ids;
    bool more_marks = false;
    (void)transactions.run_unless_locked([&] {
        OwnerScope owner;
        more_marks = empty_marks(retention_seconds);
        for (const Row& row : query(std::string(kDue) + " AND i.id > $2 ORDER BY i.id LIMIT 1000",
                                    {retention_parameter(), parameter(progress.last)})) {
            ids.push_back(std::stoll(*row[0]));
        }
    });
    for (const std::int64_t id : ids) {
        if (GetCurrentTimestamp() > end) {
            return true;
        }
        check_interrupts();
        progress.last = id;
        if (progress.failed.count(id) > 0) {
            continue;
        }
        const std::optional<PgError> error = transactions.run([&] { empty_import(id); });
        if (error && error->sqlstate() != ERRCODE_LOCK_NOT_AVAILABLE) {
            write_log(WARNING,
                      format("could not empty import {} (SQLSTATE {})", id, unpack_sql_state(error->sqlstate())));
            progress.failed.insert(id);
        }
        if (error) {
            forget(*error);
        }
    }
    if (ids.empty()) {
        progress.last = 0;
    }
    return more_marks || !ids.empty();
}

std::int64_t purge_imports(const std::string& older_than) {
    OwnerScope owner;
    std::int64_t purged = 0;
    for (const std::int64_t import_id :
         lock_unread("finished_at < clock_timestamp() - $1::interval", {parameter(std::string_view(older_than))})) {
        const Parameter id = parameter(import_id);
        execute("DELETE FROM customer_import.imports WHERE id = $1", {id});
        execute(
            "UPDATE customer_import.role_codes SET created_by_import = NULL WHERE created_by_import = $1 AND NOT is_provisional",
            {id});
        for (const char* table : kTables) {
            execute(format("DELETE FROM customer_import.{} WHERE import_id = $1", table), {id});
        }
        ++purged;
    }
    remove_old_marks();
    return purged;
}

void require_not_emptied(std::int64_t import_id) {
    OwnerScope owner;
    if (!query("SELECT FROM customer_import.imports WHERE id = $1 AND emptied_at IS NOT NULL", {parameter(import_id)})
             .empty()) {
        throw ImportError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          format("the records of import {} are not kept any more", import_id), {},
                          "See the setting customer_import.retention.");
    }
}

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// _strip_change_page(payload bytea, changes integer) returns bytea: the page without the values of fields. Errors:
// XX001 when the page is damaged.
CI_FUNCTION(ci_strip_change_page) {
    return pg::entry([&] {
        std::string_view payload = pg::varlena_view(pg::call([&] { return PG_GETARG_BYTEA_PP(0); }));
        pg::StoredChanges changes(payload, PG_GETARG_INT32(1));
        customer_import::ChangePageWriter writer;
        customer_import::Change change;
        while (changes.next(change)) {
            change.fields.clear();
            writer.add(change);
        }
        return pg::bytes_datum(writer.take());
    });
}
