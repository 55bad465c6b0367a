#include "pg/server/server_log.h"

#include <cstring>

#include "pg/server/settings.h"

namespace customer_import::pg {

namespace {

// A line that waits for the commit; in the memory of the transaction.
struct WaitingLine {
    WaitingLine* next;
    SubTransactionId subtransaction;
    int level;
    char text[FLEXIBLE_ARRAY_MEMBER];
};

WaitingLine* first_line = nullptr;

bool is_wanted(int level) { return log_level == kLogAll || (log_level == kLogWarnings && level == WARNING); }

// In a session that has called run_imports(), a warning is for the log alone as well.
class NoClient {
public:
    NoClient() : before_(client_min_messages) { client_min_messages = ERROR; }
    ~NoClient() { client_min_messages = before_; }
    NoClient(const NoClient&) = delete;
    NoClient& operator=(const NoClient&) = delete;

private:
    int before_;
};

void report(int level, const char* line) {
    ereport(level == LOG ? LOG_SERVER_ONLY : level,
            (errmsg_internal("customer_import: %s", line), errhidestmt(true), errhidecontext(true)));
}

// The transaction is committed: an error would take the server down, so there must be none, and the interrupts that the
// server holds back stay held back.
void report_after_commit(int level, const char* line) {
    const uint32 held = InterruptHoldoffCount;
    const NoClient scope;
    release([&] { report(level, line); });
    InterruptHoldoffCount = held;
}

void write_waiting_lines() {
    for (const WaitingLine* line = first_line; line != nullptr; line = line->next) {
        report_after_commit(line->level, line->text);
    }
}

void end_transaction(XactEvent event, void*) {
    if (event == XACT_EVENT_COMMIT) {
        write_waiting_lines();
    }
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE) {
        first_line = nullptr;
    }
}

void end_subtransaction(SubXactEvent event, SubTransactionId own, SubTransactionId parent, void*) {
    for (WaitingLine** place = &first_line; *place != nullptr;) {
        if ((*place)->subtransaction == own && event == SUBXACT_EVENT_ABORT_SUB) {
            *place = (*place)->next;
            continue;
        }
        if ((*place)->subtransaction == own && event == SUBXACT_EVENT_COMMIT_SUB) {
            (*place)->subtransaction = parent;
        }
        place = &(*place)->next;
    }
}

}  // namespace

void write_log(int level, std::string_view line) {
    if (!is_wanted(level)) {
        return;
    }
    const NoClient scope;
    call([&] { report(level, pnstrdup(line.data(), line.size())); });
}

void write_log_at_commit(int level, std::string_view line) {
    if (!is_wanted(level)) {
        return;
    }
    auto waiting = call([&] {
        const std::size_t size = offsetof(WaitingLine, text) + line.size() + 1;
        return static_cast<WaitingLine*>(MemoryContextAllocZero(TopTransactionContext, size));
    });
    std::memcpy(waiting->text, line.data(), line.size());
    waiting->level = level;
    waiting->subtransaction = GetCurrentSubTransactionId();
    WaitingLine** last = &first_line;
    while (*last != nullptr) {
        last = &(*last)->next;
    }
    *last = waiting;
}

void warn_after_commit(const char* line) {
    if (is_wanted(WARNING)) {
        report_after_commit(WARNING, line);
    }
}

void watch_log() {
    RegisterXactCallback(end_transaction, nullptr);
    RegisterSubXactCallback(end_subtransaction, nullptr);
}

}  // namespace customer_import::pg
