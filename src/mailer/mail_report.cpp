#include "mailer/mail_report.h"

#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>

namespace customer_import::mailer {

namespace {

using Json = nlohmann::json;

const Json* member(const Json& object, const char* name) {
    if (!object.is_object()) {
        return nullptr;
    }
    const auto found = object.find(name);
    return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string text_of(const Json& object, const char* name) {
    const Json* value = member(object, name);
    return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

std::optional<std::int64_t> number_of(const Json& object, const char* name) {
    const Json* value = member(object, name);
    if (value == nullptr || !value->is_number_integer()) {
        return std::nullopt;
    }
    return value->get<std::int64_t>();
}

template <class Read>
void for_each_of(const Json& object, const char* name, Read read) {
    const Json* list = member(object, name);
    if (list == nullptr || !list->is_array()) {
        return;
    }
    for (const Json& element : *list) {
        read(element);
    }
}

Counts counts_of(const Json& object) {
    Counts counts;
    const Json* value = member(object, "counts");
    if (value == nullptr) {
        return counts;
    }
    counts.records = number_of(*value, "records").value_or(0);
    counts.created = number_of(*value, "created").value_or(0);
    counts.updated = number_of(*value, "updated").value_or(0);
    counts.unchanged = number_of(*value, "unchanged").value_or(0);
    counts.skipped = number_of(*value, "skipped").value_or(0);
    counts.rejected = number_of(*value, "rejected").value_or(0);
    counts.deleted = number_of(*value, "deleted").value_or(0);
    counts.unprocessed = number_of(*value, "unprocessed").value_or(0);
    return counts;
}

ReportIssue issue_of(const Json& object) {
    ReportIssue issue;
    issue.line = number_of(object, "line").value_or(0);
    issue.column_name = text_of(object, "column_name");
    if (const Json* value = member(object, "value"); value != nullptr && value->is_string()) {
        issue.value = value->get<std::string>();
    }
    issue.message = text_of(object, "message");
    issue.detail = text_of(object, "detail");
    issue.hint = text_of(object, "hint");
    return issue;
}

IssueGroup group_of(const Json& object) {
    IssueGroup group;
    group.code = text_of(object, "code");
    group.outcome = text_of(object, "outcome");
    group.count = number_of(object, "count").value_or(0);
    for_each_of(object, "first", [&](const Json& issue) { group.first.push_back(issue_of(issue)); });
    return group;
}

// Takes a number of exactly `digits` digits from the text, and the character after it, if one is given.
bool take_number(std::string_view& text, std::size_t digits, char next, int& number) {
    if (text.size() < digits) {
        return false;
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number);
    if (error != std::errc() || end != text.data() + digits || number < 0) {
        return false;
    }
    text.remove_prefix(digits);
    if (next == 0) {
        return true;
    }
    if (!text.starts_with(next)) {
        return false;
    }
    text.remove_prefix(1);
    return true;
}

}  // namespace

std::optional<ReportTime> read_time(std::string_view text) {
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
    if (!take_number(text, 4, '-', year) || !take_number(text, 2, '-', month) || !take_number(text, 2, 'T', day) ||
        !take_number(text, 2, ':', hour) || !take_number(text, 2, ':', minute) || !take_number(text, 2, 0, second)) {
        return std::nullopt;
    }
    std::int64_t microseconds = 0;
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        std::int64_t unit = 100000;
        while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
            microseconds += unit * (text.front() - '0');
            unit /= 10;
            text.remove_prefix(1);
        }
    }
    ReportTime time;
    if (!text.empty() && text != "Z") {
        const int sign = text.front() == '-' ? -1 : 1;
        text.remove_prefix(1);
        int hours = 0, minutes = 0;
        if (!take_number(text, 2, 0, hours)) {
            return std::nullopt;
        }
        if (text.starts_with(':')) {
            text.remove_prefix(1);
            if (!take_number(text, 2, 0, minutes)) {
                return std::nullopt;
            }
        }
        time.offset_minutes = sign * (60 * hours + minutes);
    }
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    if (!date.ok()) {
        return std::nullopt;
    }
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    const std::int64_t minutes = (days * 24 + hour) * 60 + minute - time.offset_minutes;
    time.unix_microseconds = (minutes * 60 + second) * 1000000 + microseconds;
    return time;
}

std::optional<MailReport> read_report(std::string_view json) {
    const Json object = Json::parse(json.begin(), json.end(), nullptr, false);
    MailReport report;
    const auto import_id = number_of(object, "import_id");
    report.state = text_of(object, "state");
    report.message = text_of(object, "message");
    if (!import_id || report.state.empty() || report.message.empty()) {
        return std::nullopt;
    }
    report.import_id = *import_id;
    report.file_name = text_of(object, "file_name");
    report.file_bytes = number_of(object, "file_bytes");
    report.mode = text_of(object, "mode");
    report.source_import_id = number_of(object, "source_import_id").value_or(0);
    report.undo_import_id = number_of(object, "undo_import_id").value_or(0);
    report.undo = text_of(object, "undo");
    report.resume = text_of(object, "resume");
    report.report_number = static_cast<int>(number_of(object, "report_number").value_or(1));
    report.retry = text_of(object, "retry");
    report.operator_name = text_of(object, "operator");
    report.recipient = text_of(object, "recipient");
    report.submitted_at = read_time(text_of(object, "submitted_at"));
    report.started_at = read_time(text_of(object, "started_at"));
    report.finished_at = read_time(text_of(object, "finished_at"));
    report.counts = counts_of(object);
    for_each_of(object, "warnings", [&](const Json& warning) {
        if (warning.is_string()) {
            report.warnings.push_back(warning.get<std::string>());
        }
    });
    for_each_of(object, "issues", [&](const Json& group) { report.issues.push_back(group_of(group)); });
    for_each_of(object, "unknown_codes", [&](const Json& code) {
        report.unknown_codes.push_back(
            {text_of(code, "code"), number_of(code, "count").value_or(0), text_of(code, "suggestion")});
    });
    return report;
}

}  // namespace customer_import::mailer
