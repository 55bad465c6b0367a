#include "pg/history/progress.h"

#include <utility>

#include "pg/access/identity.h"
#include "pg/server/library_version.h"

namespace customer_import::pg {

namespace {

// The server has no progress report for imports: we report as a COPY, which shows bytes and rows in
// pg_stat_progress_copy, with a mark of ours beside them.
constexpr ProgressCommandType kCommand = PROGRESS_COMMAND_COPY;
constexpr std::int64_t kMark = 0x637573746f6d6572;  // "customer"
enum Slot {
    kBytes = PROGRESS_COPY_BYTES_PROCESSED,
    kDone = PROGRESS_COPY_TUPLES_PROCESSED,
    kMarkSlot = 10,
    kImportId,
    kRecords,
    kIsCheck,
    kStartedAt,
    kIsBackground
};
static_assert(kIsBackground < PGSTAT_NUM_PROGRESS_PARAM);

constexpr std::int64_t kShownRecords = 1024;

// Whether a process reports the import of a customer file into this database.
bool is_report(const PgBackendStatus& backend) {
    return backend.st_procpid != 0 && backend.st_databaseid == MyDatabaseId &&
           backend.st_progress_command == kCommand && backend.st_progress_param[kMarkSlot] == kMark;
}

// It is not known which operator a gateway's session acts as.
bool may_see(const PgBackendStatus& backend, const Identity& identity) {
    return identity.rights.has(Right::administer) ||
           (backend.st_userid == GetUserId() && identity.rights.has(Right::view_imports) && !identity.role_is_gateway);
}

// The report of this session: the newest one, when a trigger of an import imports as well.
ProgressReport* shown = nullptr;

}  // namespace

ProgressReport::~ProgressReport() {
    if (OidIsValid(relation_)) {
        shown = outer_;
        pgstat_progress_end_command();
        if (shown != nullptr) {
            shown->publish();
        }
    }
}

void ProgressReport::start(Oid relation, std::int64_t background_import) {
    relation_ = relation;
    if (shown != this) {  // a file may be read again
        outer_ = std::exchange(shown, this);
    }
    import_id_ = background_import;
    is_background_ = background_import != 0;
    started_at_ = GetCurrentTimestamp();
    publish();
}

void ProgressReport::checked(std::int64_t records, std::int64_t bytes) {
    if (records % kShownRecords == 0) {
        done_ = records;
        bytes_ = bytes;
        publish();
    }
}

void ProgressReport::running(std::int64_t import_id, std::int64_t records, std::int64_t done) {
    import_id_ = import_id;
    is_check_ = false;
    records_ = records;
    applied(done);
}

void ProgressReport::applied(std::int64_t done) {
    done_ = done;
    publish();
}

void ProgressReport::publish() {
    if (MyBEEntry == nullptr || !OidIsValid(relation_)) {
        return;
    }
    if (MyBEEntry->st_progress_command != kCommand) {
        pgstat_progress_start_command(kCommand, relation_);
    }
    const int slots[] = {kBytes, kDone, kMarkSlot, kImportId, kRecords, kIsCheck, kStartedAt, kIsBackground};
    const int64 values[] = {bytes_, done_, kMark, import_id_, records_, is_check_ ? 1 : 0, started_at_, is_background_};
    pgstat_progress_update_multi_param(lengthof(slots), slots, values);
}

void ProgressReport::end_subtransaction(SubXactEvent event, SubTransactionId, SubTransactionId, void*) {
    if (event == SUBXACT_EVENT_ABORT_SUB && shown != nullptr) {
        shown->publish();
    }
}

void watch_progress() { RegisterSubXactCallback(ProgressReport::end_subtransaction, nullptr); }

std::optional<std::int64_t> bytes_checked(std::int64_t import_id) {
    const std::int64_t bytes = call([&]() -> std::int64_t {
        const int count = pgstat_fetch_stat_numbackends();
        for (int index = 1; index <= count; ++index) {
            const PgBackendStatus& backend = pgstat_get_local_beentry_by_index(index)->backendStatus;
            const int64* slots = backend.st_progress_param;
            if (is_report(backend) && slots[kIsBackground] != 0 && slots[kIsCheck] != 0 &&
                slots[kImportId] == import_id) {
                return slots[kBytes];
            }
        }
        return -1;
    });
    return bytes < 0 ? std::nullopt : std::optional(bytes);
}

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// _running_imports(): what sessions import at this moment, as far as the caller may see it. The name of a role that has
// been dropped is NULL.
CI_CATALOG_FUNCTION(ci_running_imports) {
    return pg::entry([&] {
        const pg::Identity& identity = pg::current_identity();
        pg::call([&] {
            using namespace pg;
            InitMaterializedSRF(fcinfo, 0);
            auto result = (ReturnSetInfo*)fcinfo->resultinfo;
            const int count = pgstat_fetch_stat_numbackends();
            for (int index = 1; index <= count; ++index) {
                const PgBackendStatus& backend = pgstat_get_local_beentry_by_index(index)->backendStatus;
                const int64* slots = backend.st_progress_param;
                if (!is_report(backend) || !may_see(backend, identity)) {
                    continue;
                }
                // A role may be dropped while a session of its own still imports.
                char* role = GetUserNameFromId(backend.st_userid, true);
                Datum values[] = {Int64GetDatum(slots[kImportId]),
                                  Int32GetDatum(backend.st_procpid),
                                  role != nullptr ? DirectFunctionCall1(namein, CStringGetDatum(role)) : Datum{0},
                                  BoolGetDatum(slots[kIsCheck] != 0),
                                  Int64GetDatum(slots[kRecords]),
                                  Int64GetDatum(slots[kDone]),
                                  Int64GetDatum(slots[kBytes]),
                                  TimestampTzGetDatum(slots[kStartedAt]),
                                  BoolGetDatum(slots[kIsBackground] != 0)};
                bool nulls[lengthof(values)] = {};
                nulls[0] = slots[kImportId] == 0;
                nulls[2] = role == nullptr;
                nulls[4] = slots[kIsCheck] != 0;
                tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
            }
        });
        return Datum{0};
    });
}
