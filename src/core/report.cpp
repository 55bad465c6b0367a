#include "core/report.h"

#include "core/issue.h"

namespace customer_import {

namespace {

std::string select_from(std::string_view table, std::int64_t import_id) {
    return "SELECT * FROM customer_import." + std::string(table) + " WHERE import_id = " + std::to_string(import_id);
}

// Where a failure has issues, they are its reason; any other failure has stated its reason.
std::string after_failure(std::int64_t import_id, bool has_issues) {
    return has_issues ? "See why: " + select_from("import_issues", import_id) : "Put that right and try again.";
}

}  // namespace

void Counts::add(Outcome outcome, std::int64_t number) {
    records += number;
    switch (outcome) {
        case Outcome::created: created += number; break;
        case Outcome::updated: updated += number; break;
        case Outcome::unchanged: unchanged += number; break;
        case Outcome::skipped: skipped += number; break;
        case Outcome::rejected: rejected += number; break;
        case Outcome::deleted: deleted += number; break;
    }
}

std::string format_count(std::int64_t number) {
    std::string digits = std::to_string(number);
    const std::size_t first_digit = number < 0 ? 1 : 0;
    for (std::size_t group = digits.size(); group > first_digit + 3;) {
        group -= 3;
        digits.insert(group, 1, ',');
    }
    return digits;
}

std::string describe_counts(const Counts& counts) {
    struct Part {
        std::int64_t number;
        std::string_view name;
    };
    std::string text;
    for (const Part& part :
         {Part{counts.created, "created"}, Part{counts.updated, "updated"}, Part{counts.unchanged, "unchanged"},
          Part{counts.skipped, "skipped"}, Part{counts.rejected, "rejected"}, Part{counts.deleted, "deleted"},
          Part{counts.unprocessed, "unprocessed"}}) {
        if (part.number == 0) {
            continue;
        }
        if (!text.empty()) {
            text += ", ";
        }
        text.append(format_count(part.number)).append(" ").append(part.name);
    }
    return text.empty() ? "no records" : text;
}

std::string completed_message(std::int64_t import_id, const Counts& counts, bool has_issues) {
    std::string message = "Import " + std::to_string(import_id) + " completed: " + describe_counts(counts) + ". ";
    if (counts.rejected + counts.skipped > 0) {
        return message + "See why: " + select_from("import_issues", import_id);
    }
    if (has_issues) {
        return message + "Something was left as it is; see what: " + select_from("import_issues", import_id);
    }
    if (counts.created + counts.updated + counts.deleted > 0) {
        return message + "See every change: " + select_from("import_changes", import_id);
    }
    return message + "There is nothing to do.";
}

std::string dry_run_message(const Counts& counts, std::string_view failure) {
    if (!failure.empty()) {
        return "Dry run: the import would fail: " + one_line(std::string(failure)) +
               ". Nothing was changed. Correct the file.";
    }
    return "Dry run: " + describe_counts(counts) + ". Nothing was changed. " +
           (counts.rejected + counts.skipped > 0 ? "See why, record by record: customer_import.preview_import()."
                                                 : "Call it without dry_run to import.");
}

std::string failed_message(std::int64_t import_id, std::string_view state, std::string_view reason, bool has_issues) {
    const std::string next = state == "denied" ? "Ask an administrator for the right to import."
                                               : after_failure(import_id, has_issues);
    return "Import " + std::to_string(import_id) + " " + std::string(state) + ": " + one_line(std::string(reason)) +
           ". Nothing was applied. " + next;
}

std::string queued_message(std::int64_t import_id) {
    const std::string id = std::to_string(import_id);
    return "Import " + id + " queued. Follow it: SELECT * FROM customer_import.import_status WHERE id = " + id;
}

std::string stopped_message(std::int64_t import_id, std::string_view state, std::string_view reason,
                            const Counts& counts, bool has_issues) {
    const std::int64_t changed = counts.created + counts.updated + counts.deleted;
    const std::string why = reason.empty()        ? ""
                            : state == "canceled" ? " " + one_line(std::string(reason))
                                                  : ": " + one_line(std::string(reason));
    const std::string what = changed == 0 ? "Nothing was applied" : "It stopped at " + describe_counts(counts);
    const std::string changes = "See every change: " + select_from("import_changes", import_id);
    const std::string next = changed > 0
                                 ? (state == "failed" && !has_issues ? after_failure(import_id, false) + " " : "") +
                                       changes
                             : state == "denied"   ? "Ask an administrator for the right to import."
                             : state == "canceled" ? "Import the file again when you want it."
                                                   : after_failure(import_id, has_issues);
    return "Import " + std::to_string(import_id) + " " + std::string(state) + why + ". " + what + ". " + next;
}

std::string with_remark(std::string_view message, std::string_view remark) {
    if (remark.empty()) {
        return std::string(message);
    }
    const std::size_t last = message.rfind(". ");
    if (last == std::string_view::npos) {
        return std::string(message) + " " + std::string(remark);
    }
    return std::string(message.substr(0, last + 2)) + std::string(remark) + " " + std::string(message.substr(last + 2));
}

}  // namespace customer_import
