// Shows other sessions how far this one is, by the server's own progress reporting: it needs no shared memory of ours
// and shows what is not committed yet.
#pragma once

#include <cstdint>
#include <optional>

#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// The report of this session, from start() to its end. The server drops it with each subtransaction that is rolled back,
// as that of a trial or of a record that fails: then it is shown again at once. Raises nothing after start().
class ProgressReport {
public:
    ProgressReport() = default;
    ~ProgressReport();
    ProgressReport(const ProgressReport&) = delete;
    ProgressReport& operator=(const ProgressReport&) = delete;

    // `background_import` is the import of the queue whose file is checked; 0 in the foreground.
    void start(Oid relation, std::int64_t background_import = 0);

    // While the file is checked. To be called for each record; shows some of them.
    void checked(std::int64_t records, std::int64_t bytes);

    // From now on records are applied: `done` of `records`.
    void running(std::int64_t import_id, std::int64_t records, std::int64_t done);
    void applied(std::int64_t done);

    // What the server calls. Raises nothing.
    static void end_subtransaction(SubXactEvent event, SubTransactionId own, SubTransactionId parent, void* argument);

private:
    void publish();

    Oid relation_ = InvalidOid;
    ProgressReport* outer_ = nullptr;  // that of the import within which this one was called
    std::int64_t started_at_ = 0;
    bool is_background_ = false;
    std::int64_t import_id_ = 0;
    bool is_check_ = true;
    std::int64_t records_ = 0;
    std::int64_t done_ = 0;
    std::int64_t bytes_ = 0;
};

// Registers with the server what shows a report again. Called once, when the library is loaded.
void watch_progress();

// How many bytes of its file the worker that checks an import in the background has read; nothing when none does.
std::optional<std::int64_t> bytes_checked(std::int64_t import_id);

}  // namespace customer_import::pg
