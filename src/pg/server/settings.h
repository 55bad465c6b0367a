// The settings of the extension.
#pragma once

#include "pg/server/server.h"

namespace customer_import::pg {

inline constexpr int kDefaultBatchRows = 10000;

// customer_import.batch_rows: number of records in a batch.
extern int batch_rows;

// Of imports in the background.
inline constexpr int kDefaultWorkersPerImport = 2;
inline constexpr int kDefaultMaxRunningImports = 2;
inline constexpr int kDefaultMaxQueuedImports = 20;
inline constexpr int kDefaultMaxQueuedMegabytes = 4096;
inline constexpr int kDefaultMaxUploads = 20;
inline constexpr int kDefaultMaxUploadMegabytes = 4096;
inline constexpr int kDefaultUploadLifetime = 24 * 60 * 60;
inline constexpr int kDefaultLockTimeout = 5000;
inline constexpr int kDefaultLongestWait = 24 * 60 * 60;
inline constexpr double kDefaultRetentionSeconds = 90 * 24 * 60 * 60;

extern int workers_per_import;
extern int max_running_imports;
extern int max_queued_imports;    // of one operator
extern int max_queued_megabytes;  // of one operator
extern int max_uploads;           // of one operator
extern int max_upload_megabytes;  // of all uploads of one operator
extern int upload_lifetime;       // seconds since an upload last grew; 0: for ever
extern int import_timeout;        // milliseconds; 0: none
extern int lock_timeout;          // milliseconds; 0: none
// What the log of the server says: the values of log_level.
enum LogLevel { kLogAll, kLogWarnings, kLogNothing };

extern double retention_seconds;   // 0: for ever
extern int longest_wait;           // seconds without getting on; 0: no limit
extern int log_level;              // a LogLevel
extern char* preloaded_databases;  // where the launcher looks for work

// Makes the settings known to the server. Called once, when the library is loaded.
void define_settings();

}  // namespace customer_import::pg
