// The main job: a file is uploaded and imported, or previewed.
#pragma once

#include "client/command_line.h"
#include "client/session.h"

namespace customer_import::client {

// Imports the file of the command line; returns the exit status. Throws what Session and Upload throw.
int import_file(const CommandLine& line, Session& session);

// Shows how far an import in the background is until it ends, and then its result. Ctrl-C cancels it where `cancels`, and
// leaves it alone the second time. Returns the exit status.
int follow_import(const CommandLine& line, Session& session, std::int64_t import_id, bool cancels);

// Shows what an import has come to: its message, the first issues, and where the rejected records are. `row` is a row of
// import_customers() as JSON. Returns the exit status.
int show_result(const CommandLine& line, Session& session, const std::string& json);

}  // namespace customer_import::client
