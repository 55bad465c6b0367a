// The arguments of customer-import. No I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "client/session.h"

namespace customer_import::client {

enum class Command { import_file, status, rejected, skipped, undo, retry, cancel, resume, export_customers, roles };

enum class Form { text, csv, json };

struct CommandLine {
    Command command = Command::import_file;
    ConnectionOptions connection;
    std::string file;  // to import; "-": standard input
    std::string mode;
    bool preview = false;
    bool background = false;
    bool follow = false;
    bool for_spreadsheet = false;                              // an export
    std::vector<std::pair<std::string, std::string>> options;  // of import_upload(), by name; values as SQL reads them
    std::optional<std::string> request_id;
    std::optional<std::string> rejected_file;  // where the rejected records go; "": nowhere
    std::optional<std::int64_t> import_id;
    std::optional<std::string> user_name;
    std::optional<std::string> output;  // a file; nothing: standard output
    std::int64_t limit = 50;            // rows of a table
    Form form = Form::text;
    bool quiet = false;
};

// The process is to end now: after --help, --version or a usage error.
struct EndNow {
    int status = 0;
    std::string text;
};

// What a run can end with. Scripts rely on it.
enum Exit : int { kDone = 0, kFailed = 1, kUsage = 2, kDoneWithRejects = 3, kUnknown = 4 };

// Reads the arguments after the program's name.
std::variant<CommandLine, EndNow> parse_command_line(const std::vector<std::string>& arguments,
                                                     std::string_view version);

}  // namespace customer_import::client
