// Rows as people and programs read them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "client/command_line.h"
#include "client/session.h"

namespace customer_import::client {

// The cells of a row; NULL is empty.
std::vector<std::string> texts_of(const Row& row);

// A text of a user, safe to be shown on a terminal.
std::string shown(std::string_view text);

// Prints a query's rows for programs, in the form that the command line asks for: JSON or CSV. `query` has no parameters;
// `see` gets each row. Returns how many there are.
std::int64_t print_rows(
    const CommandLine& line, Session& session, const std::string& query,
    const std::function<void(const Row&)>& see = [](const Row&) {});

// Prints a query's rows in the form that the command line asks for: as a table of at most line.limit rows, with a remark
// of how many more there are, as CSV, or as JSON. `query` has no parameters. Returns how many rows there are.
std::int64_t show_rows(const CommandLine& line, Session& session, const std::string& query,
                       const std::vector<std::string>& columns);

// What a preview comes to.
struct PreviewEnd {
    bool has_rejected = false;
    bool fails = false;  // the import would
};

// Prints the rows of preview_upload(arguments); as a table those that would change something, or are faulty.
PreviewEnd show_preview(const CommandLine& line, Session& session, const std::string& arguments);

}  // namespace customer_import::client
