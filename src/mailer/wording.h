// The words of a message, shared by its text and its HTML: subject, headline, reasons, what to do next. No I/O.
// What it returns is not yet made safe to be shown: lead(), facts() and attachment_name() hold users' texts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mailer/mail_report.h"

namespace customer_import::mailer {

enum class Tone { good, attention, bad };

// How the import went: good, or records were rejected, or it did not run to its end.
Tone tone(const MailReport& report);

// "Import 7"; for an undo or a retry with the import that it was made from: "Undo of import 7".
std::string import_name(const MailReport& report);

// The same with its own number: "Undo of import 7 (import 8)".
std::string full_name(const MailReport& report);

// The first sentence of the report's message, safe for a header: "Import 7 completed: 9,812 updated, 3 rejected".
std::string subject(const MailReport& report);

// "Completed, but 3 records were rejected"
std::string headline(const MailReport& report);

// One or two sentences under the headline.
std::string lead(const MailReport& report);

struct OutcomeCount {
    std::string_view name;
    std::int64_t number;
};

// The outcomes that occurred, in the order of the report.
std::vector<OutcomeCount> outcomes(const MailReport& report);

// The width of each outcome in a bar, in percent: at least 1 each, 100 together.
std::vector<int> bar_widths(const std::vector<OutcomeCount>& counts);

struct Fact {
    std::string_view name;
    std::string value;
};

// File, mode, operator, start, duration, as far as they are known.
std::vector<Fact> facts(const MailReport& report);

// What an issue code means, for people: "Role code not in the catalog".
std::string reason_title(std::string_view code);

// True where the message of an issue only repeats the title and the value.
bool title_says_all(std::string_view code);

// How to correct it; empty when there is nothing to correct.
std::string_view reason_advice(std::string_view code);

struct Step {
    std::string text;
    std::string code;  // SQL or a command, may be empty
};

// What to do next. `attachment_name` is empty when nothing is attached; `attachment_note` says what was left out of it.
std::vector<Step> next_steps(const MailReport& report, std::string_view attachment_name,
                             std::string_view attachment_note);

// The file name of the attached records.
std::string attachment_name(const MailReport& report);

// "1 record", "1,234 records"
std::string count_of(std::int64_t number, std::string_view noun);

}  // namespace customer_import::mailer
