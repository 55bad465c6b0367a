// Step 6: the counts of an import and the one line that tells a person what happened.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/issue.h"
#include "core/repeated_names.h"

namespace customer_import {

struct Counts {
    std::int64_t records = 0;
    std::int64_t created = 0;
    std::int64_t updated = 0;
    std::int64_t unchanged = 0;
    std::int64_t skipped = 0;
    std::int64_t rejected = 0;
    std::int64_t deleted = 0;
    std::int64_t unprocessed = 0;

    void add(Outcome outcome, std::int64_t number = 1);
    // Records that have an outcome.
    std::int64_t sum() const { return created + updated + unchanged + skipped + rejected + deleted; }
};

// Writes 1234567 as 1,234,567.
std::string format_count(std::int64_t number);

// Lists the counts that are not zero, in the order created, updated, unchanged, skipped, rejected, deleted,
// unprocessed: "9,812 updated, 3 rejected"; "no records" when there are none.
std::string describe_counts(const Counts& counts);

// The message of an import that was handed to the background, and how to follow it.
std::string queued_message(std::int64_t import_id);

// The message of an import that ran to its end: "Import 7 completed: 9,812 updated, 3 rejected." and, where records
// were rejected, what to do next. `has_issues`: of records that were applied, something was left out.
std::string completed_message(std::int64_t import_id, const Counts& counts, bool has_issues = false);

// The message of a dry run: "Dry run: 9,812 updated, 3 rejected. Nothing was changed." and what to do next.
std::string dry_run_message(const Counts& counts, std::string_view failure);

// The message of an import that was given up, with the state "failed" or "denied": "Import 7 failed: REASON. Nothing
// was applied." and what to do next. `has_issues`: there are some to look at.
std::string failed_message(std::int64_t import_id, std::string_view state, std::string_view reason, bool has_issues);

// How an import in the background ends before its end.
struct Stop {
    std::string state;  // failed, denied or canceled
    std::string reason;
    std::string sqlstate = {};  // of what ends it; none when somebody cancels it

    // The file is refused, or too many of its records are: to resume the import would be in vain.
    bool is_fault_of_file() const { return state == "failed" && sqlstate.starts_with("22"); }

    // Its database role cannot log in any more: no right to import would help.
    bool is_fault_of_role() const { return state == "denied" && sqlstate.starts_with("28"); }
};

// The message of an import that was to end and is to continue.
std::string resumed_message(std::int64_t import_id);

// The message of an import in the background that ended early: "Import 7 canceled by ann. It stopped at 20,000 updated,
// 20,000 unprocessed." and what can be done: resume it, undo it, or leave it. What was applied stays. Where the customers
// table was dropped (`has_table` is false) nothing can be done.
std::string stopped_message(std::int64_t import_id, const Stop& stop, const Counts& counts, bool has_issues,
                            bool has_table = true);

// The message of an import that ended early, without what can be done: where it cannot be resumed any more.
std::string without_resume_offer(std::string_view message, std::int64_t import_id);

// Writes a warning as a sentence of its own.
std::string as_sentence(std::string_view warning);

// The sentence about columns of a file that were ignored: "2 columns ignored: Phone Num, Location."; nothing for none.
std::string ignored_remark(std::span<const std::string> columns);

// How many records repeat a user name, as a warning. There is at least one.
std::string repeats_warning(const Repeats& repeats);

// What an import has added to the catalog, as a warning and as a sentence of its message. Of many codes the first ones
// are named. `codes` is not empty.
std::string added_codes_warning(std::span<const std::string> codes);
std::string added_codes_remark(std::span<const std::string> codes);
// The sentence of a dry run.
std::string addable_codes_remark(std::span<const std::string> codes);

// Puts one more sentence into a message, before the one that says what to do next.
std::string with_remark(std::string_view message, std::string_view remark);

}  // namespace customer_import
