#include "client/import_file.h"

#include <unistd.h>

#include <cstdio>

#include <nlohmann/json.hpp>

#include "client/output_file.h"
#include "client/rows.h"
#include "client/terminal.h"
#include "client/upload.h"
#include "core/format.h"
#include "core/report.h"
#include "mailer/service.h"

namespace customer_import::client {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::milliseconds kLook{300};
constexpr int kShownIssues = 10;

// So that the outcome can be asked for after the connection was lost.
std::string random_request_id() {
    const std::string token = mailer::random_token();
    if (token.empty()) {
        throw std::runtime_error("the system gives no random numbers");
    }
    return "customer-import-" + token;
}

// Arguments of a function that imports: the upload, the mode, and the options that were given, as literals, because COPY
// takes no parameters.
std::string arguments_of(const CommandLine& line, const Session& session, const std::string& upload, bool is_preview) {
    std::string text = format("{}, {}", upload, session.literal(line.mode));
    for (const auto& [name, value] : line.options) {
        if (!is_preview || (name != "send_report" && name != "file_name")) {
            text += format(", {} => {}", name, session.literal(value));
        }
    }
    return text;
}

// Watches an import in the foreground of another session, on a connection of its own.
class Watcher {
public:
    Watcher(const CommandLine& line, const Interrupts& interrupts) : session_(line.connection, interrupts) {}

    // Nothing is shown where it cannot look.
    void look(Progress& progress, int process_id) {
        try {
            if (!is_open_) {
                session_.connect();
                is_open_ = true;
            }
            const std::vector<Row> rows = session_.query(
                "SELECT state, records, records_done FROM customer_import.import_status WHERE session_pid = $1",
                {std::to_string(process_id)});
            if (rows.empty()) {
                return;
            }
            const std::string state = rows[0][0].value_or("");
            if (state != state_) {
                state_ = state;
                progress.start(state == "checking" ? "Checking" : "Importing", "records");
            }
            progress.show(std::stoll(rows[0][2].value_or("0")), std::stoll(rows[0][1].value_or("0")));
        } catch (const std::exception&) {
            is_open_ = false;
        }
    }

private:
    Session session_;
    bool is_open_ = false;
    std::string state_;
};

int exit_of(const std::string& state, std::int64_t rejected) {
    if (state == "failed" || state == "denied" || state == "canceled") {
        return kFailed;
    }
    return rejected > 0 ? kDoneWithRejects : kDone;
}

// Where the rejected records go: beside the file, without overwriting another one.
std::string rejected_path(const CommandLine& line, std::int64_t import_id) {
    if (line.rejected_file) {
        return *line.rejected_file;
    }
    const std::size_t slash = line.file.rfind('/');
    const std::string folder = slash == std::string::npos ? std::string() : line.file.substr(0, slash + 1);
    const std::string path = folder + "rejected.csv";
    return access(path.c_str(), F_OK) == 0 ? format("{}rejected-{}.csv", folder, import_id) : path;
}

void show_issues(const CommandLine& line, Session& session, std::int64_t import_id) {
    const std::vector<Row> issues = session.query(
        "SELECT line, outcome, code, column_name, value,"
        "       pg_catalog.concat_ws('. ', message, NULLIF(pg_catalog.concat_ws(' ', detail, hint), ''))"
        "  FROM customer_import.import_issues WHERE import_id = $1 AND outcome = 'rejected'"
        " ORDER BY line, issue_number LIMIT " +
            std::to_string(kShownIssues),
        {std::to_string(import_id)});
    if (issues.empty() || line.quiet) {
        return;
    }
    Table table({"line", "outcome", "code", "column", "value", "reason"});
    for (const Row& issue : issues) {
        table.add(texts_of(issue));
    }
    table.finish();
}

// Calls import_upload() and returns its row as JSON. After a lost connection the same request is made once more: it gives
// the import that was made, if it was.
std::string call_import(const CommandLine& line, Session& session, Progress& progress, const std::string& upload) {
    const std::string request = line.request_id.value_or(random_request_id());
    const auto statement = [&] {
        return format("SELECT pg_catalog.to_json(r) FROM customer_import.import_upload({}, request_id => {}{}) AS r",
                      arguments_of(line, session, upload, false), session.literal(request),
                      line.background ? ", background => true" : "");
    };
    Watcher watcher(line, session.interrupts());
    if (!line.background) {
        progress.start("Importing", "records");
        if (has_terminal() && !line.quiet) {
            session.while_waiting(kLook, [&] { watcher.look(progress, session.process_id()); });
        }
    }
    for (bool is_repeated = false;; is_repeated = true) {
        try {
            std::string row = session.query(statement())[0][0].value_or("null");
            session.while_waiting(kLook, {});
            progress.finish();
            return row;
        } catch (const ConnectionLost& lost) {
            if (is_repeated) {
                throw OutcomeUnknown(request, lost.what());
            }
            progress.note("The connection was lost; asking for the outcome");
            try {
                session.reconnect();
            } catch (const std::exception& error) {
                throw OutcomeUnknown(request, error.what());
            }
        } catch (const Interrupted&) {
            throw OutcomeUnknown(request, "canceled while the server was importing");
        }
    }
}

}  // namespace

int show_result(const CommandLine& line, Session& session, const std::string& text) {
    Json row = Json::parse(text);
    const std::string state = row.value("state", "");
    const auto number = [&](const char* name) {
        return row.contains(name) && row[name].is_number() ? row[name].get<std::int64_t>() : 0;
    };
    const std::int64_t import_id = number("import_id");
    const std::int64_t rejected = number("rejected");
    std::string path;
    if (rejected > 0 && (line.command == Command::import_file || line.rejected_file)) {
        path = rejected_path(line, import_id);
    }
    if (!path.empty()) {
        OutputFile output(path);
        session.stream("SELECT customer_import.rejected_csv($1)", {std::to_string(import_id)},
                       [&](const Row& csv) { output.write(csv[0].value_or("")); });
        output.close();
        row["rejected_file"] = path;
    }
    if (line.form == Form::json) {
        std::printf("%s\n", row.dump().c_str());
    } else {
        std::printf("%s\n", shown(row.value("message", "")).c_str());
        for (const Json& warning : row.value("warnings", Json::array())) {
            std::printf("Warning: %s\n", shown(warning.get<std::string>()).c_str());
        }
        if (rejected > 0) {
            show_issues(line, session, import_id);
        }
        if (!path.empty()) {
            std::printf("%s\n",
                        rejected == 1
                            ? format("The rejected record is in {}", shown(path)).c_str()
                            : format("The {} rejected records are in {}", format_count(rejected), shown(path)).c_str());
        }
    }
    std::fflush(stdout);
    return exit_of(state, rejected);
}

int follow_import(const CommandLine& line, Session& session, std::int64_t import_id, bool cancels) {
    const std::string id = std::to_string(import_id);
    Progress progress(line.quiet);
    const int before = session.interrupts().count();
    bool has_canceled = false;
    std::string shown_state;
    std::string shown_message;
    for (;;) {
        const int interrupts = session.interrupts().count() - before;
        if (interrupts > 0 && (!cancels || interrupts > 1)) {
            progress.note(format("Import {} continues. Follow it: customer-import status {} --follow", id, id));
            return kUnknown;
        }
        std::vector<Row> rows;
        try {
            if (interrupts > 0 && !has_canceled) {
                has_canceled = true;
                progress.note("Canceling; press Ctrl-C again to let it run");
                session.query("SELECT customer_import.cancel_import($1)", {id});
            }
            rows = session.query(
                "SELECT state, message, records, records_done, finished_at IS NOT NULL"
                "  FROM customer_import.import_status WHERE id = $1",
                {id});
        } catch (const ServerError& error) {
            // It has ended meanwhile, or Ctrl-C was pressed once more while the request waited.
            if (!has_canceled || (error.sqlstate() != "55000" && error.sqlstate() != "57014")) {
                throw;
            }
            continue;
        } catch (const ConnectionLost& lost) {
            progress.note("The connection was lost; connecting again");
            try {
                session.reconnect();
            } catch (const ConnectionLost& error) {
                print_error(error.what(), {},
                            format("The import continues. Follow it: customer-import status {} --follow", id));
                return kUnknown;
            }
            continue;
        }
        if (rows.empty()) {
            throw std::runtime_error(format("import {} does not exist", id));
        }
        const std::string state = rows[0][0].value_or("");
        if (rows[0][4] == "t") {
            break;
        }
        if (state != shown_state) {
            shown_state = state;
            progress.start(state == "checking" ? "Checking" : state == "running" ? "Importing" : "Waiting", "records");
        }
        if (state == "queued" && rows[0][1] != shown_message) {
            shown_message = rows[0][1].value_or("");
            progress.note(shown_message);
        }
        progress.show(std::stoll(rows[0][3].value_or("0")), std::stoll(rows[0][2].value_or("0")));
        session.interrupts().wait(-1, 0, kLook);
    }
    progress.finish();
    const std::string row = *session.query(
        "SELECT pg_catalog.to_json(r) FROM (SELECT id AS import_id, state, message, records, created, updated, unchanged,"
        "       skipped, rejected, deleted, unprocessed, warnings FROM customer_import.imports WHERE id = $1) AS r",
        {id})[0][0];
    return show_result(line, session, row);
}

int import_file(const CommandLine& line, Session& session) {
    Progress progress(line.quiet);
    Upload upload(session, progress, line.file, line.background);
    session.connect();
    try {
        upload.send();
        if (line.preview) {
            const PreviewEnd end = show_preview(line, session, arguments_of(line, session, upload.number(), true));
            upload.discard();
            return end.fails ? kFailed : end.has_rejected ? kDoneWithRejects : kDone;
        }
        const std::string row = call_import(line, session, progress, upload.number());
        if (line.background && line.follow) {
            return follow_import(line, session, Json::parse(row).at("import_id").get<std::int64_t>(), true);
        }
        return show_result(line, session, row);
    } catch (const OutcomeUnknown&) {
        throw;
    } catch (...) {
        progress.finish();
        upload.discard();
        throw;
    }
}

}  // namespace customer_import::client
