// customer-import: imports a CSV file from a shell, and shows what imports did.

#include <cstdio>
#include <exception>

#include "client/command_line.h"
#include "client/commands.h"
#include "client/import_file.h"
#include "client/terminal.h"
#include "core/format.h"

namespace customer_import::client {

namespace {

int run(const std::vector<std::string>& arguments) {
    const auto parsed = parse_command_line(arguments, CUSTOMER_IMPORT_VERSION);
    if (const auto* end = std::get_if<EndNow>(&parsed)) {
        std::fputs(end->text.c_str(), end->status == kDone ? stdout : stderr);
        return end->status;
    }
    const CommandLine& line = std::get<CommandLine>(parsed);
    try {
        const Interrupts interrupts;
        Session session(line.connection, interrupts);
        return line.command == Command::import_file ? import_file(line, session) : run_command(line, session);
    } catch (const ServerError& error) {
        print_error(format("{} (SQLSTATE {})", error.what(), error.sqlstate()), error.detail(), error.hint());
    } catch (const OutcomeUnknown& unknown) {
        print_error(unknown.what(), "The outcome of the import is not known.",
                    format("Import the file again with --request-id {}: if it was imported, you get its result.",
                           unknown.request_id()));
        return kUnknown;
    } catch (const std::exception& error) {
        print_error(error.what());
    }
    return kFailed;
}

}  // namespace
}  // namespace customer_import::client

int main(int count, char** arguments) {
    try {
        return customer_import::client::run({arguments + 1, arguments + count});
    } catch (const std::exception& error) {
        customer_import::client::print_error(error.what());
        return customer_import::client::kFailed;
    }
}
