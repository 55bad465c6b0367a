#include "pg/retention.h"

#include <initializer_list>
#include <vector>

#include "core/change_page.h"
#include "pg/module.h"
#include "pg/statement.h"
#include "pg/text_array.h"

namespace customer_import::pg {

namespace {

// Locks the imports for which the condition holds, and returns those that no undo or retry reads. Who starts one has the
// lock until it can be seen: only then, and with a snapshot of that time, is it known whether there is one.
std::vector<std::int64_t> lock_unread(const std::string& condition, std::initializer_list<Parameter> parameters) {
    std::vector<std::int64_t> ids;
    for (const Row& row : query("SELECT id FROM customer_import.imports WHERE " + condition + " ORDER BY id FOR UPDATE",
                                parameters)) {
        const std::int64_t id = std::stoll(*row[0]);
        if (query_latest("SELECT FROM customer_import.imports WHERE source_import_id = $1 AND finished_at IS NULL",
                         {parameter(id)}).empty()) {
            ids.push_back(id);
        }
    }
    return ids;
}

constexpr const char* kTables[] = {"import_files", "import_jobs", "import_slices", "import_issues", "import_change_pages",
                                   "email_outbox"};

constexpr const char* kIsDue = "emptied_at IS NULL AND finished_at < clock_timestamp() - make_interval(mins => $1)";

Parameter retention_parameter() { return {INT4OID, Int32GetDatum(retention_minutes), false}; }

}  // namespace

bool retention_is_due() {
    if (retention_minutes == 0) {
        return false;
    }
    OwnerScope owner;
    return !query(std::string("SELECT FROM customer_import.imports AS i WHERE ") + kIsDue +
                      " AND NOT EXISTS (SELECT FROM customer_import.imports AS r"
                      "                  WHERE r.source_import_id = i.id AND r.finished_at IS NULL) LIMIT 1",
                  {retention_parameter()}).empty();
}

void apply_retention() {
    if (retention_minutes == 0) {
        return;
    }
    OwnerScope owner;
    for (const std::int64_t import_id : lock_unread(kIsDue, {retention_parameter()})) {
        const Parameter id = parameter(import_id);
        execute("UPDATE customer_import.imports SET emptied_at = clock_timestamp() WHERE id = $1", {id});
        execute("DELETE FROM customer_import.import_files WHERE import_id = $1", {id});
        execute("UPDATE customer_import.email_outbox SET message = NULL WHERE import_id = $1 AND state = 'sent'", {id});
        execute("UPDATE customer_import.import_issues SET record = NULL, amended_record = NULL, value = NULL WHERE import_id = $1", {id});
        execute("UPDATE customer_import.import_change_pages SET payload = customer_import._strip_change_page(payload)"
                " WHERE import_id = $1",
                {id});
    }
}

std::int64_t purge_imports(const std::string& older_than) {
    OwnerScope owner;
    std::int64_t purged = 0;
    for (const std::int64_t import_id :
         lock_unread("finished_at < clock_timestamp() - $1::interval", {parameter(std::string_view(older_than))})) {
        const Parameter id = parameter(import_id);
        execute("DELETE FROM customer_import.imports WHERE id = $1", {id});
        for (const char* table : kTables) {
            execute("DELETE FROM customer_import." + std::string(table) + " WHERE import_id = $1", {id});
        }
        ++purged;
    }
    return purged;
}

void require_not_emptied(std::int64_t import_id) {
    OwnerScope owner;
    if (!query("SELECT FROM customer_import.imports WHERE id = $1 AND emptied_at IS NOT NULL", {parameter(import_id)})
             .empty()) {
        throw ImportError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          "the records of import " + std::to_string(import_id) + " are not kept any more", {},
                          "See the setting customer_import.retention.");
    }
}

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// _strip_change_page(payload bytea) returns bytea: the page without the values of fields.
CI_FUNCTION(ci_strip_change_page) {
    return pg::entry([&] {
        std::string_view payload = pg::varlena_view(pg::call([&] { return PG_GETARG_BYTEA_PP(0); }));
        customer_import::ChangePageReader reader(payload);
        customer_import::ChangePageWriter writer;
        customer_import::Change change;
        while (reader.next(change)) {
            change.fields.clear();
            writer.add(change);
        }
        if (reader.damaged()) {
            throw pg::ImportError(ERRCODE_DATA_CORRUPTED, "a page of the change log is damaged");
        }
        return pg::text_datum(writer.take());
    });
}
