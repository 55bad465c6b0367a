#include "pg/background/background_process.h"

#include <cstring>

namespace customer_import::pg {

namespace {

constexpr const char* kLibrary = "$libdir/customer_import";

int own_supervisor = 0;  // of a worker

}  // namespace

BackgroundWorker make_worker(const char* type, const char* function, int restart_seconds) {
    BackgroundWorker worker;
    memset(&worker, 0, sizeof worker);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = restart_seconds;
    strlcpy(worker.bgw_name, type, BGW_MAXLEN);
    strlcpy(worker.bgw_type, type, BGW_MAXLEN);
    strlcpy(worker.bgw_library_name, kLibrary, BGW_MAXLEN);
    strlcpy(worker.bgw_function_name, function, BGW_MAXLEN);
    return worker;
}

void name_process(const std::string& name) {
    call([&] {
        SetConfigOption("application_name", name.c_str(), PGC_USERSET, PGC_S_SESSION);
        strlcpy(MyBgworkerEntry->bgw_type, name.c_str(), BGW_MAXLEN);  // the process's own copy
    });
}

void wake_process(int pid) {
    PGPROC* process = BackendPidGetProc(pid);
    if (process != nullptr) {
        SetLatch(&process->procLatch);
    }
}

void set_supervisor(int pid) { own_supervisor = pid; }

void wake_supervisor() {
    if (own_supervisor != 0) {
        wake_process(own_supervisor);
    }
}

void end_without_server() {
    call([] {
        if (!PostmasterIsAlive()) {
            ereport(FATAL, (errcode(ERRCODE_ADMIN_SHUTDOWN), errmsg("the server has gone")));
        }
    });
}

void wait_for_a_while(long milliseconds) {
    static uint32 wait_event = 0;
    call([&] {
        if (wait_event == 0) {
            wait_event = WaitEventExtensionNew("CustomerImport");
        }
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds, wait_event);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
        if (ConfigReloadPending) {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
        }
    });
}

void wait_all_of(long milliseconds) {
    const TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), milliseconds);
    for (TimestampTz now = GetCurrentTimestamp(); now < end; now = GetCurrentTimestamp()) {
        wait_for_a_while(TimestampDifferenceMilliseconds(now, end));
    }
}

}  // namespace customer_import::pg
