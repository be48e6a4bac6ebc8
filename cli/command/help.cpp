#include "cli/command/help.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "cli/command/parse.hpp"

namespace croft::cli {

namespace {

constexpr std::size_t kWidth = 100;
constexpr std::size_t kHelpColumn = 26;

std::size_t width_of(const Terminal& terminal) {
  return terminal.width == 0 ? kWidth : std::min(terminal.width, kWidth);
}

/// "  LEFT        text that is wrapped beside it".
std::string entry(const std::string& left, const std::string& text, std::size_t width) {
  std::string wrapped = wrap_text(text, width, kHelpColumn);
  if (wrapped.empty()) wrapped = "\n";
  if (display_width(left) + 2 >= kHelpColumn - 1) return "  " + left + "\n" + wrapped;
  const std::size_t margin = std::min(kHelpColumn, wrapped.find_first_not_of(' '));
  return pad_text("  " + left, kHelpColumn) + wrapped.substr(margin);
}

std::string heading(const Terminal& terminal, std::string_view text) {
  return "\n" + terminal.paint(Colour::Bold, text) + "\n";
}

std::string list_commands(const Command& command, const Terminal& terminal) {
  std::vector<std::string> groups;
  for (const Command& child : command.commands) {
    if (std::ranges::find(groups, child.group) == groups.end()) groups.push_back(child.group);
  }
  std::string text;
  for (const std::string& group : groups) {
    text += heading(terminal, group.empty() ? "Commands" : group);
    for (const Command& child : command.commands) {
      if (child.group == group) text += entry(child.name, child.summary, width_of(terminal));
    }
  }
  return text;
}

std::string list_parameters(const Command& command, const Terminal& terminal) {
  const std::size_t width = width_of(terminal);
  std::string text;
  if (!command.positionals.empty()) text += heading(terminal, "Arguments");
  for (const Parameter& positional : command.positionals) {
    text += entry(positional.name, parameter_text(positional, command), width);
  }
  const bool has_options =
      std::ranges::any_of(command.options, [](const Parameter& option) { return !option.hidden; });
  if (has_options) text += heading(terminal, "Options");
  for (const Parameter& option : command.options) {
    if (!option.hidden) text += entry(spelling_of(option), parameter_text(option, command), width);
  }
  text += heading(terminal, "Options of every command");
  const std::vector<Parameter> all = options_of(command);
  for (auto at = all.begin() + static_cast<std::ptrdiff_t>(command.options.size()); at != all.end();
       ++at) {
    const Parameter& option = *at;
    if (option.name == "output" && command.outputs.empty() && command.run != nullptr) continue;
    text += entry(spelling_of(option), parameter_text(option, command), width);
  }
  return text;
}

}  // namespace

std::string parameter_text(const Parameter& parameter, const Command& command) {
  std::string text = parameter.help;
  const bool is_output = parameter.name == "output" && !command.outputs.empty();
  const std::vector<std::string>& choices = is_output ? command.outputs : parameter.choices;
  if (!choices.empty()) text += fmt::format(" One of {}.", fmt::join(choices, ", "));
  const std::string fallback = is_output ? command.outputs.front() : parameter.fallback;
  const std::string_view quote = fallback.ends_with('.') ? "'" : "";
  if (!fallback.empty()) text += fmt::format(" Default: {0}{1}{0}.", quote, fallback);
  if (!parameter.environment.empty()) text += fmt::format(" Variable: {}.", parameter.environment);
  return text;
}

std::string spelling_of(const Parameter& option) {
  std::string text = option.letter != 0 ? fmt::format("-{}, --{}", option.letter, option.name)
                                        : "--" + option.name;
  return option.value.empty() ? text : text + " " + option.value;
}

std::string usage_line(const Command& root, const Command& command) {
  std::string text = path_of(root, command);
  if (!command.commands.empty()) return text + " COMMAND [OPTIONS]";
  text += " [OPTIONS]";
  for (const Parameter& positional : command.positionals) {
    const std::string name = positional.name + (positional.repeats ? "..." : "");
    text += positional.required ? " " + name : " [" + name + "]";
  }
  return text;
}

std::string help_text(const Command& root, const Command& command, const Terminal& terminal) {
  const std::string title = fmt::format("{}: {}", path_of(root, command), command.summary);
  std::string text = wrap_text(title, width_of(terminal), 0);
  text += heading(terminal, "Usage") + "  " + usage_line(root, command) + "\n";
  if (!command.description.empty())
    text += "\n" + wrap_text(command.description, width_of(terminal), 0);
  text += list_commands(command, terminal);
  text += list_parameters(command, terminal);
  if (!command.examples.empty()) text += heading(terminal, "Examples");
  for (const std::string& example : command.examples) text += "  " + example + "\n";
  return text;
}

}  // namespace croft::cli
