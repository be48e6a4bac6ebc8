#include <algorithm>

#include <fmt/format.h>

#include "cli/command/help.hpp"
#include "cli/command/parse.hpp"

namespace croft::cli {

namespace {

/// Text as troff takes it: no line begins with a control character, dashes stay dashes.
std::string troff(std::string_view text) {
  std::string out;
  bool at_line_start = true;
  for (const char letter : text) {
    if (at_line_start && (letter == '.' || letter == '\'')) out += "\\&";
    if (letter == '\\') {
      out += "\\e";
    } else if (letter == '-') {
      out += "\\-";
    } else {
      out += letter;
    }
    at_line_start = letter == '\n';
  }
  return out;
}

std::string parameter_entry(const std::string& spelling, const Parameter& parameter,
                            const Command& command) {
  return fmt::format(".TP\n\\fB{}\\fR\n{}\n", troff(spelling),
                     troff(parameter_text(parameter, command)));
}

void describe(const Command& root, const Command& command, std::string& out) {
  if (command.commands.empty()) {
    out += fmt::format(".SS {}\n{}.\n", troff(usage_line(root, command)), troff(command.summary));
    if (!command.description.empty()) out += fmt::format(".PP\n{}\n", troff(command.description));
    if (!command.outputs.empty()) {
      out += fmt::format(".PP\nOutput formats: {}.\n",
                         troff(fmt::format("{}", fmt::join(command.outputs, ", "))));
    }
    for (const Parameter& positional : command.positionals)
      out += parameter_entry(positional.name, positional, command);
    for (const Parameter& option : command.options) {
      if (!option.hidden) out += parameter_entry(spelling_of(option), option, command);
    }
    for (const std::string& example : command.examples) {
      out += fmt::format(".PP\nExample:\n.EX\n  {}\n.EE\n", troff(example));
    }
  }
  for (const Command& child : command.commands) describe(root, child, out);
}

}  // namespace

std::string manual_page(const Command& root, const std::string& version, const std::string& date) {
  std::string out = fmt::format(".TH CROFT 1 \"{}\" \"croft {}\" \"Croft\"\n", date, version);
  out += fmt::format(".SH NAME\ncroft \\- {}\n", troff(root.summary));
  out += ".SH SYNOPSIS\n.B croft\n.I COMMAND\n[OPTIONS]\n";
  out += fmt::format(".SH DESCRIPTION\n{}\n.SH COMMANDS\n", troff(root.description));
  for (const Command& child : root.commands) describe(root, child, out);
  out += ".SH OPTIONS OF EVERY COMMAND\n";
  for (const Parameter& option : global_options())
    out += parameter_entry(spelling_of(option), option, root);
  out +=
      ".SH EXIT STATUS\n"
      ".TP\n0\nIt worked; for diff: nothing would change.\n"
      ".TP\n1\nFor diff: there are changes. For reconcile \\-\\-wait: something is not ready.\n"
      ".TP\n2\nAn error, said on standard error with a next step.\n";
  return out;
}

}  // namespace croft::cli
