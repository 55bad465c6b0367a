#include "core/report.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "core/format.h"

namespace customer_import {
namespace {

TEST(FormatCount, GroupsThreeDigits) {
    EXPECT_EQ(format_count(0), "0");
    EXPECT_EQ(format_count(7), "7");
    EXPECT_EQ(format_count(999), "999");
    EXPECT_EQ(format_count(1000), "1,000");
    EXPECT_EQ(format_count(99999), "99,999");
    EXPECT_EQ(format_count(123456), "123,456");
    EXPECT_EQ(format_count(1234567), "1,234,567");
}

TEST(FormatCount, TakesTheWholeRange) {
    EXPECT_EQ(format_count(std::numeric_limits<std::int64_t>::max()), "9,223,372,036,854,775,807");
    EXPECT_EQ(format_count(std::numeric_limits<std::int64_t>::min()), "-9,223,372,036,854,775,808");
    EXPECT_EQ(format_count(-100), "-100");
    EXPECT_EQ(format_count(-1000), "-1,000");
}

TEST(Counts, AddUp) {
    Counts counts;
    counts.add(Outcome::created);
    counts.add(Outcome::updated, 2);
    counts.add(Outcome::unchanged, 3);
    counts.add(Outcome::skipped, 4);
    counts.add(Outcome::rejected, 5);
    EXPECT_EQ(counts.created, 1);
    EXPECT_EQ(counts.updated, 2);
    EXPECT_EQ(counts.unchanged, 3);
    EXPECT_EQ(counts.skipped, 4);
    EXPECT_EQ(counts.rejected, 5);
    EXPECT_EQ(counts.records, 15);
}

TEST(DescribeCounts, SaysWhenThereIsNothing) { EXPECT_EQ(describe_counts({}), "no records"); }

TEST(DescribeCounts, LeavesOutZeroes) {
    Counts counts;
    counts.add(Outcome::rejected, 3);
    counts.add(Outcome::updated, 9812);
    EXPECT_EQ(describe_counts(counts), "9,812 updated, 3 rejected");
}

TEST(DescribeCounts, KeepsTheOrder) {
    Counts counts;
    counts.created = 1;
    counts.updated = 2;
    counts.unchanged = 3;
    counts.skipped = 4;
    counts.rejected = 5;
    counts.deleted = 6;
    counts.unprocessed = 7;
    EXPECT_EQ(describe_counts(counts),
              "1 created, 2 updated, 3 unchanged, 4 skipped, 5 rejected, 6 deleted, 7 unprocessed");
}

TEST(CompletedMessage, SendsToTheIssuesWhenThereAreAny) {
    Counts counts;
    counts.add(Outcome::updated, 9812);
    counts.add(Outcome::rejected, 3);
    EXPECT_EQ(completed_message(7, counts),
              "Import 7 completed: 9,812 updated, 3 rejected. "
              "See why: SELECT * FROM customer_import.import_issues WHERE import_id = 7");
    Counts skipped;
    skipped.add(Outcome::skipped);
    EXPECT_NE(completed_message(7, skipped).find("import_issues"), std::string::npos);
}

TEST(CompletedMessage, SendsToTheChangesElse) {
    Counts counts;
    counts.add(Outcome::created, 1000);
    EXPECT_EQ(completed_message(1234, counts),
              "Import 1234 completed: 1,000 created. "
              "See every change: SELECT * FROM customer_import.import_changes WHERE import_id = 1234");
    Counts deleted;
    deleted.deleted = 1;
    EXPECT_NE(completed_message(7, deleted).find("import_changes"), std::string::npos);
}

TEST(CompletedMessage, SaysThatNothingIsToBeDone) {
    Counts counts;
    counts.add(Outcome::unchanged, 2);
    EXPECT_EQ(completed_message(7, counts), "Import 7 completed: 2 unchanged. There is nothing to do.");
    EXPECT_EQ(completed_message(8, {}), "Import 8 completed: no records. There is nothing to do.");
}

TEST(FailedMessage, GivesTheReasonAndWhereToLook) {
    EXPECT_EQ(failed_message(7, "failed", "more than 10 records were rejected", true),
              "Import 7 failed: more than 10 records were rejected. Nothing was applied. "
              "See why: SELECT * FROM customer_import.import_issues WHERE import_id = 7");
}

TEST(FailedMessage, SaysWhomToAskForALostRight) {
    EXPECT_EQ(failed_message(7, "denied", "operator \"ann\" may not import any more", false),
              "Import 7 denied: operator \"ann\" may not import any more. Nothing was applied. "
              "Ask an administrator for the right to import.");
}

TEST(QueuedMessage, SaysHowToFollow) {
    EXPECT_EQ(queued_message(7),
              "Import 7 queued. Follow it: SELECT * FROM customer_import.import_status WHERE id = 7");
}

TEST(StoppedMessage, SaysWhatStaysAndWhatCanBeDone) {
    const Counts counts{.records = 40000, .updated = 20000, .unprocessed = 20000};
    EXPECT_EQ(
        stopped_message(7, {"canceled", "by ann"}, counts, false),
        "Import 7 canceled by ann. It stopped at 20,000 updated, 20,000 unprocessed. Resume it with SELECT "
        "customer_import.resume_import(7), take it back with SELECT * FROM customer_import.undo_import(7), or leave it. "
        "See every change: SELECT * FROM customer_import.import_changes WHERE import_id = 7");
}

TEST(StoppedMessage, SaysWhatToDoWhenNothingWasApplied) {
    const Counts counts{.records = 2, .unprocessed = 2};
    EXPECT_EQ(stopped_message(7, {"canceled", ""}, counts, false),
              "Import 7 canceled. Nothing was applied. Resume it when you want it with SELECT "
              "customer_import.resume_import(7)");
    EXPECT_EQ(
        stopped_message(7, {"denied", "the reason", "42501"}, counts, false),
        "Import 7 denied: the reason. Nothing was applied. Ask an administrator for the right to import, then resume it "
        "with SELECT customer_import.resume_import(7)");
    EXPECT_EQ(stopped_message(7, {"failed", "the reason"}, counts, true),
              "Import 7 failed: the reason. Nothing was applied. Put that right and resume it with SELECT "
              "customer_import.resume_import(7)");
}

TEST(StoppedMessage, SaysWhomToAskForALostRight) {
    const Counts counts{.records = 2, .updated = 1, .unprocessed = 1};
    EXPECT_EQ(
        stopped_message(7, {"denied", "the reason", "42501"}, counts, false),
        "Import 7 denied: the reason. It stopped at 1 updated, 1 unprocessed. Ask an administrator for the right to "
        "import, then resume it with SELECT customer_import.resume_import(7), take it back with SELECT * FROM "
        "customer_import.undo_import(7), or leave it. "
        "See every change: SELECT * FROM customer_import.import_changes WHERE import_id = 7");
}

TEST(StoppedMessage, AsksNobodyForARightWhereTheRoleCannotLogIn) {
    const Counts counts{.records = 2, .updated = 1, .unprocessed = 1};
    EXPECT_EQ(stopped_message(7, {"denied", "the reason", "28000"}, {}, false),
              "Import 7 denied: the reason. Nothing was applied. Put that right and resume it with SELECT "
              "customer_import.resume_import(7)");
    EXPECT_EQ(
        stopped_message(7, {"denied", "the reason", "28000"}, counts, false),
        "Import 7 denied: the reason. It stopped at 1 updated, 1 unprocessed. Put that right and resume it with SELECT "
        "customer_import.resume_import(7), take it back with SELECT * FROM customer_import.undo_import(7), or leave it. "
        "See every change: SELECT * FROM customer_import.import_changes WHERE import_id = 7");
    EXPECT_EQ(without_resume_offer(stopped_message(7, {"denied", "the reason", "28000"}, counts, false), 7),
              "Import 7 denied: the reason. It stopped at 1 updated, 1 unprocessed. "
              "See every change: SELECT * FROM customer_import.import_changes WHERE import_id = 7");
}

TEST(StoppedMessage, CanBeRidOfWhatCanBeDone) {
    const Counts counts{.records = 2, .updated = 1, .unprocessed = 1};
    for (const char* state : {"canceled", "denied", "failed"}) {
        EXPECT_EQ(without_resume_offer(stopped_message(7, {state, ""}, counts, false), 7),
                  format("Import 7 {}. It stopped at 1 updated, 1 unprocessed. "
                         "See every change: SELECT * FROM customer_import.import_changes WHERE import_id = 7",
                         state));
        EXPECT_EQ(without_resume_offer(stopped_message(7, {state, ""}, {}, false), 7),
                  format("Import 7 {}. Nothing was applied.", state));
    }
    EXPECT_EQ(without_resume_offer("Import 7 failed: a reason.", 7), "Import 7 failed: a reason.");
}

TEST(StoppedMessage, OffersNothingWhereTheTableIsGone) {
    const Stop stop{"failed", "the table was dropped"};
    EXPECT_EQ(stopped_message(7, stop, {.records = 2, .unprocessed = 2}, false, false),
              "Import 7 failed: the table was dropped. Nothing was applied.");
    EXPECT_EQ(stopped_message(7, stop, {.records = 2, .updated = 1, .unprocessed = 1}, false, false),
              "Import 7 failed: the table was dropped. It stopped at 1 updated, 1 unprocessed. "
              "See every change: SELECT * FROM customer_import.import_changes WHERE import_id = 7");
}

TEST(StoppedMessage, DoesNotResumeWhatIsTheFaultOfTheFile) {
    const Counts nothing{.records = 2, .unprocessed = 2};
    EXPECT_EQ(stopped_message(7, {"failed", "the reason", "22000"}, nothing, true),
              "Import 7 failed: the reason. Nothing was applied. "
              "See why: SELECT * FROM customer_import.import_issues WHERE import_id = 7");
    const Counts counts{.records = 2, .updated = 1, .unprocessed = 1};
    EXPECT_EQ(stopped_message(7, {"failed", "the reason", "22000"}, counts, true),
              "Import 7 failed: the reason. It stopped at 1 updated, 1 unprocessed. "
              "See every change: SELECT * FROM customer_import.import_changes WHERE import_id = 7");
}

TEST(FailedMessage, SendsToNoIssuesWhereThereAreNone) {
    EXPECT_EQ(failed_message(7, "failed", "the reason", false),
              "Import 7 failed: the reason. Nothing was applied. Put that right and try again.");
    const Counts nothing{.records = 2, .unprocessed = 2};
    EXPECT_EQ(stopped_message(7, {"failed", "the reason", "22P04"}, nothing, false),
              "Import 7 failed: the reason. Nothing was applied. Put that right and try again.");
    const Counts counts{.records = 2, .updated = 1, .unprocessed = 1};
    EXPECT_EQ(stopped_message(7, {"failed", "the reason", "22P04"}, counts, false),
              "Import 7 failed: the reason. It stopped at 1 updated, 1 unprocessed. Put that right and try again. "
              "See every change: SELECT * FROM customer_import.import_changes WHERE import_id = 7");
}

TEST(Counts, SumUpWhatHasAnOutcome) {
    const Counts counts{.records = 9,
                        .created = 1,
                        .updated = 1,
                        .unchanged = 1,
                        .skipped = 1,
                        .rejected = 1,
                        .deleted = 3,
                        .unprocessed = 4};
    EXPECT_EQ(counts.sum(), 8);
}

TEST(Report, WritesAWarningAsASentence) {
    EXPECT_EQ(as_sentence("the file is odd"), "The file is odd.");
    EXPECT_EQ(as_sentence("\xC3\xA9t\xC3\xA9"), "\xC3\xA9t\xC3\xA9.");
    EXPECT_EQ(as_sentence(""), "");
}

TEST(Remark, StandsBeforeWhatToDoNext) {
    EXPECT_EQ(with_remark(completed_message(7, {.records = 1, .updated = 1}), "No report is sent."),
              "Import 7 completed: 1 updated. No report is sent. "
              "See every change: SELECT * FROM customer_import.import_changes WHERE import_id = 7");
    EXPECT_EQ(
        with_remark(stopped_message(7, {"denied", "x"}, {}, false), "No report is sent."),
        "Import 7 denied: x. Nothing was applied. No report is sent. Ask an administrator for the right to import, then "
        "resume it with SELECT customer_import.resume_import(7)");
    EXPECT_EQ(with_remark("One sentence", "Another."), "One sentence Another.");
    EXPECT_EQ(with_remark("One. Two.", ""), "One. Two.");
}

TEST(IgnoredRemark, NamesTheColumns) {
    EXPECT_EQ(ignored_remark(std::vector<std::string>{}), "");
    EXPECT_EQ(ignored_remark(std::vector<std::string>{"Location"}), "1 column ignored: Location.");
    EXPECT_EQ(ignored_remark(std::vector<std::string>{"Phone Num", "a\nb"}), "2 columns ignored: Phone Num, a b.");
    EXPECT_EQ(ignored_remark(std::vector<std::string>(1200, "c")),
              "1,200 columns ignored: c, c, c, c, c, c, c, c, c, c, ….");
    EXPECT_LT(ignored_remark(std::vector<std::string>{std::string(5000, 'x')}).size(), 200u);
}

}  // namespace
}  // namespace customer_import
