#include "mailer/wording.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "core/format.h"
#include "core/text.h"
#include "mailer/safe_text.h"

namespace customer_import::mailer {

namespace {

constexpr std::size_t kMaxSubjectBytes = 160;
constexpr std::int64_t kSecond = 1000000;

struct Reason {
    std::string_view code;
    std::string_view title;
    std::string_view advice;
};

constexpr std::array kReasons = {
    Reason{"missing_user_name", "User name is missing", "Fill in the user name of these records."},
    Reason{"invalid_user_name", "User name is not valid", "A user name has 1 to 320 bytes and no control characters."},
    Reason{"unknown_role", "Role code is not in the catalog",
           "Correct the spelling, or let an administrator add the code to the catalog first."},
    Reason{"role_not_grantable", "Role may not be given or taken by you",
           "Privileged roles, and your own roles, are changed by administrators only."},
    Reason{"conflicting_roles", "Role columns contradict each other",
           "Use either roles, or addRoles and removeRoles, and each code in one of them only."},
    Reason{"invalid_value", "Value does not fit its column", "Correct the value shown."},
    Reason{"wrong_field_count", "Wrong number of fields",
           "Put values that contain the delimiter in double quotes; each record has as many fields as the header."},
    Reason{"invalid_encoding", "Text is not in the expected encoding",
           "Save the file as UTF-8, or name its encoding with the option encoding."},
    Reason{"malformed_record", "Quotes are broken",
           "Put the whole field in double quotes and double those inside of it."},
    Reason{"not_permitted", "Customer may not be changed by you",
           "The customer is not visible to you, or the row may not be written. Ask an administrator."},
    Reason{"database_error", "Refused by the database", "The message of the database says what is wrong."},
    Reason{"already_exists", "Customer already exists", ""},
    Reason{"not_found", "Customer does not exist", ""},
    Reason{"changed_since", "Changed since the import", ""},
    Reason{"still_referenced", "Other records still refer to the customer", ""},
    Reason{"superseded", "A later import has changed this", ""},
};

const Reason* find_reason(std::string_view code) {
    const auto* found = std::find_if(kReasons.begin(), kReasons.end(), [&](const Reason& r) { return r.code == code; });
    return found == kReasons.end() ? nullptr : found;
}

std::string capitalised(std::string text) {
    if (!text.empty() && text.front() >= 'a' && text.front() <= 'z') {
        text.front() = static_cast<char>(text.front() - 32);
    }
    return text;
}

// Drops "See why: SELECT …", which next_steps() says in its own words.
std::string_view without_next_step(std::string_view message) {
    for (const std::string_view next :
         {" See why: ", " See every change: ", " To bring it back: ", " Put that right and try again.",
          " Resume it with ", " Resume it when you want it with ", " Put that right and resume it with ",
          " Ask an administrator for the right to import, then resume it with "}) {
        const std::size_t start = message.rfind(next);
        if (start != std::string_view::npos) {
            message = message.substr(0, start);
        }
    }
    return message;
}

// Whether an import was denied for want of a right, and not because its database role cannot log in any more.
bool lacks_right(const MailReport& report) {
    return report.state == "denied" && report.message.find(" Put that right and resume it with ") == std::string::npos;
}

std::int64_t left_by_undo(const MailReport& report) { return report.counts.skipped + report.counts.rejected; }

std::int64_t applied(const MailReport& report) {
    return report.counts.created + report.counts.updated + report.counts.deleted;
}

std::string mode_text(std::string_view mode) {
    if (mode == "create_and_update") {
        return "Create & Update";
    }
    if (mode == "create_only") {
        return "Create Only";
    }
    if (mode == "update_only") {
        return "Update Only";
    }
    return capitalised(std::string(mode));
}

std::string size_text(std::int64_t bytes) {
    constexpr std::array<std::string_view, 4> kUnits = {"KB", "MB", "GB", "TB"};
    if (bytes < 1000) {
        return count_of(bytes, "byte");
    }
    double size = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (size /= 1000; size >= 999.5 && unit + 1 < kUnits.size(); ++unit) {
        size /= 1000;
    }
    return size < 9.95 ? format("{:.1f} {}", size, kUnits[unit]) : format("{:.0f} {}", size, kUnits[unit]);
}

std::string time_text(const ReportTime& time) {
    constexpr std::array<const char*, 12> kMonths = {"January",   "February", "March",    "April",
                                                     "May",       "June",     "July",     "August",
                                                     "September", "October",  "November", "December"};
    const std::chrono::sys_time<std::chrono::microseconds> utc{std::chrono::microseconds(time.unix_microseconds)};
    const auto local = std::chrono::floor<std::chrono::minutes>(utc) + std::chrono::minutes(time.offset_minutes);
    const auto midnight = std::chrono::floor<std::chrono::days>(local);
    const std::chrono::year_month_day day(midnight);
    const int offset = std::abs(time.offset_minutes);
    const char sign = time.offset_minutes < 0 ? '-' : '+';
    const std::string zone = offset == 0        ? "UTC"
                             : offset % 60 == 0 ? format("UTC{}{}", sign, offset / 60)
                                                : format("UTC{}{}:{:02}", sign, offset / 60, offset % 60);
    const auto minute = (local - midnight).count();
    return format("{} {} {}, {:02}:{:02} {}", static_cast<unsigned>(day.day()),
                  kMonths[static_cast<unsigned>(day.month()) - 1], static_cast<int>(day.year()), minute / 60,
                  minute % 60, zone);
}

std::string duration_text(std::int64_t microseconds) {
    if (microseconds < kSecond / 100) {
        return "under 0.01 s";
    }
    if (microseconds < 10 * kSecond) {
        return format("{:.2f} s", static_cast<double>(microseconds) / kSecond);
    }
    const std::int64_t seconds = (microseconds + kSecond / 2) / kSecond;
    if (seconds < 60) {
        return format("{} s", seconds);
    }
    if (seconds < 3600) {
        return format("{} min {} s", seconds / 60, seconds % 60);
    }
    return format("{} h {} min", format_count(seconds / 3600), seconds % 3600 / 60);
}

bool is_undo(const MailReport& report) { return report.mode == "undo" && report.source_import_id > 0; }
bool is_undone(const MailReport& report) { return report.state == "undone" && report.undo_import_id > 0; }
bool is_retry(const MailReport& report) { return report.mode == "retry" && report.source_import_id > 0; }

std::string undo_call(std::int64_t import_id) {
    return format("SELECT * FROM customer_import.undo_import({});", import_id);
}

// What was asked for, once more.
std::string again(const MailReport& report) {
    if (is_undo(report)) {
        return undo_call(report.source_import_id);
    }
    if (is_retry(report)) {
        return format("SELECT * FROM customer_import.retry_rejects({});", report.source_import_id);
    }
    return {};
}

std::string select_issues(const MailReport& report) {
    return format(
        "SELECT line, column_name,\n       value, message, hint\n  FROM customer_import.import_issues\n"
        " WHERE import_id = {}\n ORDER BY line;",
        report.import_id);
}

std::string select_changes(const MailReport& report) {
    return format("SELECT *\n  FROM customer_import.import_changes\n WHERE import_id = {};", report.import_id);
}

void add_steps_for_rejects(const MailReport& report, std::string_view attachment, std::string_view note,
                           std::vector<Step>& steps) {
    const std::string issues = "See every rejected record and its reason:";
    if (attachment.empty()) {
        steps.push_back(
            {"Correct these records in your file and import it again."
             " What was applied already will be unchanged or skipped then.",
             {}});
        if (!note.empty()) {
            steps.push_back({std::string(note), {}});
        }
        steps.push_back({issues, select_issues(report)});
        return;
    }
    steps.push_back(
        {format("Open the attached file {}: it holds the rejected records; the column _error says what is wrong with "
                "each.",
                attachment),
         {}});
    if (!note.empty()) {
        steps.push_back({std::string(note), {}});
    }
    steps.push_back(
        {"Correct the records there, keep the columns whose names begin with an underscore, and import that file"
         " in the same mode. What was applied already is not touched.",
         {}});
    steps.push_back({issues, select_issues(report)});
}

void add_steps_for_stopped(const MailReport& report, std::vector<Step>& steps) {
    if (is_undone(report)) {
        steps.push_back({"To bring back what was undone, undo the undo:", undo_call(report.undo_import_id)});
        return;
    }
    if (!report.resume.empty()) {
        steps.push_back({lacks_right(report) ? "Ask an administrator for the right to import, then resume the import:"
                         : report.state == "canceled" ? "When you want it, resume the import:"
                                                      : "Correct the cause, then resume the import:",
                         report.resume});
        return;
    }
    if (report.state == "denied") {
        steps.push_back({is_undo(report) ? "Ask an administrator for the right to import, then undo the rest:"
                         : is_retry(report)
                             ? "Ask an administrator for the right to import, then retry the rest:"
                             : "Ask an administrator for the right to import, then import the file again.",
                         again(report)});
    } else if (report.state == "canceled") {
        steps.push_back({is_undo(report)    ? "When you want it, undo the rest:"
                         : is_retry(report) ? "When you want it, retry the rest:"
                                            : "Import the file again when you want it. What was applied already will be"
                                              " unchanged or skipped then.",
                         again(report)});
    } else {
        steps.push_back({is_undo(report)       ? "Correct the cause, then undo the rest:"
                         : is_retry(report)    ? "Correct the cause, then retry the rest:"
                         : applied(report) > 0 ? "Correct the cause and import the file again. What was applied already"
                                                 " will be unchanged or skipped then."
                                               : "Correct the cause and import the file again.",
                         again(report)});
    }
}

std::vector<Step> steps_of_undo(const MailReport& report) {
    std::vector<Step> steps;
    if (report.state != "completed") {
        add_steps_for_stopped(report, steps);
    }
    if (left_by_undo(report) > 0) {
        steps.push_back({"See what was left as it is, and why:", select_issues(report)});
        if (report.state == "completed") {
            steps.push_back({"When the reasons are gone, undo the rest:", again(report)});
        }
    }
    if (applied(report) > 0) {
        steps.push_back({"See every change:", select_changes(report)});
    }
    if (!report.undo.empty()) {
        steps.push_back({"To bring back what it has taken back, undo it:", report.undo});
    }
    if (steps.empty()) {
        steps.push_back({"Nothing is left to do.", {}});
    }
    return steps;
}

}  // namespace

Tone tone(const MailReport& report) {
    if (is_undone(report)) {
        return Tone::attention;
    }
    if (report.state != "completed") {
        return Tone::bad;
    }
    return report.counts.rejected > 0 || (is_undo(report) && left_by_undo(report) > 0) ? Tone::attention : Tone::good;
}

std::string import_name(const MailReport& report) {
    if (is_undo(report)) {
        return format("Undo of import {}", report.source_import_id);
    }
    if (is_retry(report)) {
        return format("Retry of import {}", report.source_import_id);
    }
    return format("Import {}", report.import_id);
}

std::string full_name(const MailReport& report) {
    if (is_undo(report) || is_retry(report)) {
        return format("{} (import {})", import_name(report), report.import_id);
    }
    return import_name(report);
}

std::string count_of(std::int64_t number, std::string_view noun) {
    return format("{} {}{}", format_count(number), noun, number == 1 ? "" : "s");
}

// Of an import that was resumed.
std::string which_report(const MailReport& report) {
    return report.report_number > 1 ? format("Report {}: ", report.report_number) : std::string();
}

std::string subject(const MailReport& report) {
    std::string_view sentence = without_next_step(report.message);
    sentence = sentence.substr(0, sentence.find(". "));
    if (sentence.ends_with('.')) {
        sentence.remove_suffix(1);
    }
    const std::string own = format("Import {} ", report.import_id);
    if (sentence.starts_with(own)) {
        return visible(format("{}{} {}", which_report(report), import_name(report), sentence.substr(own.size())),
                       kMaxSubjectBytes);
    }
    return visible(format("{}{}", which_report(report), sentence), kMaxSubjectBytes);
}

std::string headline(const MailReport& report) {
    const Counts& counts = report.counts;
    if (report.state == "completed" && is_undo(report)) {
        const std::int64_t left = left_by_undo(report);
        if (left > 0) {
            return left == 1 ? "Completed, but 1 change stays"
                             : format("Completed, but {} changes stay", format_count(left));
        }
        return applied(report) > 0 ? "Completed, everything was taken back" : "Completed, nothing had to be taken back";
    }
    if (report.state == "completed") {
        if (counts.rejected > 0) {
            return counts.rejected == 1
                       ? "Completed, but 1 record was rejected"
                       : format("Completed, but {} records were rejected", format_count(counts.rejected));
        }
        return applied(report) > 0 ? "Completed without a fault" : "Completed, nothing had to change";
    }
    if (is_undone(report)) {
        return format("Undone by import {}", report.undo_import_id);
    }
    if (report.state == "canceled") {
        return applied(report) > 0 ? "Canceled halfway" : "Canceled, nothing was applied";
    }
    const std::string end = capitalised(report.state);
    return applied(report) > 0 ? format("{}, but a part was applied", end) : format("{}, nothing was applied", end);
}

std::string lead(const MailReport& report) {
    if (report.state == "completed" && is_undo(report)) {
        const std::string all = count_of(report.counts.records, "change");
        const std::int64_t left = left_by_undo(report);
        if (left == 0) {
            return format("{} of import {} looked at, none stays.", all, report.source_import_id);
        }
        const std::int64_t undone = report.counts.records - left;
        return undone == 1
                   ? format(
                         "1 of {} is undone. What has been changed since, or may not be undone by you, stays as it is.",
                         all)
                   : format(
                         "{} of {} are undone. What has been changed since, or may not be undone by you, stays as it"
                         " is.",
                         format_count(undone), all);
    }
    if (report.state == "completed") {
        const std::string all = count_of(report.counts.records, "record");
        const std::int64_t others = report.counts.records - report.counts.rejected;
        if (report.counts.rejected > 0 && others <= 0) {
            return "Nothing was applied. The records can be corrected.";
        }
        if (report.counts.rejected > 0) {
            return others == 1 ? format("The other 1 of {} is done. The rejected ones can be corrected.", all)
                               : format("The other {} of {} are done. The rejected ones can be corrected.",
                                        format_count(others), all);
        }
        if (report.counts.skipped > 0 && is_retry(report)) {
            return format("{} tried again. {} skipped: a later import has changed the same, or the mode demands it.",
                          all, format_count(report.counts.skipped));
        }
        if (report.counts.skipped > 0) {
            return format("{} read. {} skipped, as the mode {} demands.", all, format_count(report.counts.skipped),
                          mode_text(report.mode));
        }
        return format("{} read, none rejected.", all);
    }
    if (is_undone(report)) {
        return "It had ended before. What it did was taken back, except what had been changed since.";
    }
    // The headline has said "Import 7 failed: " already.
    std::string_view message = without_next_step(report.message);
    const std::string prefix = format("Import {} {}: ", report.import_id, report.state);
    if (message.starts_with(prefix)) {
        message.remove_prefix(prefix.size());
    }
    constexpr std::string_view kNothing = " Nothing was applied.";
    if (applied(report) == 0 && message.ends_with(kNothing)) {
        message.remove_suffix(kNothing.size());
    }
    return capitalised(std::string(message));
}

std::vector<OutcomeCount> outcomes(const MailReport& report) {
    const Counts& counts = report.counts;
    std::vector<OutcomeCount> result = {{"created", counts.created},        {"updated", counts.updated},
                                        {"unchanged", counts.unchanged},    {"skipped", counts.skipped},
                                        {"rejected", counts.rejected},      {"deleted", counts.deleted},
                                        {"unprocessed", counts.unprocessed}};
    std::erase_if(result, [](const OutcomeCount& count) { return count.number <= 0; });
    return result;
}

std::vector<int> bar_widths(const std::vector<OutcomeCount>& counts) {
    double sum = 0;
    for (const OutcomeCount& count : counts) {
        sum += static_cast<double>(count.number);
    }
    std::vector<int> widths;
    int rest = 100;
    for (const OutcomeCount& count : counts) {
        widths.push_back(std::max(1, static_cast<int>(std::lround(static_cast<double>(count.number) / sum * 100))));
        rest -= widths.back();
    }
    // The widest one makes up for the rounding.
    if (!widths.empty()) {
        *std::max_element(widths.begin(), widths.end()) += rest;
    }
    return widths;
}

std::vector<Fact> facts(const MailReport& report) {
    std::vector<Fact> result;
    std::string file = report.file_name;
    if (report.file_bytes && !is_undo(report) && !is_retry(report)) {
        const std::string size = size_text(*report.file_bytes);
        file = file.empty() ? size : format("{} ({})", file, size);
    }
    if (!file.empty()) {
        result.push_back({"File", std::move(file)});
    }
    if (is_undo(report) || is_retry(report)) {
        result.push_back({"Mode", import_name(report)});
    } else if (!report.mode.empty()) {
        result.push_back({"Mode", mode_text(report.mode)});
    }
    if (report.counts.records > 0) {
        result.push_back({"Records", format_count(report.counts.records)});
    }
    if (!report.operator_name.empty()) {
        result.push_back({is_undo(report)    ? "Undone by"
                          : is_retry(report) ? "Retried by"
                                             : "Imported by",
                          report.operator_name});
    }
    if (report.report_number > 1) {
        result.push_back(
            {"Report", format("number {}: the import had ended before, and was resumed", report.report_number)});
    }
    const auto& start = report.started_at ? report.started_at : report.submitted_at;
    if (start) {
        result.push_back({"Started", time_text(*start)});
    }
    if (report.started_at && report.finished_at) {
        const std::int64_t time = std::max<std::int64_t>(
            0, report.finished_at->unix_microseconds - report.started_at->unix_microseconds);
        std::string text = duration_text(time);
        const std::int64_t done = report.counts.sum();
        if (time >= kSecond && done > 0) {
            text = format("{}, {} a second", text, count_of(done * kSecond / time, "record"));
        }
        result.push_back({"Duration", std::move(text)});
    }
    return result;
}

std::string reason_title(std::string_view code) {
    if (const Reason* reason = find_reason(code)) {
        return std::string(reason->title);
    }
    std::string title(code);
    std::replace(title.begin(), title.end(), '_', ' ');
    return capitalised(std::move(title));
}

bool title_says_all(std::string_view code) {
    return code == "unknown_role" || code == "already_exists" || code == "not_found" || code == "missing_user_name";
}

std::string_view reason_advice(std::string_view code) {
    const Reason* reason = find_reason(code);
    return reason == nullptr ? std::string_view() : reason->advice;
}

std::string attachment_name(const MailReport& report) {
    const std::string stem = file_stem(report.file_name);
    return stem.empty() ? format("import-{}-rejected.csv", report.import_id)
                        : format("{}-import-{}-rejected.csv", stem, report.import_id);
}

std::vector<Step> next_steps(const MailReport& report, std::string_view attachment, std::string_view note) {
    if (is_undo(report)) {
        return steps_of_undo(report);
    }
    std::vector<Step> steps;
    if (report.state != "completed") {
        add_steps_for_stopped(report, steps);
    }
    if (report.counts.rejected > 0 && report.state == "completed") {
        add_steps_for_rejects(report, attachment, note, steps);
        if (!report.retry.empty()) {
            steps.push_back(
                {"Records that were right, while the catalog, a right or the table was not, need no new file. Retry"
                 " all of them once that is put right:",
                 report.retry});
        }
    } else if (!attachment.empty()) {
        steps.push_back(
            {format("The attached file {} holds the rejected records; the column _error says what is wrong with each.",
                    attachment),
             {}});
        if (!note.empty()) {
            steps.push_back({std::string(note), {}});
        }
    }
    if (report.counts.rejected > 0 && report.state != "completed") {
        steps.push_back({"See every rejected record and its reason:", select_issues(report)});
    } else if (report.counts.rejected == 0 && report.counts.skipped > 0) {
        steps.push_back({"Nothing has to be corrected. See which records were skipped:", select_issues(report)});
    }
    if (applied(report) > 0) {
        steps.push_back(
            {steps.empty() ? "Nothing is left to do. See every change:" : "See every change:", select_changes(report)});
    }
    if (!report.undo.empty()) {
        steps.push_back({report.state == "completed" ? "To take it back, undo it:"
                         : is_undone(report)         ? "Some of it stays. Undo the rest:"
                                                     : "To take back what was applied, undo it:",
                         report.undo});
    }
    if (steps.empty()) {
        steps.push_back({"Nothing is left to do.", {}});
    }
    return steps;
}

}  // namespace customer_import::mailer
