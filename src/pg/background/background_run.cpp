#include "pg/background/background_run.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "core/format.h"
#include "pg/access/identity.h"
#include "pg/background/background_process.h"
#include "pg/background/claim_at_exit.h"
#include "pg/background/import_queue.h"
#include "pg/background/slice_run.h"
#include "pg/background/slice_waits.h"
#include "pg/background/worker_deaths.h"
#include "pg/background/worker_locks.h"
#include "pg/server/test_point.h"

namespace customer_import::pg {

namespace {

// What a worker is to do next.
struct Assignment {
    std::optional<BackgroundImport> import;
    std::optional<Slice> slice;
    std::unique_ptr<WorkerLock> lock;
    std::optional<WorkerLock> suspect;
    std::vector<int> set_aside;  // slices that are not to be tried again for the moment
};

bool is_own(const BackgroundImport& import) { return import.role == GetUserId(); }

// Claims a slice that no worker has, within a transaction. A caller of run_imports(), and an import that is to stop, do
// not wait until the slice is due.
void claim(std::int64_t import_id, bool is_called, Assignment& assignment) {
    std::optional<BackgroundImport> import = load_background_import(import_id);
    if (!import || !is_own(*import)) {
        return;
    }
    for (int number : is_called || import->stop ? open_slices(import_id) : due_slices(import_id)) {
        if (std::find(assignment.set_aside.begin(), assignment.set_aside.end(), number) != assignment.set_aside.end()) {
            continue;
        }
        auto lock = std::make_unique<WorkerLock>(import_id, number);
        if (!lock->is_held()) {
            continue;
        }
        std::optional<WorkerLock> suspect;
        if (count_claims(import_id, number) >= kSuspectClaims) {
            suspect.emplace(WorkerLock::of_suspects());
            if (!suspect->is_held()) {
                continue;
            }
        }
        // The slice may be free because its worker has ended with the server: a claim would count as one more that died.
        end_without_server();
        assignment.slice = claim_slice(import_id, number);
        if (assignment.slice) {
            log_deaths(import_id, *assignment.slice);
            assignment.lock = std::move(lock);
            if (suspect) {
                assignment.suspect.emplace(std::move(*suspect));
            }
            if (import->state == "queued") {
                start_background_import(*import);
                import->state = "checking";
            }
            assignment.import = std::move(import);
            break;
        }
    }
}

// The claim of a slice has failed, and was rolled back, because something was in its way: sets it aside. Returns false
// when the error is another one.
bool set_aside_unclaimed(Transactions& transactions, std::int64_t import_id, const PgError& failure,
                         Assignment& assignment) {
    const std::optional<Wait> wait = reason_to_wait(failure);
    if (!wait || !assignment.slice) {
        return false;
    }
    --assignment.slice->fence;
    if (std::optional<PgError> error = transactions.run([&] { set_aside(import_id, *assignment.slice, *wait); })) {
        throw PgError(*error);
    }
    assignment.set_aside.push_back(assignment.slice->number);
    return true;
}

}  // namespace

bool run_background_import(Transactions& transactions, std::int64_t import_id, int slices, SharedSlices& shared) {
    // It outlives the transactions. After an error it stays, for the error's record may be in it, and goes with the
    // portal of the CALL, or with the worker.
    MemoryContext context = call([] {
        return AllocSetContextCreate(PortalContext != nullptr ? PortalContext : TopMemoryContext, "customer_import",
                                     ALLOCSET_DEFAULT_SIZES);
    });
    std::vector<int> set_aside;
    for (;;) {
        check_interrupts();
        ContextScope scope(context);
        Assignment next;
        next.set_aside = std::move(set_aside);
        if (std::optional<PgError> error = transactions.run(
                [&] { claim(import_id, transactions.has_caller(), next); })) {
            if (!set_aside_unclaimed(transactions, import_id, *error, next)) {
                throw PgError(*error);
            }
        } else if (!next.slice) {
            set_aside = std::move(next.set_aside);
            break;
        } else {
            if (!transactions.has_caller()) {
                note_claim(import_id, *next.slice);
                name_process(format("customer_import worker, import {} slice {}", import_id, next.slice->number));
            }
            test_point("claimed");
            if (!run_slice(transactions, std::move(*next.import), *next.slice, *next.lock, next.suspect, slices, shared,
                           context)) {
                next.set_aside.push_back(next.slice->number);
            }
            forget_claim();
        }
        set_aside = std::move(next.set_aside);
        call([&] { MemoryContextReset(context); });
    }
    call([&] { MemoryContextDelete(context); });
    return set_aside.empty();
}

}  // namespace customer_import::pg
