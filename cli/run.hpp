#pragma once

#include <string>
#include <vector>

#include "cli/command/command.hpp"

namespace croft::cli {

/// The whole command line: the tree that everything about commands is made from. Lives for the
/// whole program.
const Command& command_tree();

/// Runs one command line (without the program's name) and gives its exit status: 0, what the
/// command says, or 2 after an error, which is said on the terminal's `err` with a next step.
int run_command_line(const std::vector<std::string>& words, const Environment& environment,
                     Terminal& terminal);

/// Says an error on `err`: what failed, why, and what to try.
void say_error(const Terminal& terminal, const std::string& command, const Error& error);

/// What `croft version` shows: "0.1.0", or "0.1.0 (8d1c0aa)" if the commit was known at build time.
std::string program_version();

}  // namespace croft::cli
