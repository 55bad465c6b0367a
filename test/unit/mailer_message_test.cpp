#include "mailer/message.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>

#include "mailer/html.h"
#include "mailer/html_style.h"
#include "mailer/mail_report.h"
#include "mailer/plain_text.h"
#include "mailer/smtp_reply.h"
#include "mailer/wording.h"

namespace customer_import::mailer {
namespace {

constexpr char kToken[] = "0123456789abcdef0123456789abcdef";
constexpr char kReport[] = R"({"import_id": 7, "file_name": "roles.csv", "file_bytes": 412345, "mode": "update_only",
 "operator": "ann", "state": "completed",
 "message": "Import 7 completed: 9,812 updated, 3 rejected. See why: SELECT * FROM customer_import.import_issues WHERE import_id = 7",
 "submitted_at": "2024-05-02T12:02:00+00:00", "started_at": "2024-05-02T12:03:00.5+00:00",
 "finished_at": "2024-05-02T12:03:02.5+00:00",
 "counts": {"records": 9815, "created": 0, "updated": 9812, "unchanged": 0, "skipped": 0, "rejected": 3, "deleted": 0,
            "unprocessed": 0},
 "warnings": ["column \"Notes\" is ignored"],
 "issues": [{"code": "unknown_role", "outcome": "rejected", "count": 3, "first": [
    {"line": 12, "column_name": "addRoles", "value": "<byer>", "message": "role code is not in the catalog", "detail": null,
     "hint": "Did you mean \"buyer\"?", "sqlstate": null}]}],
 "unknown_codes": [{"code": "<byer>", "count": 3, "suggestion": "buyer"}]})";

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

MailReport report_of(const std::string& json) {
    auto report = read_report(json);
    EXPECT_TRUE(report.has_value());
    return report.value_or(MailReport());
}

MailReport ended(const char* state, const char* message, std::int64_t updated, std::int64_t unprocessed) {
    MailReport report;
    report.import_id = 8;
    report.state = state;
    report.message = message;
    report.counts.updated = updated;
    report.counts.unprocessed = unprocessed;
    report.counts.records = updated + unprocessed;
    return report;
}

TEST(MailerReport, ReadsAll) {
    const MailReport report = report_of(kReport);
    EXPECT_EQ(report.import_id, 7);
    EXPECT_EQ(report.operator_name, "ann");
    EXPECT_EQ(report.counts.updated, 9812);
    EXPECT_EQ(report.warnings.size(), 1U);
    ASSERT_EQ(report.issues.size(), 1U);
    ASSERT_EQ(report.issues[0].first.size(), 1U);
    EXPECT_EQ(report.issues[0].first[0].value, "<byer>");
    EXPECT_EQ(report.issues[0].first[0].detail, "");
    EXPECT_EQ(report.unknown_codes[0].suggestion, "buyer");
    EXPECT_EQ(report.finished_at->unix_microseconds - report.started_at->unix_microseconds, 2000000);
}

TEST(MailerReport, RefusesWhatIsNone) {
    for (const char* json :
         {"", "null", "[]", "3", "{", "{}", R"({"import_id": 7})",
          R"({"import_id": "7", "state": "x", "message": "y"})", R"({"import_id": 7, "state": "", "message": "y"})"}) {
        EXPECT_FALSE(read_report(json)) << json;
    }
}

TEST(MailerReport, EnduresOtherTypes) {
    const MailReport report = report_of(
        R"({"import_id": 7, "state": "completed", "message": "m", "counts": [], "issues": {"a": 1},
        "unknown_codes": [3, null, {}], "warnings": [1, "w"], "started_at": 5, "file_bytes": "x"})");
    EXPECT_EQ(report.counts.records, 0);
    EXPECT_EQ(report.warnings.size(), 1U);
    EXPECT_TRUE(contains(render_html(report, "", ""), "</html>"));
}

TEST(MailerReport, ReadsTimes) {
    EXPECT_EQ(read_time("1970-01-01T00:00:01+00:00")->unix_microseconds, 1000000);
    EXPECT_EQ(read_time("2024-05-01T14:03:07.25+02:00")->unix_microseconds, 1714564987250000);
    EXPECT_EQ(read_time("2024-05-01T14:03:07.25+02:00")->offset_minutes, 120);
    EXPECT_EQ(read_time("2024-05-01T06:33:07-05:30")->unix_microseconds, 1714564987000000);
    for (const char* text :
         {"", "infinity", "2024-05-01", "2024-13-01T00:00:00Z", "2024-05-01 00:00:00", "2024-05-01T00:00:00+x"}) {
        EXPECT_FALSE(read_time(text)) << text;
    }
}

TEST(MailerWording, SubjectIsTheFirstSentence) {
    EXPECT_EQ(subject(report_of(kReport)), "Import 7 completed: 9,812 updated, 3 rejected");
    EXPECT_EQ(subject(ended("failed", "Import 8 failed: unclosed quote at line 17. Nothing was applied.", 0, 0)),
              "Import 8 failed: unclosed quote at line 17");
    EXPECT_EQ(subject(ended("failed", "Import 8 failed: \"a\nb\"", 0, 0)), "Import 8 failed: \"a<U+000A>b\"");
    EXPECT_LE(subject(ended("failed", std::string(5000, 'x').c_str(), 0, 0)).size(), 170U);
}

TEST(MailerWording, Headlines) {
    EXPECT_EQ(headline(report_of(kReport)), "Completed, but 3 records were rejected");
    EXPECT_EQ(headline(ended("completed", "m", 5, 0)), "Completed without a fault");
    EXPECT_EQ(headline(ended("completed", "m", 0, 0)), "Completed, nothing had to change");
    EXPECT_EQ(headline(ended("failed", "m", 0, 9)), "Failed, nothing was applied");
    EXPECT_EQ(headline(ended("failed", "m", 3, 9)), "Failed, but a part was applied");
    EXPECT_EQ(headline(ended("denied", "m", 0, 9)), "Denied, nothing was applied");
    EXPECT_EQ(headline(ended("canceled", "m", 3, 9)), "Canceled halfway");
    EXPECT_EQ(lead(ended("failed", "Import 8 failed: unclosed quote. Nothing was applied. See why: SELECT 1", 0, 0)),
              "Unclosed quote.");
    EXPECT_EQ(lead(ended("failed",
                         "Import 8 failed: unclosed quote. Nothing was applied. Put that right and try again.", 0, 0)),
              "Unclosed quote.");
    const char* halfway =
        "Import 8 failed: too late. It stopped at 1 updated. Put that right and try again. See every change: SELECT 1";
    EXPECT_EQ(lead(ended("failed", halfway, 1, 8)).find("try again"), std::string::npos);
    EXPECT_EQ(lead(report_of(kReport)),
              "The other 9,812 of 9,815 records are done. The rejected ones can be corrected.");
}

TEST(MailerWording, BarsAreFull) {
    for (const std::int64_t big : {1, 2, 3, 7, 99, 1000, 1000000, 2000000000}) {
        const std::vector<OutcomeCount> counts = {{"created", 1}, {"updated", big}, {"skipped", 1}, {"rejected", 3}};
        const auto widths = bar_widths(counts);
        EXPECT_EQ(std::accumulate(widths.begin(), widths.end(), 0), 100);
        for (const int width : widths) {
            EXPECT_GE(width, 1);
        }
    }
    EXPECT_TRUE(bar_widths({}).empty());
}

TEST(MailerWording, EveryStateSaysWhatToDoNext) {
    for (const char* state : {"completed", "failed", "denied", "canceled", "undone", "held"}) {
        for (const std::int64_t updated : {0, 5}) {
            EXPECT_FALSE(next_steps(ended(state, "m", updated, 1), "", "").empty()) << state;
        }
    }
    const auto steps = next_steps(report_of(kReport), "roles.csv", "12 records are left out.");
    ASSERT_GE(steps.size(), 4U);
    EXPECT_TRUE(contains(steps[0].text, "attached file roles.csv"));
    EXPECT_EQ(steps[1].text, "12 records are left out.");
}

TEST(MailerWording, AnImportThatCanBeResumedSaysSo) {
    const char* message =
        "Import 8 failed: too late. It stopped at 3 updated, 9 unprocessed. Resume it with SELECT "
        "customer_import.resume_import(8), take it back with SELECT * FROM customer_import.undo_import(8), or leave it. "
        "See every change: SELECT 1";
    MailReport report = ended("failed", message, 3, 9);
    report.resume = "SELECT customer_import.resume_import(8);";
    EXPECT_EQ(subject(report), "Import 8 failed: too late");
    EXPECT_FALSE(contains(lead(report), "esume"));
    const auto steps = next_steps(report, "", "");
    ASSERT_FALSE(steps.empty());
    EXPECT_TRUE(std::any_of(steps.begin(), steps.end(), [&](const Step& step) { return step.code == report.resume; }));
    report.report_number = 2;
    EXPECT_EQ(subject(report), "Report 2: Import 8 failed: too late");
    const auto all = facts(report);
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), [](const Fact& fact) {
        return fact.value == "number 2: the import had ended before, and was resumed";
    }));
}

// The report of an undo or a retry of import 7.
MailReport reversal(const char* mode, const char* state, const char* message, std::int64_t updated,
                    std::int64_t skipped) {
    MailReport report = ended(state, message, updated, 0);
    report.mode = mode;
    report.source_import_id = 7;
    report.operator_name = "ann";
    report.file_bytes = 1000;
    report.counts.skipped = skipped;
    report.counts.records += skipped;
    return report;
}

std::string all_of(const std::vector<Step>& steps) {
    std::string text;
    for (const Step& step : steps) {
        text += step.text + "|" + step.code + "\n";
    }
    return text;
}

TEST(MailerWording, AsksForARightOnlyWhereOneIsMissing) {
    MailReport report = ended("denied",
                              "Import 8 denied: the reason. Nothing was applied. Ask an administrator for the right to "
                              "import, then resume it with SELECT customer_import.resume_import(8)",
                              0, 9);
    report.resume = "SELECT customer_import.resume_import(8);";
    EXPECT_TRUE(
        contains(all_of(next_steps(report, "", "")), "Ask an administrator for the right to import, then resume"));
    report.message =
        "Import 8 denied: the reason. Nothing was applied. Put that right and resume it with SELECT "
        "customer_import.resume_import(8)";
    EXPECT_TRUE(contains(all_of(next_steps(report, "", "")), "Correct the cause, then resume the import:"));
}

TEST(MailerReport, ReadsHowToUndoAndRetry) {
    std::string json(kReport);
    EXPECT_EQ(report_of(json).undo, "");
    EXPECT_EQ(report_of(json).source_import_id, 0);
    json.insert(1, R"("source_import_id": 3, "undo_import_id": null, "undo": "SELECT 1;", "retry": null, )");
    const MailReport report = report_of(json);
    EXPECT_EQ(report.source_import_id, 3);
    EXPECT_EQ(report.undo, "SELECT 1;");
    EXPECT_EQ(report.retry, "");
}

TEST(MailerWording, SaysHowToUndoAndRetry) {
    MailReport report = report_of(kReport);
    EXPECT_FALSE(contains(all_of(next_steps(report, "", "")), "undo"));
    report.undo = "SELECT * FROM customer_import.undo_import(7);";
    report.retry = "SELECT * FROM customer_import.retry_rejects(7);";
    for (const char* attachment : {"", "roles.csv"}) {
        const std::string steps = all_of(next_steps(report, attachment, ""));
        EXPECT_TRUE(contains(steps, "To take it back, undo it:|SELECT * FROM customer_import.undo_import(7);"))
            << steps;
        EXPECT_TRUE(contains(
            steps, "Retry all of them once that is put right:|SELECT * FROM customer_import.retry_rejects(7);"));
    }
    EXPECT_TRUE(contains(render_plain_text(report, "", ""), "       SELECT * FROM customer_import.undo_import(7);\n"));
    EXPECT_TRUE(contains(render_html(report, "", ""), "<pre>SELECT * FROM customer_import.retry_rejects(7);</pre>"));
    report.state = "canceled";
    const std::string steps = all_of(next_steps(report, "", ""));
    EXPECT_TRUE(
        contains(steps, "To take back what was applied, undo it:|SELECT * FROM customer_import.undo_import(7);"));
    EXPECT_FALSE(contains(steps, "retry_rejects")) << "the file is to be imported again";
}

// Its mail is written when it is sent: it may have been undone by then.
TEST(MailerWording, KnowsWhatIsUndone) {
    MailReport report = ended(
        "undone", "Import 8 was undone by import 9. To bring it back: SELECT * FROM customer_import.undo_import(9)", 5,
        0);
    report.undo_import_id = 9;
    EXPECT_EQ(subject(report), "Import 8 was undone by import 9");
    EXPECT_EQ(headline(report), "Undone by import 9");
    EXPECT_EQ(tone(report), Tone::attention);
    const std::string steps = all_of(next_steps(report, "", ""));
    EXPECT_TRUE(contains(steps, "undo the undo:|SELECT * FROM customer_import.undo_import(9);")) << steps;
    EXPECT_FALSE(contains(steps, "import the file")) << steps;
    EXPECT_FALSE(contains(lead(report), "SELECT"));
    report.undo = "SELECT * FROM customer_import.undo_import(8);";
    EXPECT_TRUE(
        contains(all_of(next_steps(report, "", "")), "Undo the rest:|SELECT * FROM customer_import.undo_import(8);"));
}

TEST(MailerWording, NamesUndoAndRetry) {
    MailReport undo = reversal("undo", "completed", "Import 8 completed: 5 updated. See every change: SELECT 1", 5, 0);
    EXPECT_EQ(import_name(undo), "Undo of import 7");
    EXPECT_EQ(full_name(undo), "Undo of import 7 (import 8)");
    EXPECT_EQ(subject(undo), "Undo of import 7 completed: 5 updated");
    EXPECT_EQ(headline(undo), "Completed, everything was taken back");
    EXPECT_EQ(lead(undo), "5 changes of import 7 looked at, none stays.");
    EXPECT_EQ(tone(undo), Tone::good);
    EXPECT_EQ(facts(undo)[0].value, "Undo of import 7");
    EXPECT_EQ(facts(undo)[2].name, "Undone by");
    undo.undo = "SELECT * FROM customer_import.undo_import(8);";
    EXPECT_TRUE(contains(all_of(next_steps(undo, "", "")),
                         "what it has taken back, undo it:|SELECT * FROM customer_import.undo_import(8);"));
    EXPECT_TRUE(contains(render_plain_text(undo, "", ""), "Undo of import 7 (import 8)\n"));
    EXPECT_TRUE(contains(render_html(undo, "", ""), "Undo of import 7 (import 8)"));

    undo = reversal("undo", "completed", "Import 8 completed: 4 updated, 1 skipped. See why: SELECT 1", 4, 1);
    EXPECT_EQ(headline(undo), "Completed, but 1 change stays");
    EXPECT_EQ(tone(undo), Tone::attention);
    std::string steps = all_of(next_steps(undo, "", ""));
    EXPECT_TRUE(contains(steps, "undo the rest:|SELECT * FROM customer_import.undo_import(7);")) << steps;
    EXPECT_FALSE(contains(steps, "your file")) << steps;
    for (const char* state : {"failed", "denied", "canceled"}) {
        steps = all_of(next_steps(reversal("undo", state, "m", 0, 0), "", ""));
        EXPECT_TRUE(contains(steps, "undo the rest:|SELECT * FROM customer_import.undo_import(7);")) << steps;
        EXPECT_FALSE(contains(steps, "mport the file")) << steps;
    }

    const MailReport retry = reversal("retry", "completed", "Import 8 completed: 5 updated. See every change: SELECT 1",
                                      5, 2);
    EXPECT_EQ(subject(retry), "Retry of import 7 completed: 5 updated");
    EXPECT_TRUE(contains(lead(retry), "a later import has changed the same"));
    EXPECT_EQ(facts(retry)[2].name, "Retried by");
    EXPECT_TRUE(contains(all_of(next_steps(reversal("retry", "canceled", "m", 1, 0), "", "")),
                         "retry the rest:|SELECT * FROM customer_import.retry_rejects(7);"));
    EXPECT_EQ(import_name(report_of(kReport)), "Import 7");
    EXPECT_EQ(full_name(report_of(kReport)), "Import 7");
}

TEST(MailerHtml, EscapesValuesAndHoldsNothingRemote) {
    const std::string html = render_html(report_of(kReport), "roles-import-7-rejected.csv", "");
    EXPECT_TRUE(contains(html, "&lt;byer&gt;"));
    EXPECT_FALSE(contains(html, "<byer>"));
    for (const char* remote :
         {"http:", "https:", "url(", "src=", "href=", "<img", "<script", "<link", "<form", "@import"}) {
        EXPECT_FALSE(contains(html, remote)) << remote;
    }
    EXPECT_TRUE(contains(html, "prefers-color-scheme:dark"));
    // Mail programs cut off longer style sheets.
    EXPECT_LT(kHtmlStyle.size(), 8192U);
}

TEST(MailerHtml, ShowsFiveExamplesAndCountsTheRest) {
    MailReport report = report_of(kReport);
    report.issues[0].count = 1500;
    report.issues[0].first.resize(20, report.issues[0].first[0]);
    EXPECT_TRUE(contains(render_html(report, "", ""), "and 1,495 more"));
    EXPECT_TRUE(contains(render_plain_text(report, "", ""), "and 1,495 more"));
}

TEST(MailerPlainText, LinesAreShort) {
    const std::string text = render_plain_text(report_of(kReport), "roles-import-7-rejected.csv", "");
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = text.find('\n', start);
        EXPECT_LE(end - start, 76U) << text.substr(start, end - start);
        start = end + 1;
    }
    EXPECT_TRUE(contains(text, "  9,812  updated\n"));
    EXPECT_TRUE(contains(text, "did you mean buyer?"));
}

TEST(MailerMessage, HasItsHeadersAndTheSameBytesAgain) {
    const std::string attachment = "userName\r\nbob\r\n";
    const MessageSource source{kReport, "ann@example.com", "noreply@example.org", &attachment, "", kToken, 1714564987};
    const auto rendered = render_message(source);
    const std::string& bytes = std::get<RenderedMessage>(rendered).bytes;
    EXPECT_TRUE(
        bytes.starts_with("Date: Wed, 01 May 2024 12:03:07 +0000\r\n"
                          "From: Customer import <noreply@example.org>\r\n"
                          "To: ann <ann@example.com>\r\n"
                          "Subject: Import 7 completed: 9,812 updated, 3 rejected\r\n"
                          "Message-ID: <import-7.0123456789abcdef0123456789abcdef@example.org>\r\n"
                          "Auto-Submitted: auto-generated\r\n"));
    EXPECT_TRUE(contains(bytes, "multipart/mixed"));
    EXPECT_TRUE(contains(bytes, "filename=\"roles-import-7-rejected.csv\""));
    EXPECT_TRUE(contains(bytes, "dXNlck5hbWUNCmJvYg0K\r\n"));
    EXPECT_EQ(bytes, std::get<RenderedMessage>(render_message(source)).bytes);
}

TEST(MailerMessage, WithoutAttachmentIsAnAlternative) {
    const auto rendered = render_message({kReport, "ann@example.com", "noreply@example.org", nullptr, "", kToken, 0});
    const std::string& bytes = std::get<RenderedMessage>(rendered).bytes;
    EXPECT_TRUE(contains(bytes, "multipart/alternative"));
    EXPECT_FALSE(contains(bytes, "multipart/mixed"));
    EXPECT_FALSE(contains(bytes, "Content-Disposition"));
}

TEST(MailerMessage, RefusesWhatItCannotRender) {
    const auto fault_of = [](const MessageSource& source) {
        const auto rendered = render_message(source);
        const auto* fault = std::get_if<RenderFault>(&rendered);
        return fault ? fault->reason : "";
    };
    EXPECT_EQ(fault_of({kReport, "ann", "a@b", nullptr, "", kToken, 0}), "recipient is no valid e-mail address");
    EXPECT_EQ(fault_of({kReport, "a@b", "", nullptr, "", kToken, 0}), "sender is no valid e-mail address");
    EXPECT_EQ(fault_of({"{}", "a@b", "a@b", nullptr, "", kToken, 0}), "report is not readable");
    EXPECT_EQ(fault_of({kReport, "a@b", "a@b", nullptr, "", "short", 0}), "could not make a message id");
    EXPECT_EQ(fault_of({kReport, "a@b", "a@b", nullptr, "", "0123456789abcdef\r\nx: ", 0}),
              "could not make a message id");
}

TEST(MailerSmtpReply, KeepsTheLastRefusal) {
    SmtpReplies replies;
    for (const char* line :
         {"220 mx ESMTP\r\n", "250-mx\r\n", "250 SIZE\r\n", "550-5.1.1 no such\r\n", "550 5.1.1 user here\r\n"}) {
        replies.add_line(line);
    }
    EXPECT_EQ(replies.code(), 550);
    EXPECT_EQ(replies.text({}), "550 5.1.1 no such 5.1.1 user here");
}

TEST(MailerSmtpReply, IsBoundedAndSafe) {
    SmtpReplies replies;
    for (int i = 0; i < 100000; ++i) {
        replies.add_line("450-" + std::string(500, 'x') + "\x1b[31m\r\n");
    }
    EXPECT_LE(replies.text({}).size(), 310U);
    SmtpReplies hostile;
    hostile.add_line(
        "554 a\x1b]0;x\x07"
        "b\xe2\x80\xae\xff");
    EXPECT_EQ(hostile.text({}), "554 a<U+001B>]0;x<U+0007>b<U+202E>\\xff");
    SmtpReplies none;
    for (const char* line : {"", "5", "55", "5x0 a", "550x", "220 ok", "999 x"}) {
        none.add_line(line);
    }
    EXPECT_EQ(none.code(), 0);
}

TEST(MailerSmtpReply, HidesThePassword) {
    const auto secrets = smtp_secrets("ann", "hunter2");
    SmtpReplies replies;
    replies.add_line("535 wrong password hunter2 for AGFubgBodW50ZXIy or aHVudGVyMg==");
    EXPECT_EQ(replies.text(secrets), "535 wrong password *** for *** or ***");
    EXPECT_TRUE(smtp_secrets("ann", "").empty());
    EXPECT_EQ(without_secrets("aaaa", {"a"}), "************");
}

TEST(MailerSmtpReply, KnowsWhatIsPermanent) {
    for (const int code : {500, 501, 550, 551, 552, 553, 554, 555}) {
        EXPECT_TRUE(is_permanent_reply(code)) << code;
    }
    for (const int code : {0, 250, 354, 421, 450, 451, 452, 454, 530, 534, 535, 538, 600}) {
        EXPECT_FALSE(is_permanent_reply(code)) << code;
    }
}

}  // namespace
}  // namespace customer_import::mailer
