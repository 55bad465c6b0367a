#include "client/command_line.h"

#include <array>
#include <limits>
#include <memory>
#include <sstream>
#include <tuple>

#include <CLI/CLI.hpp>

#include "core/format.h"
#include "core/import_mode.h"

namespace customer_import::client {

namespace {

constexpr const char* kExamples = R"(
Examples:
  customer-import roles.csv --mode update-only --preview
  customer-import roles.csv --mode update-only -d shop
  customer-import roles.csv --mode create-and-update --background --follow
  customer-import status 7 --follow
  customer-import rejected 7 -o rejected.csv
  customer-import undo 7

customer-import COMMAND --help describes one command.

Exit status: 0 done; 1 failed, refused or canceled; 2 wrong usage; 3 done, and
records were rejected; 4 the outcome is not known: the connection was lost.
)";

// What the help of a command ends with.
constexpr const char* kSharedOptions = R"(
Each command takes the options for the connection and the output, too:
customer-import --help
)";

// For CLI11 a file and a command are parts of one call.
class HelpFormatter : public CLI::Formatter {
public:
    std::string make_usage(const CLI::App* app, std::string name) const override {
        return app->get_parent() != nullptr ? CLI::Formatter::make_usage(app, name)
                                            : "Usage: customer-import [OPTIONS] FILE --mode MODE\n"
                                              "       customer-import [OPTIONS] COMMAND\n";
    }
};

// An option that is handed on to the SQL function.
struct ImportOption {
    const char* flag;
    const char* parameter;
    const char* value_name;
    const char* description;
};

constexpr std::array<ImportOption, 8> kImportOptions = {{
    {"--delimiter", "delimiter", "CHARACTER", "what separates columns: , ; | or tab; default: found from the header"},
    {"--encoding", "encoding", "NAME", "encoding of the file, such as WIN1252; default: UTF-8"},
    {"--unknown-roles", "unknown_roles", "reject|create",
     "what to do with role codes that the catalog does not have; default: reject"},
    {"--reject-limit", "reject_limit", "NUMBER", "fail if more than NUMBER records are rejected"},
    {"--reject-percent", "reject_percent", "NUMBER", "fail if more than NUMBER percent of the records are rejected"},
    {"--columns", "columns", "JSON",
     "what columns with other names mean; null: ignore it: '{\"Login\": \"userName\", \"Notes\": null}'"},
    {"--role-columns", "role_columns", "PREFIX|*",
     "read each column whose name begins with PREFIX as one role; *: each that is named like a role code"},
    {"--file-name", "file_name", "NAME", "name of the file in the history; default: its own"},
}};

class Parser {
public:
    explicit Parser(std::string_view version)
        : app_("Imports customers and their roles from a CSV file, and shows what imports did.", "customer-import") {
        app_.formatter(std::make_shared<HelpFormatter>());
        app_.get_formatter()->column_width(36);
        app_.set_help_flag("-?,--help", "show this help");
        app_.set_version_flag("-V,--version", format("customer-import {}", version), "show the version");
        app_.footer(kExamples);
        app_.fallthrough();
        app_.require_subcommand(0, 1);
        add_connection();
        add_output();
        add_import();
        add_commands();
    }

    std::variant<CommandLine, EndNow> parse(const std::vector<std::string>& arguments) {
        try {
            app_.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
        } catch (const CLI::ParseError& end) {
            std::ostringstream text;
            const int status = app_.exit(end, text, text);
            return EndNow{status == 0 ? kDone : kUsage, status == 0 ? text.str() : "customer-import: " + text.str()};
        }
        line_.form = json_ ? Form::json : csv_ ? Form::csv : Form::text;
        return check();
    }

private:
    static EndNow wrong(std::string_view reason) {
        return {kUsage, format("customer-import: {}\nRun with --help for more information.\n", reason)};
    }

    std::variant<CommandLine, EndNow> check() {
        if (json_ && csv_) {
            return wrong("give only one of --json and --csv");
        }
        if (!line_.mode.empty() && !parse_import_mode(line_.mode)) {
            return wrong(
                format("unknown mode \"{}\"; there are create-and-update, create-only and update-only", line_.mode));
        }
        if (line_.command != Command::import_file) {
            return line_;
        }
        if (line_.file.empty()) {
            return wrong("give a file to import, or a command");
        }
        if (line_.mode.empty()) {
            return wrong("give --mode create-and-update, create-only or update-only");
        }
        if (line_.follow && !line_.background) {
            return wrong("--follow needs --background");
        }
        if (line_.preview && line_.background) {
            return wrong("give only one of --preview and --background");
        }
        if (csv_ && !line_.preview) {
            return wrong("--csv needs --preview or a command");
        }
        return line_;
    }

    void add_connection() {
        const auto text = [this](const char* names, std::optional<std::string>& value, const char* value_name,
                                 const char* description) {
            app_.add_option(names, value, description)->type_name(value_name)->group("Connection");
        };
        text("-d,--dbname", line_.connection.database, "NAME|CONNINFO", "database, connection string or URI");
        text("-h,--host", line_.connection.host, "HOST", "host of the server, or directory of its socket");
        text("-p,--port", line_.connection.port, "PORT", "port of the server");
        text("-U,--username", line_.connection.user, "ROLE", "database role to connect as");
        app_.add_flag("-w,--no-password", line_.connection.never_ask, "never ask for a password")->group("Connection");
        app_.add_flag("-W,--password", line_.connection.ask, "ask for a password before connecting")
            ->group("Connection");
        app_.add_option_function<std::int64_t>(
                "--patience",
                [this](std::int64_t seconds) { line_.connection.patience = std::chrono::seconds(seconds); },
                "how long to try to connect again when the connection is lost; default: 60")
            ->type_name("SECONDS")
            ->check(CLI::Range(std::int64_t{0}, std::int64_t{86400}).description(""))
            ->group("Connection");
        text("--act-as", line_.connection.operator_name, "OPERATOR", "operator to act as; for gateways");
    }

    void add_output() {
        app_.add_flag("--json", json_, "print the result, or rows, as JSON")->group("Output");
        app_.add_flag("--csv", csv_, "print rows as CSV: of a preview or a command")->group("Output");
        app_.add_flag("-q,--quiet", line_.quiet, "show no progress")->group("Output");
        app_.add_option("--limit", line_.limit, "show at most NUMBER rows of a table; 0: all; default: 50")
            ->type_name("NUMBER")
            ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()).description(""))
            ->group("Output");
    }

    void add_import() {
        app_.add_option("file", line_.file, "CSV file to import; - reads standard input")->type_name("FILE");
        app_.add_option("-m,--mode", line_.mode, "create-and-update, create-only or update-only; required")
            ->type_name("MODE");
        app_.add_flag("--preview", line_.preview, "show what would change, and change nothing");
        app_.add_flag("--background", line_.background,
                      "let workers of the server import the file, and return at once");
        app_.add_flag("--follow", line_.follow, "with --background: show how far it is until it ends");
        for (const ImportOption& option : kImportOptions) {
            app_.add_option_function<std::string>(
                    option.flag,
                    [this, &option](const std::string& value) { line_.options.emplace_back(option.parameter, value); },
                    option.description)
                ->type_name(option.value_name);
        }
        app_.add_flag_callback(
            "--strict", [this] { line_.options.emplace_back("strict", "true"); },
            "reject records that have more or fewer cells than the header");
        app_.add_flag_callback(
            "--keep-damaged", [this] { line_.options.emplace_back("damaged", "keep"); },
            "accept texts that a spreadsheet or a wrong encoding has damaged");
        app_.add_flag_callback(
            "--no-report", [this] { line_.options.emplace_back("send_report", "false"); }, "send no report by e-mail");
        app_.add_option("--request-id", line_.request_id,
                        "requests with the same ID are carried out only once; default: a random ID")
            ->type_name("ID");
        app_.add_option("--rejected", line_.rejected_file,
                        "file for the rejected records; default: rejected.csv beside FILE; '': none")
            ->type_name("FILE");
    }

    CLI::App* add_command(const char* name, Command command, const char* description) {
        CLI::App* const added = app_.add_subcommand(name, description);
        added->callback([this, command] { line_.command = command; });
        added->set_help_flag("-?,--help", "show this help");
        added->footer(kSharedOptions);
        added->group("Commands");
        return added;
    }

    void add_id(CLI::App* command, bool needed = true) {
        command->add_option("id", line_.import_id, "number of the import")->type_name("ID")->required(needed);
    }

    void add_output_file(CLI::App* command) {
        command->add_option("-o,--output", line_.output, "file to write; default: standard output")->type_name("FILE");
    }

    void add_commands() {
        CLI::App* const status = add_command("status", Command::status, "show one import, or the latest ones");
        add_id(status, false);
        status->add_flag("--follow", line_.follow, "show how far it is until it ends");
        CLI::App* const rejected = add_command("rejected", Command::rejected,
                                               "write the rejected records of an import as a CSV file");
        add_id(rejected);
        add_output_file(rejected);
        CLI::App* const skipped = add_command("skipped", Command::skipped,
                                              "write the records that the mode of an import skipped as a CSV file");
        add_id(skipped);
        add_output_file(skipped);
        for (const auto& [name, command, description] :
             {std::tuple("undo", Command::undo, "take back what an import did"),
              std::tuple("retry", Command::retry, "try the rejected records of an import again")}) {
            CLI::App* const reversal = add_command(name, command, description);
            add_id(reversal);
            reversal->add_flag("--background", line_.background, "let workers of the server do it, and return at once");
            reversal->add_flag("--follow", line_.follow, "with --background: show how far it is until it ends");
            if (command == Command::retry) {
                reversal->add_option("-m,--mode", line_.mode, "try the records that the mode skipped instead, in MODE")
                    ->type_name("MODE");
            }
        }
        add_id(add_command("cancel", Command::cancel, "cancel an import that runs in the background"));
        add_id(add_command("resume", Command::resume, "continue an import that ended early in the background"));
        CLI::App* const exported = add_command("export", Command::export_customers,
                                               "write all customers as a CSV file");
        add_output_file(exported);
        exported->add_flag("--spreadsheet", line_.for_spreadsheet,
                           "guard cells that a spreadsheet program would change");
        add_command("roles", Command::roles, "show the roles of a customer, and which import gave each")
            ->add_option("user", line_.user_name, "user name of the customer")
            ->type_name("USER")
            ->required();
    }

    CommandLine line_;
    bool json_ = false;
    bool csv_ = false;
    CLI::App app_;
};

}  // namespace

std::variant<CommandLine, EndNow> parse_command_line(const std::vector<std::string>& arguments,
                                                     std::string_view version) {
    return Parser(version).parse(arguments);
}

}  // namespace customer_import::client
