#include "mailer/html.h"

#include <algorithm>
#include <utility>

#include "core/format.h"
#include "core/text.h"
#include "mailer/html_style.h"
#include "mailer/safe_text.h"
#include "mailer/wording.h"

namespace customer_import::mailer {

namespace {

constexpr std::size_t kExamples = 5;
constexpr std::size_t kMaxCodes = 20;
constexpr std::size_t kMaxValueBytes = 200;
constexpr std::size_t kMaxMessageBytes = 500;

// A user's text, shortened. <bdi> keeps letters that run from right to left from moving their neighbours.
std::string value_of(std::string_view text, std::size_t limit = kMaxValueBytes) {
    return format("<bdi>{}</bdi>", html_escaped(visible(text, limit)));
}

std::string element(std::string_view name, std::string_view css_class, std::string_view content) {
    return css_class.empty() ? format("<{0}>{1}</{0}>", name, content)
                             : format("<{0} class=\"{1}\">{2}</{0}>", name, css_class, content);
}

std::string table_start(std::string_view css_class) {
    return format("<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" class=\"{}\">",
                  css_class);
}

std::string_view tone_class(Tone how) {
    switch (how) {
        case Tone::good: return "good";
        case Tone::attention: return "attention";
        case Tone::bad: return "bad";
    }
    return {};
}

// Mail programs that drop style sheets still draw cells with a background color.
std::string_view fallback_colour(std::string_view outcome) {
    if (outcome == "created") {
        return "#1f9d6b";
    }
    if (outcome == "updated") {
        return "#3b78d8";
    }
    if (outcome == "unchanged") {
        return "#a8b1bf";
    }
    if (outcome == "skipped") {
        return "#d9a41f";
    }
    if (outcome == "rejected") {
        return "#d64545";
    }
    if (outcome == "deleted") {
        return "#8b63d1";
    }
    return "#d5dae1";
}

std::string bar(const std::vector<OutcomeCount>& counts, std::string_view description) {
    const std::vector<int> widths = bar_widths(counts);
    std::string text = format(
        "<table role=\"img\" aria-label=\"{}\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" class=\"bar\"><tr>",
        html_escaped(description));
    for (std::size_t i = 0; i < counts.size(); ++i) {
        text += format("<td width=\"{}%\" height=\"12\" bgcolor=\"{}\" class=\"{}{}\">&nbsp;</td>", widths[i],
                       fallback_colour(counts[i].name), counts[i].name, i == 0 ? " first" : "");
    }
    return text + "</tr></table>\n";
}

std::string tiles(const std::vector<OutcomeCount>& counts) {
    std::string text;
    for (const OutcomeCount& count : counts) {
        const std::string dot = element("span", "dot " + std::string(count.name), "");
        text += element("div", "tile",
                        element("span", "number", format_count(count.number)) + " " +
                            element("span", "label", dot + std::string(count.name))) +
                "\n";
    }
    return element("div", "tiles", text) + "\n";
}

std::string fact_table(const MailReport& report) {
    std::string text = table_start("facts") + "\n";
    for (const Fact& fact : facts(report)) {
        text += "<tr>" + element("td", "name", fact.name) + element("td", "", value_of(fact.value)) + "</tr>\n";
    }
    return text + "</table>\n";
}

std::string warning_note(const std::vector<std::string>& warnings) {
    if (warnings.empty()) {
        return {};
    }
    std::string text;
    for (const std::string& warning : warnings) {
        text += element("p", "", value_of(warning, kMaxMessageBytes)) + "\n";
    }
    return element("div", "note", text) + "\n";
}

std::string issue_row(const ReportIssue& issue, bool with_message) {
    std::string what;
    if (!issue.column_name.empty()) {
        what += value_of(issue.column_name);
    }
    if (issue.value) {
        what += (what.empty() ? "" : " ") + element("span", "mono value", value_of(*issue.value));
    }
    std::string why;
    const auto add_line = [&why](const std::string& text) {
        if (!text.empty()) {
            why += (why.empty() ? "" : "<br>") + value_of(text, kMaxMessageBytes);
        }
    };
    if (with_message) {
        add_line(issue.message);
    }
    add_line(issue.detail);
    add_line(issue.hint);
    if (!why.empty()) {
        why = element("span", what.empty() ? "why only" : "why", why);
    }
    const std::string line = issue.line > 0 ? format("line {}", issue.line) : "";
    return "<tr>" + element("td", "line", line) + element("td", "", what + why) + "</tr>\n";
}

std::string reason(const IssueGroup& group) {
    const std::string many = element(
        "span", "many",
        format("&nbsp;· {} {}", format_count(group.count), html_escaped(visible(group.outcome, kMaxValueBytes))));
    std::string head = element("h3", "", html_escaped(reason_title(visible(group.code, kMaxValueBytes))) + many);
    const std::string_view advice = reason_advice(group.code);
    if (!advice.empty()) {
        head += element("p", "advice", html_escaped(advice));
    }
    std::string text = element("div", "title", head) + "\n";
    const std::size_t shown = std::min(group.first.size(), kExamples);
    if (shown > 0) {
        text += table_start("list") + "\n";
        for (std::size_t i = 0; i < shown; ++i) {
            text += issue_row(group.first[i], !title_says_all(group.code));
        }
        text += "</table>\n";
        const std::int64_t more = group.count - static_cast<std::int64_t>(shown);
        if (more > 0) {
            text += element("p", "more", format("and {} more", format_count(more))) + "\n";
        }
    }
    return element("div", "reason", text) + "\n";
}

std::string unknown_codes(const std::vector<UnknownCode>& codes) {
    if (codes.empty()) {
        return {};
    }
    const std::size_t shown = std::min(codes.size(), kMaxCodes);
    std::string text = "<table width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" class=\"list\">\n<tr>" +
                       element("th", "", "Code in the file") + element("th", "", "Did you mean") +
                       element("th", "count", "Times") + "</tr>\n";
    for (std::size_t i = 0; i < shown; ++i) {
        const std::string suggestion = codes[i].suggestion.empty()
                                           ? "–"
                                           : element("span", "mono value", value_of(codes[i].suggestion));
        text += "<tr>" + element("td", "", element("span", "mono value", value_of(codes[i].code))) +
                element("td", "", suggestion) + element("td", "count", format_count(codes[i].count)) + "</tr>\n";
    }
    text += "</table>\n";
    if (shown < codes.size()) {
        text += element("p", "more",
                        format("and {} more", format_count(static_cast<std::int64_t>(codes.size() - shown))));
    }
    return element("h2", "", "Unknown role codes") + "\n" + element("div", "reason", text) + "\n";
}

std::string step_table(const std::vector<Step>& steps) {
    std::string text = table_start("steps") + "\n";
    int number = 0;
    for (const Step& step : steps) {
        std::string content = html_escaped(step.text);
        if (!step.code.empty()) {
            // This code contains only import ids, no text of a user; its line breaks are ours.
            content += "<pre>";
            for (std::size_t start = 0; start < step.code.size();) {
                const std::size_t end = std::min(step.code.find('\n', start), step.code.size());
                content += (start > 0 ? "\n" : "") + html_escaped(step.code.substr(start, end - start));
                start = end + 1;
            }
            content += "</pre>";
        }
        text += "<tr>";
        if (steps.size() > 1) {
            text += element("td", "step", format("{}.", ++number));
        }
        text += element("td", "", content) + "</tr>\n";
    }
    return text + "</table>\n";
}

}  // namespace

std::string render_html(const MailReport& report, std::string_view attachment_name, std::string_view attachment_note) {
    const auto counts = outcomes(report);
    const std::string title = subject(report);

    std::string body = element("p", "eyebrow", full_name(report)) + "\n" +
                       element("h1", "", html_escaped(headline(report))) + "\n" +
                       element("p", "lead", value_of(lead(report), 2000)) + "\n";
    if (!counts.empty()) {
        body += bar(counts, describe_counts(report.counts)) + tiles(counts);
    }
    body += fact_table(report) + warning_note(report.warnings);
    if (!report.issues.empty()) {
        body += element("h2", "", "Why records were not applied") + "\n";
        for (const IssueGroup& group : report.issues) {
            body += reason(group);
        }
    }
    body += unknown_codes(report.unknown_codes);
    body += element("h2", "", "What to do next") + "\n" +
            step_table(next_steps(report, attachment_name, attachment_note));

    std::string page =
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n"
        "<meta name=\"supported-color-schemes\" content=\"light dark\">\n";
    page += element("title", "", html_escaped(title)) + "\n<style>" + std::string(kHtmlStyle) +
            "</style>\n</head>\n<body>\n";
    page += element("div", "preview", html_escaped(visible(lead(report), kMaxMessageBytes))) + "\n";
    const std::string_view how = tone_class(tone(report));
    page += "<div class=\"page\"><div class=\"card\">" + element("div", "band " + std::string(how), "&nbsp;") +
            "\n<div class=\"inner\">\n" + body + "</div></div>\n" +
            element("p", "foot", "Sent by customer_import to the operator of this import.") +
            "</div>\n</body>\n</html>\n";
    return page;
}

}  // namespace customer_import::mailer
