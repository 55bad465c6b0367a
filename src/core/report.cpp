#include "core/report.h"

#include <algorithm>

#include "core/format.h"
#include "core/issue.h"
#include "core/text.h"

namespace customer_import {

namespace {

constexpr std::size_t kMaxNamedColumns = 10;
constexpr std::size_t kMaxNamedBytes = 100;

std::string select_from(std::string_view table, std::int64_t import_id) {
    return format("SELECT * FROM customer_import.{} WHERE import_id = {}", table, import_id);
}

// Where a failure has issues, they are its reason; any other failure has stated its reason.
std::string after_failure(std::int64_t import_id, bool has_issues) {
    return has_issues ? format("See why: {}", select_from("import_issues", import_id))
                      : "Put that right and try again.";
}

// What may be done with an import that ended early; each ends in the statement that resumes it.
constexpr std::string_view kOffer = "Resume it with ";
constexpr std::string_view kOfferToDenied = "Ask an administrator for the right to import, then resume it with ";
constexpr std::string_view kOfferToCanceled = "Resume it when you want it with ";
constexpr std::string_view kOfferToFailed = "Put that right and resume it with ";
constexpr std::string_view kSeeChanges = "See every change: ";

std::string resume_offer(std::string_view offer, std::int64_t import_id) {
    return format("{}SELECT customer_import.resume_import({})", offer, import_id);
}

constexpr std::size_t kCodesInWarning = 100, kCodesInMessage = 10;

std::string list_codes(std::span<const std::string> codes, std::size_t limit) {
    std::string list;
    for (const std::string& code : codes.first(std::min(codes.size(), limit))) {
        list += (list.empty() ? "" : ", ") + code;
    }
    const std::size_t more = codes.size() - std::min(codes.size(), limit);
    return more == 0 ? list : format("{} and {} more", list, format_count(static_cast<std::int64_t>(more)));
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
        text += format("{} {}", format_count(part.number), part.name);
    }
    return text.empty() ? "no records" : text;
}

std::string completed_message(std::int64_t import_id, const Counts& counts, bool has_issues) {
    const std::string what = describe_counts(counts);
    if (counts.rejected + counts.skipped > 0) {
        return format("Import {} completed: {}. See why: {}", import_id, what, select_from("import_issues", import_id));
    }
    if (has_issues) {
        return format("Import {} completed: {}. Something was left as it is; see what: {}", import_id, what,
                      select_from("import_issues", import_id));
    }
    if (counts.created + counts.updated + counts.deleted > 0) {
        return format("Import {} completed: {}. See every change: {}", import_id, what,
                      select_from("import_changes", import_id));
    }
    return format("Import {} completed: {}. There is nothing to do.", import_id, what);
}

std::string dry_run_message(const Counts& counts, std::string_view failure) {
    if (!failure.empty()) {
        return format("Dry run: the import would fail: {}. Nothing was changed. Correct the file.",
                      one_line(std::string(failure)));
    }
    if (counts.rejected + counts.skipped > 0) {
        return format("Dry run: {}. Nothing was changed. See why, record by record: customer_import.preview_import().",
                      describe_counts(counts));
    }
    return format("Dry run: {}. Nothing was changed. Call it without dry_run to import.", describe_counts(counts));
}

std::string failed_message(std::int64_t import_id, std::string_view state, std::string_view reason, bool has_issues) {
    const std::string next = state == "denied" ? "Ask an administrator for the right to import."
                                               : after_failure(import_id, has_issues);
    return format("Import {} {}: {}. Nothing was applied. {}", import_id, state, one_line(std::string(reason)), next);
}

std::string queued_message(std::int64_t import_id) {
    return format("Import {0} queued. Follow it: SELECT * FROM customer_import.import_status WHERE id = {0}",
                  import_id);
}

std::string resumed_message(std::int64_t import_id) {
    return format("Import {0} resumes. Follow it: SELECT * FROM customer_import.import_status WHERE id = {0}",
                  import_id);
}

std::string stopped_message(std::int64_t import_id, const Stop& stop, const Counts& counts, bool has_issues,
                            bool has_table) {
    const std::int64_t changed = counts.created + counts.updated + counts.deleted;
    const std::string why = one_line(stop.reason);
    const std::string end = stop.reason.empty()        ? format("Import {} {}.", import_id, stop.state)
                            : stop.state == "canceled" ? format("Import {} canceled {}.", import_id, why)
                                                       : format("Import {} {}: {}.", import_id, stop.state, why);
    if (!has_table && changed == 0) {
        return format("{} Nothing was applied.", end);
    }
    if (!has_table) {
        return format("{} It stopped at {}. {}{}", end, describe_counts(counts), kSeeChanges,
                      select_from("import_changes", import_id));
    }
    if (!stop.is_fault_of_file() && changed > 0) {
        return format(
            "{} It stopped at {}. {}, take it back with SELECT * FROM customer_import.undo_import({}), or leave it. {}{}",
            end, describe_counts(counts),
            resume_offer(stop.is_fault_of_role()  ? kOfferToFailed
                         : stop.state == "denied" ? kOfferToDenied
                                                  : kOffer,
                         import_id),
            import_id, kSeeChanges, select_from("import_changes", import_id));
    }
    if (!stop.is_fault_of_file()) {
        return format("{} Nothing was applied. {}", end,
                      resume_offer(stop.is_fault_of_role()    ? kOfferToFailed
                                   : stop.state == "denied"   ? kOfferToDenied
                                   : stop.state == "canceled" ? kOfferToCanceled
                                                              : kOfferToFailed,
                                   import_id));
    }
    if (changed == 0) {
        return format("{} Nothing was applied. {}", end, after_failure(import_id, has_issues));
    }
    return format("{} It stopped at {}. {}See every change: {}", end, describe_counts(counts),
                  has_issues ? std::string() : format("{} ", after_failure(import_id, false)),
                  select_from("import_changes", import_id));
}

std::string without_resume_offer(std::string_view message, std::int64_t import_id) {
    for (const std::string_view offer : {kOffer, kOfferToDenied, kOfferToCanceled, kOfferToFailed}) {
        const std::size_t begin = message.rfind(format(" {}", resume_offer(offer, import_id)));
        if (begin != std::string_view::npos) {
            const std::size_t end = message.find(format(" {}", kSeeChanges), begin);
            return format("{}{}", message.substr(0, begin),
                          end == std::string_view::npos ? std::string_view() : message.substr(end));
        }
    }
    return std::string(message);
}

std::string as_sentence(std::string_view warning) {
    std::string sentence(warning);
    if (!sentence.empty() && sentence.front() >= 'a' && sentence.front() <= 'z') {
        sentence.front() = static_cast<char>(sentence.front() - ('a' - 'A'));
    }
    return sentence.empty() ? sentence : sentence + '.';
}

std::string ignored_remark(std::span<const std::string> columns) {
    if (columns.empty()) {
        return {};
    }
    std::string names;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (i == kMaxNamedColumns) {
            names += ", …";
            break;
        }
        names.append(names.empty() ? "" : ", ").append(shorten(one_line(columns[i]), kMaxNamedBytes));
    }
    return columns.size() == 1 ? format("1 column ignored: {}.", names)
                               : format("{} columns ignored: {}.", format_count(std::ssize(columns)), names);
}

std::string repeats_warning(const Repeats& repeats) {
    return repeats.records == 1
               ? format("the record at line {} repeats a user name of an earlier line", repeats.first_line)
               : format("{} records repeat a user name of an earlier line, first at line {}",
                        format_count(repeats.records), repeats.first_line);
}

std::string added_codes_warning(std::span<const std::string> codes) {
    return codes.size() == 1
               ? format("role code \"{}\" was added to the catalog", codes.front())
               : format("{} role codes were added to the catalog: {}",
                        format_count(static_cast<std::int64_t>(codes.size())), list_codes(codes, kCodesInWarning));
}

std::string added_codes_remark(std::span<const std::string> codes) {
    return codes.size() == 1
               ? format("Role code \"{}\" was added to the catalog.", codes.front())
               : format("{} role codes were added to the catalog: {}.",
                        format_count(static_cast<std::int64_t>(codes.size())), list_codes(codes, kCodesInMessage));
}

std::string addable_codes_remark(std::span<const std::string> codes) {
    return codes.size() == 1
               ? format("Role code \"{}\" would be added to the catalog.", codes.front())
               : format("{} role codes would be added to the catalog: {}.",
                        format_count(static_cast<std::int64_t>(codes.size())), list_codes(codes, kCodesInMessage));
}

std::string with_remark(std::string_view message, std::string_view remark) {
    if (remark.empty()) {
        return std::string(message);
    }
    const std::size_t last = message.rfind(". ");
    if (last == std::string_view::npos) {
        return format("{} {}", message, remark);
    }
    return format("{}{} {}", message.substr(0, last + 2), remark, message.substr(last + 2));
}

}  // namespace customer_import
