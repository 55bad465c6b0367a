#include "pg/calls/import_submit.h"

#include <memory>

#include "core/format.h"
#include "core/text.h"
#include "pg/access/access.h"
#include "pg/access/identity.h"
#include "pg/access/role_catalog.h"
#include "pg/apply/import_kinds.h"
#include "pg/background/background_run.h"
#include "pg/background/import_queue.h"
#include "pg/background/import_worker.h"
#include "pg/background/worker_locks.h"
#include "pg/calls/import_run.h"
#include "pg/history/import_history.h"
#include "pg/history/import_lookup.h"
#include "pg/history/notification.h"
#include "pg/history/outbox.h"
#include "pg/history/retention.h"
#include "pg/input/request_digest.h"
#include "pg/server/arguments.h"
#include "pg/server/database_origin.h"
#include "pg/server/settings.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

namespace {

struct QueueUse {
    std::int64_t imports = 0;
    std::int64_t bytes = 0;
};

QueueUse measure_queue(const std::string& operator_name) {
    OwnerScope owner;
    const Row row = query(
                        "SELECT count(*), COALESCE(sum(file_bytes), 0)::bigint FROM customer_import.imports"
                        " WHERE operator = $1 AND state IN ('queued', 'checking', 'running', 'held')"
                        "   AND finished_at IS NULL",
                        {parameter(std::string_view(operator_name))})
                        .front();
    return {std::stoll(*row[0]), std::stoll(*row[1])};
}

[[noreturn]] void refuse_queueing(const std::string& what, const char* setting) {
    throw ImportError(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED, what, format("The limit is the setting {}.", setting),
                      "Wait until some of them have ended, or cancel one: see customer_import.import_status.");
}

QueueUse require_place_in_queue(const std::string& operator_name) {
    const QueueUse use = measure_queue(operator_name);
    if (use.imports >= max_queued_imports) {
        refuse_queueing(format("operator {} has {} unfinished imports", quoted(operator_name), use.imports),
                        "customer_import.max_queued_imports");
    }
    return use;
}

void require_bytes_in_queue(const std::string& operator_name, const QueueUse& use, std::int64_t bytes) {
    if (use.bytes + bytes > std::int64_t{max_queued_megabytes} * 1024 * 1024) {
        refuse_queueing(format("the unfinished imports of operator {} are too large", quoted(operator_name)),
                        "customer_import.max_queued_bytes");
    }
}

// The settings of the caller by which the worker is to read texts.
std::string caller_settings() {
    return *query(
                "SELECT pg_catalog.jsonb_object_agg(s.name, pg_catalog.current_setting(s.name))"
                "  FROM pg_catalog.unnest('{DateStyle,IntervalStyle,TimeZone,search_path}'::pg_catalog.text[]) AS s (name)")
                .front()[0];
}

}  // namespace

void require_room_in_queue(const std::string& operator_name, std::int64_t bytes) {
    require_bytes_in_queue(operator_name, require_place_in_queue(operator_name), bytes);
}

ImportResult submit_import(ImportRequest& request, InputSource* source) {
    require_import_rights(request);
    SpiConnection spi;
    const std::string operator_name = current_identity().name;
    start_waiting();
    if (request.request_id && source != nullptr) {
        request.digest = request_digest(request, *source);
    }
    if (std::optional<ImportResult> earlier = find_earlier_import(operator_name, request)) {
        return *earlier;
    }
    const Target target = load_import_target(AccessShareLock);
    const std::unique_ptr<RoleCatalog> catalog = load_catalog();
    const std::unique_ptr<InputSource> own_source = make_source(request, 0);
    const std::unique_ptr<RecordReader> reader = make_reader(request, own_source ? own_source.get() : source, target,
                                                             *catalog);
    reader->read_header();
    const QueueUse use = require_place_in_queue(operator_name);
    const std::string settings = caller_settings();
    const std::optional<std::int64_t> id = insert_import({operator_name, current_role_name(), "queued", 0}, request,
                                                         *reader);
    if (!id) {
        return require_earlier_import(operator_name, request);
    }
    std::int64_t bytes = 0;
    if (source != nullptr) {
        store_file(*id, *source);
        bytes = source->bytes();
    } else {
        bytes = stored_bytes(request);
    }
    require_bytes_in_queue(operator_name, use, bytes);
    enqueue({*id, operator_name, request.mode_name(), bytes}, GetUserId(), is_acting(), settings);
    ImportResult result;
    result.import_id = *id;
    result.state = "queued";
    result.has_counts = false;
    result.message = queued_message(*id);
    if (request.kind == ImportKind::file) {
        result.message = with_remark(result.message, ignored_remark(reader->header().ignored()));
        result.warnings = reader->warnings();
    }
    {
        OwnerScope owner;
        execute("UPDATE customer_import.imports SET file_bytes = $2, message = $3 WHERE id = $1",
                {parameter(*id), parameter(bytes), parameter(std::string_view(result.message))});
    }
    announce_import(*id, result.state);
    start_after_commit();
    return result;
}

namespace {

struct OpenImport {
    std::string operator_name;
    bool is_background = false;
    bool has_ended = false;
};

// Locks the row of an import that the caller may see. Errors: 42704.
OpenImport lock_import(std::int64_t import_id) {
    const Identity& identity = current_identity();
    OwnerScope owner;
    const std::vector<Row> rows = query(
        "SELECT i.operator, j.import_id IS NOT NULL, i.finished_at IS NOT NULL"
        "  FROM customer_import.imports AS i LEFT JOIN customer_import._background_imports AS j ON j.import_id = i.id"
        " WHERE i.id = $1 AND (i.operator = $2 OR $3) FOR UPDATE OF i",
        {parameter(import_id), parameter(std::string_view(identity.name)),
         parameter(identity.rights.has(Right::administer))});
    if (rows.empty()) {
        refuse_missing_import(import_id);
    }
    const Row& row = rows.front();
    return {*row[0], row[1] == "t", row[2] == "t"};
}

// Errors: 55000 for an import that a session runs in the foreground.
void refuse_foreground(std::int64_t import_id) {
    CatalogPath path;
    const std::vector<Row> rows = query(
        "SELECT pid FROM customer_import._running_imports() WHERE import_id = $1"
        " AND pid <> pg_backend_pid() LIMIT 1",
        {parameter(import_id)});
    if (!rows.empty()) {
        throw ImportError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          format("import {} runs in the foreground of another session", import_id), {},
                          format("Cancel its statement with SELECT pg_cancel_backend({}).", *rows.front()[0]));
    }
}

std::string cancel_import(std::int64_t import_id) {
    require_right(Right::import_customers, "cancel imports");
    SpiConnection spi;
    const std::string operator_name = current_identity().name;
    std::string exists;
    {
        OwnerScope owner;
        if (query("SELECT FROM customer_import.imports WHERE id = $1", {parameter(import_id)}).empty()) {
            exists = "no";
        }
    }
    if (!exists.empty()) {
        refuse_foreground(import_id);
    }
    const OpenImport import = lock_import(import_id);
    if (import.has_ended || !import.is_background) {
        throw ImportError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, format("import {} has ended already", import_id),
                          {}, format("See SELECT * FROM customer_import.import_status WHERE id = {}.", import_id));
    }
    const std::string by = operator_name == import.operator_name ? "" : format("by {}", operator_name);
    request_stop(import_id, {"canceled", by});
    if (lock_out_workers(import_id)) {  // no worker has it
        end_background_import(import_id);
        return format("Import {} is canceled.", import_id);
    }
    start_after_commit();  // the supervisor ends a wait for a lock
    return format(
        "Import {0} stops after its batch. Follow it: SELECT * FROM customer_import.import_status WHERE id = {0}",
        import_id);
}

// The unfinished imports of the current role, oldest first.
std::vector<std::int64_t> own_imports() {
    const Oid role = GetUserId();
    OwnerScope owner;
    std::vector<std::int64_t> ids;
    for (
        const Row& row : query_latest(
            "SELECT i.id FROM customer_import.imports AS i JOIN customer_import._background_imports AS j ON j.import_id = i.id"
            " WHERE j.role_oid = $1 AND j.origin = $2 AND i.state IN ('queued', 'checking', 'running') ORDER BY i.id",
            {parameter_oid(role), parameter(database_origin())})) {
        ids.push_back(std::stoll(*row[0]));
    }
    return ids;
}

// Whether imports have not ended that other roles have queued in this database.
bool others_have_imports() {
    const Oid role = GetUserId();
    OwnerScope owner;
    return !query_latest(
                "SELECT FROM customer_import.imports AS i JOIN customer_import._background_imports AS j ON j.import_id = i.id"
                " WHERE j.role_oid <> $1 AND j.origin = $2 AND i.state IN ('queued', 'checking', 'running') LIMIT 1",
                {parameter_oid(role), parameter(database_origin())})
                .empty();
}

// A superuser, too, runs its own ones only: that is not what it may have meant.
void say_whose_imports_wait() {
    call([] {
        ereport(NOTICE,
                (errmsg("role \"%s\" has no import to run, other roles have", GetUserNameFromId(GetUserId(), false)),
                 errhint("SET ROLE to the database_role of the import, and call customer_import.run_imports()"
                         " again.")));
    });
}

void run_imports(FunctionCallInfo fcinfo) {
    require_no_transaction_block(fcinfo, "customer_import.run_imports()");
    call([] { PreventCommandDuringRecovery("customer_import.run_imports()"); });
    ProcedureTransactions transactions;
    std::vector<std::int64_t> ids;
    if (std::optional<PgError> error = transactions.run([&] {
            ids = own_imports();
            if (ids.empty() && others_have_imports()) {
                say_whose_imports_wait();
            }
        })) {
        throw PgError(*error);
    }
    SharedSlices none;  // workers have them
    for (std::int64_t id : ids) {
        if (!run_background_import(transactions, id, 1, none)) {
            call([&] {
                ereport(
                    NOTICE,
                    (errmsg("import %lld waits for what is in its way", static_cast<long long>(id)),
                     errhint(
                         "See customer_import.import_status, and call customer_import.run_imports() again later.")));
            });
        }
    }
}

std::int64_t release_restored() {
    require_superuser("release restored imports");
    SpiConnection spi;
    std::uint64_t released = 0;
    {
        OwnerScope owner;
        const Parameter origin = parameter(database_origin());
        // Also those that no supervisor has marked as held yet.
        released = execute(
            "UPDATE customer_import.imports AS i"
            "   SET state = CASE WHEN i.started_at IS NULL THEN 'queued' WHEN j.slices = 0 THEN 'checking'"
            "                    ELSE 'running' END,"
            "       message = 'Import ' || i.id || ' resumes.'"
            "  FROM customer_import._background_imports AS j"
            " WHERE j.import_id = i.id AND j.origin <> $1 AND i.finished_at IS NULL",
            {origin});
        execute(
            // The workers that had them have died, if at all, somewhere else.
            "UPDATE customer_import._import_slices AS s SET waiting_since = NULL, claims = 0, deaths = 0, in_parts_until = 0"
            "  FROM customer_import._background_imports AS j WHERE j.import_id = s.import_id AND j.origin <> $1",
            {origin});
        execute(
            "UPDATE customer_import._background_imports AS j SET origin = $1,"
            "       role_oid = COALESCE((SELECT r.oid FROM pg_roles AS r WHERE r.rolname = i.database_role), 0)"
            "  FROM customer_import.imports AS i WHERE i.id = j.import_id AND j.origin <> $1",
            {origin});
    }
    release_messages();
    if (released > 0) {
        start_after_commit();
    }
    return static_cast<std::int64_t>(released);
}

}  // namespace

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// cancel_import(import_id bigint) returns text. Errors: 42501, 42704, 55000 when it has ended or runs in the
// foreground.
CI_WRITING_FUNCTION(ci_cancel_import) {
    return pg::entry([&] { return pg::text_datum(pg::cancel_import(PG_GETARG_INT64(0))); });
}

// run_imports(): a procedure. Errors: 25001 inside a transaction block.
CI_WRITING_FUNCTION(ci_run_imports) {
    return pg::entry([&] {
        pg::run_imports(fcinfo);
        return Datum{0};
    });
}

// release_restored() returns bigint. Errors: 42501.
CI_WRITING_FUNCTION(ci_release_restored) {
    return pg::entry([&] { return Int64GetDatum(pg::release_restored()); });
}

// purge_imports(older_than interval) returns bigint. Errors: 42501.
CI_WRITING_FUNCTION(ci_purge_imports) {
    return pg::entry([&] {
        pg::require_right(customer_import::Right::administer, "purge imports");
        pg::SpiConnection spi;
        const std::string older_than = pg::call(
            [&]() -> const char* { return DatumGetCString(DirectFunctionCall1(interval_out, PG_GETARG_DATUM(0))); });
        return Int64GetDatum(pg::purge_imports(older_than));
    });
}
