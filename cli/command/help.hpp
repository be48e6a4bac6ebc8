#pragma once

#include <string>

#include "cli/command/command.hpp"

namespace croft::cli {

/// What `croft COMMAND --help` prints; for the root, the overview of all commands.
std::string help_text(const Command& root, const Command& command, const Terminal& terminal);

/// "croft get [OPTIONS] [REF...]".
std::string usage_line(const Command& root, const Command& command);

/// "-o, --output FORMAT".
std::string spelling_of(const Parameter& option);

/// What help says of a parameter: its own words, its values, its default, its variable.
std::string parameter_text(const Parameter& parameter, const Command& command);

/// The manual page croft(1), in the mdoc-free man macros that every `man` reads. `date` stands in
/// its footer.
std::string manual_page(const Command& root, const std::string& version, const std::string& date);

/// The completion script for a shell: "bash", "zsh" or "fish".
Result<std::string> completion_script(const Command& root, const std::string& shell);

}  // namespace croft::cli
