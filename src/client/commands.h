// The commands beside the import itself.
#pragma once

#include "client/command_line.h"
#include "client/session.h"

namespace customer_import::client {

// Runs the command of the line; returns the exit status. Throws what Session throws, and std::system_error.
int run_command(const CommandLine& line, Session& session);

}  // namespace customer_import::client
