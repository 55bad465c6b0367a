// The report of an import as the database hands it over: jsonb to a struct. No I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/report.h"

namespace customer_import::mailer {

// A point in time as the server wrote it, with the offset of its time zone.
struct ReportTime {
    std::int64_t unix_microseconds = 0;
    int offset_minutes = 0;
};

struct ReportIssue {
    std::int64_t line = 0;  // 0: unknown
    std::string column_name;
    std::optional<std::string> value;
    std::string message;
    std::string detail;
    std::string hint;
};

struct IssueGroup {
    std::string code;
    std::string outcome;
    std::int64_t count = 0;
    std::vector<ReportIssue> first;
};

struct UnknownCode {
    std::string code;
    std::int64_t count = 0;
    std::string suggestion;
};

struct MailReport {
    std::int64_t import_id = 0;
    std::string file_name;
    std::optional<std::int64_t> file_bytes;
    std::string mode;
    std::int64_t source_import_id = 0;  // the import that an undo or a retry is of
    std::int64_t undo_import_id = 0;    // the import that has undone this one
    std::string undo;                   // the statement that undoes the import; empty when it cannot be undone
    std::string resume;                 // the one that resumes it
    int report_number = 1;              // counts the reports of the import
    std::string retry;                  // the one that retries its rejected records
    std::string operator_name;
    std::string recipient;
    std::string state;
    std::string message;
    std::optional<ReportTime> submitted_at;
    std::optional<ReportTime> started_at;
    std::optional<ReportTime> finished_at;
    Counts counts;
    std::vector<std::string> warnings;
    std::vector<IssueGroup> issues;
    std::vector<UnknownCode> unknown_codes;
};

// Reads the report; nothing when it is not a JSON object or lacks the import, its state or its message. What else is
// missing or of another type is left out.
std::optional<MailReport> read_report(std::string_view json);

// Reads "2024-05-01T14:03:07.25+02:00".
std::optional<ReportTime> read_time(std::string_view text);

}  // namespace customer_import::mailer
