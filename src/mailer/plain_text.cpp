#include "mailer/plain_text.h"

#include <algorithm>

#include "core/format.h"
#include "mailer/safe_text.h"
#include "mailer/wording.h"

namespace customer_import::mailer {

namespace {

constexpr std::size_t kLineLength = 72;
constexpr std::size_t kBarLength = 60;
constexpr std::size_t kExamples = 5;
constexpr std::size_t kMaxCodes = 20;
constexpr std::size_t kMaxValueBytes = 200;
constexpr std::size_t kMaxMessageBytes = 500;

// Characters, near enough: bytes that continue one are not counted.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string padded(std::string text, std::size_t length) {
    const std::size_t has = width(text);
    if (has < length) {
        text.append(length - has, ' ');
    }
    return text;
}

std::string padded_left(const std::string& text, std::size_t length) {
    return text.size() < length ? std::string(length - text.size(), ' ') + text : text;
}

class Page {
public:
    // Writes words, wrapped; lines after the first begin with `indent`.
    void paragraph(std::string_view first, std::string_view indent, std::string_view words) {
        std::string line(first);
        bool empty = true;
        while (!words.empty()) {
            const std::string_view word = words.substr(0, words.find(' '));
            words.remove_prefix(std::min(word.size() + 1, words.size()));
            if (!empty && width(line) + 1 + width(word) > kLineLength) {
                text_ += line + "\n";
                line = indent;
                empty = true;
            }
            if (!empty) {
                line += ' ';
            }
            line += word;
            empty = false;
        }
        text_ += line + "\n";
    }
    void line(std::string_view words = {}) { text_.append(words).append("\n"); }
    void heading(std::string_view words) {
        text_.append("\n").append(words).append("\n").append(width(words), '-').append("\n");
    }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
};

// One sign for each outcome: [++++****==!]
void write_outcomes(Page& page, const MailReport& report) {
    const auto counts = outcomes(report);
    if (counts.empty()) {
        return;
    }
    const auto widths = bar_widths(counts);
    std::string bar;
    std::size_t longest = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        constexpr std::string_view kLetters = "+*=-!x.";
        constexpr std::string_view kNames[] = {"created", "updated", "unchanged", "skipped", "rejected", "deleted"};
        const auto* const name = std::find(std::begin(kNames), std::end(kNames), counts[i].name);
        const char letter = kLetters[static_cast<std::size_t>(name - std::begin(kNames))];
        bar.append(std::max<std::size_t>(1, static_cast<std::size_t>(widths[i]) * kBarLength / 100), letter);
        longest = std::max(longest, format_count(counts[i].number).size());
    }
    page.line();
    page.line(format("[{}]", bar));
    page.line();
    for (const OutcomeCount& count : counts) {
        page.line(format("  {}  {}", padded_left(format_count(count.number), longest), count.name));
    }
}

void write_issue(Page& page, const ReportIssue& issue, bool with_message) {
    std::string text = issue.line > 0 ? format("line {}", issue.line) : "a record";
    if (!issue.column_name.empty()) {
        text += format(", {}", visible(issue.column_name, kMaxValueBytes));
    }
    if (issue.value) {
        text += format(", \"{}\"", visible(*issue.value, kMaxValueBytes));
    }
    if (with_message) {
        text += format(": {}", visible(issue.message, kMaxMessageBytes));
    }
    if (!issue.detail.empty()) {
        text += format(" ({})", visible(issue.detail, kMaxMessageBytes));
    }
    if (!issue.hint.empty()) {
        text += (with_message ? ". " : ": ") + visible(issue.hint, kMaxMessageBytes);
    }
    page.paragraph("  - ", "    ", text);
}

void write_group(Page& page, const IssueGroup& group) {
    page.line();
    page.line(format("{} x {} ({})", format_count(group.count), reason_title(visible(group.code, kMaxValueBytes)),
                     visible(group.outcome, kMaxValueBytes)));
    if (const std::string_view advice = reason_advice(group.code); !advice.empty()) {
        page.paragraph("  ", "  ", advice);
    }
    const std::size_t shown = std::min(group.first.size(), kExamples);
    for (std::size_t i = 0; i < shown; ++i) {
        write_issue(page, group.first[i], !title_says_all(group.code));
    }
    const std::int64_t more = group.count - static_cast<std::int64_t>(shown);
    if (shown > 0 && more > 0) {
        page.line(format("    and {} more", format_count(more)));
    }
}

void write_unknown_codes(Page& page, const MailReport& report) {
    page.heading("Unknown role codes");
    std::size_t longest = 0;
    const std::size_t shown = std::min(report.unknown_codes.size(), kMaxCodes);
    for (std::size_t i = 0; i < shown; ++i) {
        longest = std::max(longest, std::min<std::size_t>(32, width(visible(report.unknown_codes[i].code, 100))));
    }
    for (std::size_t i = 0; i < shown; ++i) {
        const UnknownCode& code = report.unknown_codes[i];
        const std::string name = padded(visible(code.code, 100), longest);
        const std::string times = count_of(code.count, "time");
        page.line(code.suggestion.empty()
                      ? format("  {}  {}", name, times)
                      : format("  {}  {}  did you mean {}?", name, times, visible(code.suggestion, 100)));
    }
    if (shown < report.unknown_codes.size()) {
        page.line(
            format("  and {} more", format_count(static_cast<std::int64_t>(report.unknown_codes.size() - shown))));
    }
}

void write_steps(Page& page, const std::vector<Step>& steps) {
    page.heading("What to do next");
    int number = 0;
    for (const Step& step : steps) {
        page.paragraph(steps.size() > 1 ? format("{}. ", ++number) : "", steps.size() > 1 ? "   " : "",
                       visible(step.text));
        for (std::size_t start = 0; start < step.code.size();) {
            const std::size_t end = std::min(step.code.find('\n', start), step.code.size());
            page.line("       " + step.code.substr(start, end - start));
            start = end + 1;
        }
    }
}

}  // namespace

std::string render_plain_text(const MailReport& report, std::string_view attachment_name,
                              std::string_view attachment_note) {
    Page page;
    page.line(full_name(report));
    page.line(visible(headline(report)));
    page.line();
    page.paragraph("", "", visible(lead(report), 2000));
    write_outcomes(page, report);
    page.line();
    for (const Fact& fact : facts(report)) {
        page.line(padded(std::string(fact.name), 13) + visible(fact.value, kMaxValueBytes));
    }
    if (!report.warnings.empty()) {
        page.heading("Please note");
        for (const std::string& warning : report.warnings) {
            page.paragraph("  - ", "    ", visible(warning, kMaxMessageBytes));
        }
    }
    if (!report.issues.empty()) {
        page.heading("Why records were not applied");
        for (const IssueGroup& group : report.issues) {
            write_group(page, group);
        }
    }
    if (!report.unknown_codes.empty()) {
        write_unknown_codes(page, report);
    }
    write_steps(page, next_steps(report, attachment_name, attachment_note));
    page.line();
    page.line("-- ");
    page.line("Sent by customer_import to the operator of this import.");
    return page.take();
}

}  // namespace customer_import::mailer
