#include "cli/command/command.hpp"

#include <algorithm>
#include <stdexcept>

namespace croft::cli {

const std::vector<std::string>& Arguments::list(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end())
    throw std::out_of_range("no parameter '" + std::string(name) + "' is declared");
  return found->second;
}

std::string Arguments::text(std::string_view name, std::string_view fallback) const {
  const std::vector<std::string>& values = list(name);
  return values.empty() ? std::string(fallback) : values.back();
}

std::string Invocation::output() const {
  std::string chosen = arguments.text("output");
  if (!chosen.empty()) return chosen;
  return command.outputs.empty() ? std::string() : command.outputs.front();
}

const std::vector<Parameter>& global_options() {
  static const std::vector<Parameter> options = {
      {.name = "server",
       .letter = 's',
       .value = "ADDRESS",
       .help = "The API to talk to: path of a unix socket, or http://HOST:PORT.",
       .environment = "CROFT_SERVER",
       .fallback = "/run/croft/api.sock, else api.sock in the data directory",
       .completes = Completes::Files},
      {.name = "tenant",
       .letter = 't',
       .value = "TENANT",
       .help = "Whose resources are meant.",
       .environment = "CROFT_TENANT",
       .fallback = "the only one there is"},
      {.name = "all-tenants", .letter = 'A', .help = "Resources of every tenant."},
      {.name = "output", .letter = 'o', .value = "FORMAT", .help = "How results are printed."},
      {.name = "no-color", .help = "No colours; so does the variable NO_COLOR."},
      {.name = "help", .letter = 'h', .help = "Show help and exit."},
  };
  return options;
}

std::vector<Parameter> options_of(const Command& command) {
  std::vector<Parameter> all = command.options;
  for (Parameter option : global_options()) {
    const bool is_taken = std::ranges::any_of(command.options, [&](const Parameter& own) {
      return own.letter != 0 && own.letter == option.letter;
    });
    if (is_taken) option.letter = 0;
    all.push_back(std::move(option));
  }
  return all;
}

const Command* find_command(const Command& parent, std::string_view name) {
  const auto found = std::ranges::find(parent.commands, name, &Command::name);
  return found == parent.commands.end() ? nullptr : &*found;
}

}  // namespace croft::cli
