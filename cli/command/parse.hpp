#pragma once

#include <string>
#include <vector>

#include "cli/command/command.hpp"

namespace croft::cli {

/// What a command line means.
struct Parsed {
  const Command* command = nullptr;  ///< borrowed from the tree
  Arguments arguments;
  bool wants_help = false;  ///< --help was given, or a command that has sub-commands was left bare
};

/// Reads a command line (without the program's name) by the tree. Variables stand in for options
/// that have one. Invalid for what is unknown, missing or not allowed; the message names it, the
/// hint says what was probably meant.
Result<Parsed> parse_command_line(const Command& root, const std::vector<std::string>& words,
                                  const Environment& environment);

/// "croft prune show", from the root to the command.
std::string path_of(const Command& root, const Command& command);

}  // namespace croft::cli
