#include "pg/server/settings.h"

#include <climits>

namespace customer_import::pg {

int batch_rows = kDefaultBatchRows;
int workers_per_import = kDefaultWorkersPerImport;
int max_running_imports = kDefaultMaxRunningImports;
int max_queued_imports = kDefaultMaxQueuedImports;
int max_queued_megabytes = kDefaultMaxQueuedMegabytes;
int max_uploads = kDefaultMaxUploads;
int max_upload_megabytes = kDefaultMaxUploadMegabytes;
int upload_lifetime = kDefaultUploadLifetime;
int import_timeout = 0;
int lock_timeout = kDefaultLockTimeout;
double retention_seconds = kDefaultRetentionSeconds;
int longest_wait = kDefaultLongestWait;
int log_level = kLogAll;
char* preloaded_databases = nullptr;

namespace {

void define_number(const char* name, const char* description, int* variable, int fallback, int least, int most,
                   int unit = 0) {
    DefineCustomIntVariable(name, description, nullptr, variable, fallback, least, most, PGC_SUSET, unit, nullptr,
                            nullptr, nullptr);
}

constexpr config_enum_entry kLogLevels[] = {
    {"log", kLogAll, false}, {"warning", kLogWarnings, false}, {"off", kLogNothing, false}, {nullptr, 0, false}};

// The setting is a number with a fraction, so that no value is rounded to 0, which is for ever: a setting of 29s does
// not mean that.
bool check_retention(double* seconds, void**, GucSource) {
    if (*seconds > 0 && *seconds < 60) {
        GUC_check_errdetail("It is 0, for ever, or one minute at least.");
        return false;
    }
    return true;
}

}  // namespace

void define_settings() {
    define_number("customer_import.batch_rows", "Number of records that one statement of an import applies.",
                  &batch_rows, kDefaultBatchRows, 1, 1000000);
    define_number("customer_import.workers_per_import", "Number of workers that share an import in the background.",
                  &workers_per_import, kDefaultWorkersPerImport, 1, 64);
    define_number("customer_import.max_running_imports", "Number of imports in the background at the same time.",
                  &max_running_imports, kDefaultMaxRunningImports, 1, 1000);
    define_number("customer_import.max_queued_imports", "Number of unfinished imports that one operator may have.",
                  &max_queued_imports, kDefaultMaxQueuedImports, 0, INT_MAX);
    define_number("customer_import.max_queued_bytes", "Size of the unfinished imports that one operator may have.",
                  &max_queued_megabytes, kDefaultMaxQueuedMegabytes, 0, INT_MAX, GUC_UNIT_MB);
    define_number("customer_import.max_uploads", "Number of uploads that one operator may have.", &max_uploads,
                  kDefaultMaxUploads, 0, INT_MAX);
    define_number("customer_import.max_upload_bytes", "Size of the uploads that one operator may have.",
                  &max_upload_megabytes, kDefaultMaxUploadMegabytes, 0, INT_MAX, GUC_UNIT_MB);
    define_number("customer_import.upload_lifetime", "How long an upload is kept after it last grew; 0: for ever.",
                  &upload_lifetime, kDefaultUploadLifetime, 0, INT_MAX, GUC_UNIT_S);
    define_number("customer_import.import_timeout", "How long an import in the background may run; 0: no limit.",
                  &import_timeout, 0, 0, INT_MAX, GUC_UNIT_MS);
    define_number("customer_import.lock_timeout",
                  "How long an import in the background waits for a lock before it makes room for others; 0: no limit.",
                  &lock_timeout, kDefaultLockTimeout, 0, INT_MAX, GUC_UNIT_MS);
    define_number("customer_import.longest_wait",
                  "How long an import in the background may wait for what is in its way; 0: no limit.", &longest_wait,
                  kDefaultLongestWait, 0, INT_MAX, GUC_UNIT_S);
    DefineCustomRealVariable("customer_import.retention",
                             "How long files and values of ended imports are kept; 0: for ever.", nullptr,
                             &retention_seconds, kDefaultRetentionSeconds, 0, INT_MAX, PGC_SUSET, GUC_UNIT_S,
                             check_retention, nullptr, nullptr);
    DefineCustomEnumVariable("customer_import.log_level",
                             "What the log of the server says of imports in the background: log, warning or off.",
                             nullptr, &log_level, kLogAll, kLogLevels, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomStringVariable(
        "customer_import.databases", "Databases in which the preloaded launcher resumes imports, separated by commas.",
        nullptr, &preloaded_databases, "", PGC_SIGHUP, GUC_LIST_INPUT, nullptr, nullptr, nullptr);
}

}  // namespace customer_import::pg
