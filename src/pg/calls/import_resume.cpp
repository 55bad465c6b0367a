// resume_import(): has an import in the background that ended early continue from its last committed batch, as the same
// import. What it has applied is not looked at again; one that has applied nothing begins anew, with its check.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/format.h"
#include "core/report.h"
#include "core/text.h"
#include "pg/access/access.h"
#include "pg/access/identity.h"
#include "pg/access/role_catalog.h"
#include "pg/apply/import_kinds.h"
#include "pg/background/import_queue.h"
#include "pg/background/import_worker.h"
#include "pg/background/slice_input.h"
#include "pg/calls/import_submit.h"
#include "pg/history/import_lookup.h"
#include "pg/history/notification.h"
#include "pg/history/outbox.h"
#include "pg/history/retention.h"
#include "pg/history/reversal.h"
#include "pg/input/import_options.h"
#include "pg/input/input_source.h"
#include "pg/server/arguments.h"
#include "pg/server/database_origin.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

namespace {

[[noreturn]] void refuse(std::string message, std::string detail = {}, std::string hint = {}) {
    throw ImportError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, std::move(message), std::move(detail), std::move(hint));
}

// A call that only looks locks nothing, as it may run on a standby.
enum class Purpose { resume, look };

const char* lock_for(Purpose purpose, const char* lock) { return purpose == Purpose::resume ? lock : ""; }

struct EndedImport {
    std::int64_t id = 0;
    std::string operator_name;
    std::string mode;
    std::optional<std::int64_t> source;  // of an undo or a retry
    std::int64_t bytes = 0;
    std::int64_t records = 0;
    std::string options;
    Stop stop;
    bool has_applied = false;
    std::int64_t fence = 0;  // the highest one of its slices
};

// Reads an import that ended early, and locks its row until the end of the transaction. Errors: 42704, 55000.
EndedImport load_ended(std::int64_t import_id, Purpose purpose) {
    const Identity& identity = current_identity();
    OwnerScope owner;
    const std::vector<Row> rows = query(
        "SELECT i.operator, i.mode, i.source_import_id, i.state, i.finished_at IS NULL, j.import_id IS NULL, i.undo_import_id,"
        "       COALESCE(i.file_bytes, 0),"
        "       EXISTS (SELECT FROM customer_import.customers_table AS t WHERE t.relation = i.customers_table),"
        "       i.records, i.options, j.stop_sqlstate"
        "  FROM customer_import.imports AS i LEFT JOIN customer_import._background_imports AS j ON j.import_id = i.id"
        " WHERE i.id = $1 AND (i.operator = $2 OR $3)" +
            std::string(lock_for(purpose, " FOR UPDATE OF i")),
        {parameter(import_id), parameter(std::string_view(identity.name)),
         parameter(identity.rights.has(Right::administer))});
    if (rows.empty()) {
        refuse_missing_import(import_id);
    }
    const Row& row = rows.front();
    if (*row[4] == "t") {
        refuse(format("import {} has not ended yet", import_id), {},
               format("Follow it: SELECT * FROM customer_import.import_status WHERE id = {}.", import_id));
    }
    if (*row[3] == "undone") {
        refuse(format("import {} was undone by import {}", import_id, *row[6]), {},
               row[2] ? "" : "Import the file again.");
    }
    if (*row[3] == "completed") {
        refuse(format("import {} has nothing left to apply", import_id));
    }
    if (*row[5] == "t") {
        refuse(format("import {} ran in the foreground", import_id), "What it had done was rolled back.",
               row[2] ? "" : "Import the file again.");
    }
    if (*row[8] != "t") {
        refuse_other_table(import_id);
    }
    EndedImport import{.id = import_id,
                       .operator_name = *row[0],
                       .mode = *row[1],
                       .source = row[2] ? std::optional(std::stoll(*row[2])) : std::nullopt,
                       .bytes = std::stoll(*row[7]),
                       .records = std::stoll(*row[9]),
                       .options = *row[10],
                       .stop = {*row[3], {}, row[11].value_or("")}};
    const Row slices = query_latest(
                           "SELECT COALESCE(bool_or(position > 0), false), COALESCE(max(fence), 0),"
                           "       COALESCE(bool_and(position >= records), false) FROM customer_import._import_slices"
                           " WHERE import_id = $1",
                           {parameter(import_id)})
                           .front();
    import.has_applied = *slices[0] == "t";
    import.fence = std::stoll(*slices[1]);
    if (*slices[2] == "t" && import.has_applied) {
        refuse(format("import {} has nothing left to apply", import_id));
    }
    return import;
}

// An undo or a retry has read what the import did, and which records it left. Errors: 55000.
void refuse_reversed(const EndedImport& import, Purpose purpose) {
    const std::int64_t import_id = import.id;
    OwnerScope owner;
    const std::vector<Row> rows = query_latest(
        "SELECT id, mode FROM customer_import.imports WHERE source_import_id = $1 ORDER BY id LIMIT 1",
        {parameter(import_id)});
    if (!rows.empty()) {
        const std::string& by = *rows.front()[0];
        refuse(*rows.front()[1] == "undo" ? format("an undo of import {} has begun: import {}", import_id, by)
                                          : format("a retry of import {} has begun: import {}", import_id, by),
               {}, import.source ? "" : "Import the file again.");
    }
    if (!import.source) {
        return;
    }
    // Sessions that undo or retry its source have that one's row locked until theirs can be seen.
    if (query(format("SELECT FROM customer_import.imports WHERE id = $1{}", lock_for(purpose, " FOR UPDATE")),
              {parameter(*import.source)})
            .empty()) {
        refuse(format("import {}, from which it reads, has been purged", *import.source));
    }
    require_not_emptied(*import.source);
    const std::vector<Row> later = query_latest(
        "SELECT id FROM customer_import.imports WHERE source_import_id = $1 AND id > $2 ORDER BY id LIMIT 1",
        {parameter(*import.source), parameter(import_id)});
    if (!later.empty()) {
        refuse(format("import {} was undone or retried again, by import {}", *import.source, *later.front()[0]));
    }
}

// The check is made anew, and reads the file as it was stored. Errors: 55000.
void refuse_amended(std::int64_t import_id) {
    OwnerScope owner;
    if (!query("SELECT FROM customer_import.import_issues WHERE import_id = $1 AND amended_record IS NOT NULL LIMIT 1",
               {parameter(import_id)})
             .empty()) {
        refuse(format("records of import {} have been amended, and its check would be made anew", import_id), {},
               format("Import them: SELECT * FROM customer_import.retry_rejects({}).", import_id));
    }
}

// Errors: 55000.
void refuse_reject_limit(const EndedImport& import) {
    ImportRequest request;
    read_options(import.options, request);
    if (const std::optional<std::string> reason =
            request.has_reject_limit() ? request.reject_limit_passed(rejected_so_far(import.id), import.records)
                                       : std::nullopt) {
        refuse(format("import {} would end again: {}", import.id, *reason), {},
               "Undo the import, or leave it, and import the file again.");
    }
}

// What is wrong with the file itself stays so: it is kept as it came. A limit of rejected records, and the trial, depend
// on the catalog and the table, too, and the check would be made anew. Errors: 55000.
void refuse_refused_file(const EndedImport& import) {
    if (import.stop.is_fault_of_file() && import.stop.sqlstate != kFaultOfFile) {
        refuse(format("the file of import {} was refused, and would be again", import.id), {},
               "Correct the file, and import it again.");
    }
}

// Returns an import that can be resumed, as far as the rights and the table of its operator let it. Errors: 42704, 55000.
EndedImport load_resumable(std::int64_t import_id, Purpose purpose) {
    EndedImport import = load_ended(import_id, purpose);
    require_not_emptied(import_id);
    refuse_reversed(import, purpose);
    if (import.has_applied) {
        refuse_reject_limit(import);
    } else {
        refuse_refused_file(import);
        refuse_amended(import_id);
    }
    return import;
}

// Makes the import an unfinished one. The fences of its slices grow: a worker that still had one could write nothing.
void reopen(const EndedImport& import) {
    const std::int64_t import_id = import.id;
    OwnerScope owner;
    const Parameter id = parameter(import_id);
    if (import.has_applied) {
        execute(
            "UPDATE customer_import._import_slices SET ended = position >= records, fence = fence + 1, claims = 0, deaths = 0,"
            "       in_parts_until = 0, part_records = NULL, part_lines = NULL, waits = 0 WHERE import_id = $1",
            {id});
    } else {
        execute("DELETE FROM customer_import._import_slices WHERE import_id = $1", {id});
        execute("DELETE FROM customer_import.import_issues WHERE import_id = $1", {id});
        execute("INSERT INTO customer_import._import_slices (import_id, slice, fence) VALUES ($1, 0, $2)",
                {id, parameter(import.fence + 1)});
        execute(
            "UPDATE customer_import._background_imports SET slices = 0, slice_hash = NULL, slice_names = NULL, by_line = NULL, role_codes = NULL,"
            "       record_shape = NULL WHERE import_id = $1",
            {id});
    }
    execute(
        "UPDATE customer_import._background_imports SET stop_state = NULL, stop_reason = NULL, stop_sqlstate = NULL,"
        "       resumed_at = clock_timestamp() WHERE import_id = $1",
        {id});
    execute(
        "UPDATE customer_import.imports SET state = CASE WHEN $2 THEN 'running' ELSE 'queued' END, finished_at = NULL,"
        "       started_at = CASE WHEN $2 THEN started_at END, records = CASE WHEN $2 THEN records ELSE 0 END,"
        "       message = $3, created = 0, updated = 0, unchanged = 0, skipped = 0, rejected = 0, deleted = 0, unprocessed = 0"
        " WHERE id = $1",
        {id, parameter(import.has_applied), parameter(std::string_view(resumed_message(import_id)))});
}

// One's own import runs as the role that one has now; another's as the role that it had. After a restore that is known
// by its name.
void bind_role(std::int64_t import_id, bool is_own) {
    const Oid role = GetUserId();
    const std::string name = current_role_name();
    OwnerScope owner;
    const Parameter id = parameter(import_id), origin = parameter(database_origin());
    if (is_own) {
        execute(
            "UPDATE customer_import._background_imports SET role_oid = $2, acts = $3, origin = $4 WHERE import_id = $1",
            {id, parameter_oid(role), parameter(is_acting()), origin});
        execute("UPDATE customer_import.imports SET database_role = $2 WHERE id = $1",
                {id, parameter(std::string_view(name))});
        return;
    }
    execute(
        "UPDATE customer_import._background_imports AS j SET origin = $2,"
        "       role_oid = COALESCE((SELECT r.oid FROM pg_roles AS r WHERE r.rolname = i.database_role), 0)"
        "  FROM customer_import.imports AS i WHERE i.id = $1 AND j.import_id = $1 AND j.origin <> $2",
        {id, origin});
}

// A record has to mean what it meant at the check, or a position in a slice would be another one. The records of an undo
// are those of the change log, whatever the table is like. Errors: 55000.
void require_same_shape(BackgroundImport& import) {
    if (import.request.kind == ImportKind::undo) {
        return;
    }
    const Target target = load_import_target(AccessShareLock);
    const std::unique_ptr<RoleCatalog> catalog = load_catalog();
    const std::unique_ptr<InputSource> source = import.request.kind == ImportKind::file
                                                    ? stored_file_source(import.id)
                                                    : make_source(import.request, import.id);
    const std::unique_ptr<RecordReader> reader = make_reader(import.request, source.get(), target, *catalog);
    reader->read_header();
    if (kept_shape(import, target, reader->header()) != import.shape) {
        refuse(
            format("the records of import {} are not as they were when it was checked", import.id),
            "A column that it writes has another type or header, user names are told apart by case otherwise than then, or "
            "records of a retry have been amended since.",
            "Undo the import, or leave it, and import the file again.");
    }
}

std::string resume_import(std::int64_t import_id) {
    require_right(Right::import_customers, "resume imports");
    (void)lock_extension();
    SpiConnection spi;
    start_waiting();
    const std::string caller = current_identity().name;
    const EndedImport import = load_resumable(import_id, Purpose::resume);
    require_room_in_queue(import.operator_name, import.bytes);
    reopen(import);
    bind_role(import_id, caller == import.operator_name);
    std::optional<BackgroundImport> open = load_background_import(import_id);
    if (!open) {
        refuse(format("import {} has nothing left to apply", import_id));
    }
    if (import.has_applied) {
        require_same_shape(*open);
    }
    withdraw_report(import_id);
    log_resumed(import_id, import.operator_name);
    announce_import(import_id, open->state);
    start_after_commit();
    return resumed_message(import_id);
}

// An error that the refusal of a call would be is an answer here.
bool may_resume(std::int64_t import_id) {
    if (!current_identity().rights.has(Right::import_customers)) {
        return false;
    }
    SpiConnection spi;
    try {
        return !load_resumable(import_id, Purpose::look).stop.is_fault_of_file();
    } catch (const ImportError& refusal) {
        if (refusal.sqlstate() != ERRCODE_UNDEFINED_OBJECT &&
            refusal.sqlstate() != ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE) {
            throw;
        }
        return false;
    }
}

}  // namespace

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// resume_import(import_id bigint) returns text. Errors: 42501, 42704, 53400, 55000 for an import that cannot be resumed.
CI_WRITING_FUNCTION(ci_resume_import) {
    return pg::entry([&] { return pg::text_datum(pg::resume_import(PG_GETARG_INT64(0))); });
}

// _may_resume(import_id bigint) returns boolean: whether the caller may resume it, and that would not be in vain.
CI_CATALOG_FUNCTION(ci_may_resume) {
    return pg::entry([&] { return BoolGetDatum(pg::may_resume(PG_GETARG_INT64(0))); });
}
