#include "client/commands.h"

#include <cstdio>

#include "client/import_file.h"
#include "client/output_file.h"
#include "client/rows.h"
#include "client/terminal.h"
#include "core/format.h"

namespace customer_import::client {

namespace {

int show_status(const CommandLine& line, Session& session) {
    if (line.follow) {
        if (!line.import_id) {
            throw std::runtime_error("give the number of the import to follow");
        }
        return follow_import(line, session, *line.import_id, false);
    }
    const std::string condition = line.import_id ? format("WHERE s.id = {}", *line.import_id) : std::string();
    const std::int64_t rows = show_rows(
        line, session,
        format(
            "SELECT s.id, s.operator, s.mode, s.state, s.bar, s.records, s.created, s.updated, s.unchanged,"
            "       s.skipped, s.rejected, s.message"
            "  FROM (SELECT * FROM customer_import.import_status AS s {} ORDER BY s.id DESC NULLS FIRST LIMIT {}) AS s"
            " ORDER BY s.id NULLS LAST",
            condition, line.limit == 0 ? "ALL" : std::to_string(line.limit)),
        {"id", "operator", "mode", "state", "done", "records", "created", "updated", "unchanged", "skipped", "rejected",
         "message"});
    if (rows == 0 && line.import_id) {
        throw std::runtime_error(format("import {} does not exist", *line.import_id));
    }
    return kDone;
}

// `function` returns the lines of a file.
int write_file(const CommandLine& line, Session& session, const char* function) {
    OutputFile output(line.output);
    session.stream(format("SELECT customer_import.{}({})", function, *line.import_id), {},
                   [&](const Row& row) { output.write(row[0].value_or("") + "\n"); });
    output.close();
    return kDone;
}

// `call`: undo_import(), retry_rejects() or retry_skipped(), up to its last argument.
int reverse(const CommandLine& line, Session& session, std::string_view call) {
    const std::string row = *session.query(format(
        "SELECT pg_catalog.to_json(r) FROM customer_import.{}, background => {}) AS r", call, line.background))[0][0];
    if (line.background && line.follow) {
        const std::vector<Row> ids = session.query("SELECT $1::json ->> 'import_id'", {row});
        return follow_import(line, session, std::stoll(ids[0][0].value_or("0")), true);
    }
    return show_result(line, session, row);
}

// Of what the mode skipped if another mode is given, else of what was rejected.
std::string retry_call(const CommandLine& line) {
    return line.mode.empty() ? format("retry_rejects({}", *line.import_id)
                             : format("retry_skipped({}, '{}'", *line.import_id, line.mode);
}

// `function`: cancel_import() or resume_import(), which return a message.
int ask(const CommandLine& line, Session& session, std::string_view function) {
    const std::vector<Row> rows = session.query(format("SELECT customer_import.{}($1)", function),
                                                {std::to_string(*line.import_id)});
    std::printf("%s\n", shown(rows[0][0].value_or("")).c_str());
    return kDone;
}

int export_customers(const CommandLine& line, Session& session) {
    OutputFile output(line.output);
    session.copy_out(format("COPY (SELECT * FROM customer_import.{} ORDER BY 1) TO STDOUT (FORMAT csv, HEADER)",
                            line.for_spreadsheet ? "customer_export_spreadsheet" : "customer_export"),
                     [&](std::string_view bytes) { output.write(bytes); });
    output.close();
    return kDone;
}

int show_roles(const CommandLine& line, Session& session) {
    show_rows(line, session,
              format("SELECT r.code, r.name, r.granted_by, r.granted_at, r.import_id, r.line"
                     "  FROM customer_import.customer_roles({}) AS r",
                     session.literal(*line.user_name)),
              {"code", "name", "given by", "given at", "import", "line"});
    return kDone;
}

}  // namespace

int run_command(const CommandLine& line, Session& session) {
    session.connect();
    switch (line.command) {
        case Command::import_file: break;  // not here: import_file()
        case Command::status: return show_status(line, session);
        case Command::rejected: return write_file(line, session, "rejected_lines");
        case Command::skipped: return write_file(line, session, "skipped_lines");
        case Command::undo: return reverse(line, session, format("undo_import({}", *line.import_id));
        case Command::retry: return reverse(line, session, retry_call(line));
        case Command::cancel: return ask(line, session, "cancel_import");
        case Command::resume: return ask(line, session, "resume_import");
        case Command::export_customers: return export_customers(line, session);
        case Command::roles: return show_roles(line, session);
    }
    return kUsage;
}

}  // namespace customer_import::client
