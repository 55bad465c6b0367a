#include "client/rows.h"

#include <csv.h>

#include <cstdio>

#include "client/terminal.h"
#include "core/format.h"
#include "core/report.h"
#include "core/visible_text.h"

namespace customer_import::client {

namespace {

// Roles that a record gives and takes, as "+buyer -approver".
constexpr const char* kPreviewColumns =
    "p.line, p.user_name, p.outcome,"
    " (SELECT pg_catalog.string_agg(c.change, ' ' ORDER BY pg_catalog.substr(c.change, 2) COLLATE \"C\") FROM ("
    "      SELECT '+' || a FROM pg_catalog.unnest(p.roles_after) AS a WHERE a <> ALL (COALESCE(p.roles_before, '{}'))"
    "       UNION ALL"
    "      SELECT '-' || b FROM pg_catalog.unnest(p.roles_before) AS b WHERE b <> ALL (COALESCE(p.roles_after, '{}'))"
    "      ) AS c(change)),"
    " p.message";

std::string_view color_of(std::string_view outcome) {
    return outcome == "created"                                ? "32"
           : outcome == "updated"                              ? "36"
           : outcome == "skipped"                              ? "33"
           : outcome == "rejected" || outcome == "unprocessed" ? "31"
                                                               : "";
}

void say_how_many_more(std::int64_t more) {
    if (more > 0) {
        std::printf("%s\n", more == 1 ? "and 1 more row; --limit 0 shows all"
                                      : format("and {} more rows; --limit 0 shows all", format_count(more)).c_str());
    }
}

}  // namespace

std::vector<std::string> texts_of(const Row& row) {
    std::vector<std::string> texts;
    for (const Value& value : row) {
        texts.push_back(value.value_or(""));
    }
    return texts;
}

std::string shown(std::string_view text) { return visible(text); }

std::int64_t print_rows(const CommandLine& line, Session& session, const std::string& query,
                        const std::function<void(const Row&)>& see) {
    const bool is_json = line.form == Form::json;
    std::int64_t count = 0;
    const auto print_csv = [](const std::vector<std::string>& cells) {
        for (std::size_t i = 0; i < cells.size(); ++i) {
            if (i > 0) {
                std::fputc(',', stdout);
            }
            csv_fwrite(stdout, cells[i].data(), cells[i].size());
        }
        std::fputs("\r\n", stdout);  // RFC 4180
    };
    // JSON comes as one more column.
    session.stream(is_json ? format("SELECT r.*, pg_catalog.to_json(r) FROM ({}) AS r", query) : query, {},
                   [&](const Row& row) {
                       if (is_json) {
                           std::printf("%s%s", count == 0 ? "[\n" : ",\n", row.back().value_or("null").c_str());
                       } else {
                           if (count == 0) {
                               print_csv(session.columns());
                           }
                           print_csv(texts_of(row));
                       }
                       ++count;
                       see(row);
                   });
    if (is_json) {
        std::printf("%s\n", count == 0 ? "[]" : "\n]");
    } else if (count == 0) {
        print_csv(session.columns());
    }
    std::fflush(stdout);
    return count;
}

std::int64_t show_rows(const CommandLine& line, Session& session, const std::string& query,
                       const std::vector<std::string>& columns) {
    if (line.form != Form::text) {
        return print_rows(line, session, query);
    }
    std::int64_t count = 0;
    Table table(columns);
    session.stream(query, {}, [&](const Row& row) {
        if (++count <= line.limit || line.limit == 0) {
            table.add(texts_of(row));
        }
    });
    table.finish();
    say_how_many_more(line.limit == 0 ? 0 : count - line.limit);
    return count;
}

PreviewEnd show_preview(const CommandLine& line, Session& session, const std::string& arguments) {
    PreviewEnd end;
    const auto note = [&](const std::string& outcome) {
        end.has_rejected = end.has_rejected || outcome == "rejected";
        end.fails = end.fails || outcome == "unprocessed";
    };
    if (line.form != Form::text) {
        print_rows(line, session,
                   format("SELECT p.line, p.user_name, p.outcome, p.roles_before, p.roles_after, p.code, p.message"
                          " FROM customer_import.preview_upload({}) AS p",
                          arguments),
                   [&](const Row& row) { note(row[2].value_or("")); });
        return end;
    }
    Table table({"line", "user name", "outcome", "roles", "reason"});
    std::int64_t shown_rows = 0, more = 0, unchanged = 0;
    session.stream(format("SELECT {} FROM customer_import.preview_upload({}) AS p", kPreviewColumns, arguments), {},
                   [&](const Row& row) {
                       const std::string outcome = row[2].value_or("");
                       note(outcome);
                       if (outcome == "unchanged") {
                           ++unchanged;
                       } else if (line.limit == 0 || shown_rows < line.limit) {
                           ++shown_rows;
                           table.add(texts_of(row), color_of(outcome));
                       } else {
                           ++more;
                       }
                   });
    table.finish();
    say_how_many_more(more);
    if (unchanged > 0) {
        std::printf("%s\n", unchanged == 1 ? "1 record changes nothing."
                                           : format("{} records change nothing.", format_count(unchanged)).c_str());
    }
    std::printf("Nothing was changed.\n");
    return end;
}

}  // namespace customer_import::client
