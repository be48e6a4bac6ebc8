#include <fmt/format.h>

#include "cli/commands/commands.hpp"
#include "cli/lua/check.hpp"

namespace croft::cli {

namespace {

constexpr int kFailedStatus = 1;

Parameter place_parameter() {
  return {.name = "DIR",
          .help = "Directory with adapter.lua or one pricing rule, or the script itself.",
          .fallback = "the current one",
          .completes = Completes::Files};
}

Result<int> test_scripts(const Invocation& invocation) {
  TRY_ASSIGN(const ScriptUnderTest script, find_script(invocation.arguments.text("DIR", ".")));
  TRY_ASSIGN(const TestReport report, run_tests(script));
  invocation.terminal.out << printable(report_text(script, report));
  return report.failures.empty() ? 0 : kFailedStatus;
}

Command test_description() {
  Command command;
  command.name = "test";
  command.summary = "Run the tests of an adapter or of a pricing rule";
  command.description =
      "Runs tests/*.lua beside the script: what the server of an adapter is asked and answers "
      "stands "
      "in the test, and time passes only where somebody waits. Nothing is sent anywhere. Exit "
      "status: 0 all passed, 1 a test failed, 2 there is nothing that could be run.";
  command.positionals = {place_parameter()};
  command.examples = {"croft lua test", "croft lua test adapters/harbor",
                      "croft lua test rules/weekend.lua"};
  command.run = test_scripts;
  return command;
}

Result<int> check_scripts(const Invocation& invocation) {
  TRY_ASSIGN(const ScriptUnderTest script,
             find_script_to_check(invocation.arguments.text("DIR", ".")));
  const manifest::Diagnostics found = check_script(script);
  const Terminal& terminal = invocation.terminal;
  for (const manifest::Diagnostic& diagnostic : found.list)
    terminal.out << manifest::render(diagnostic, {.color = terminal.has_colour});
  if (found.list.empty()) {
    terminal.out << terminal.paint(Colour::Green, "Valid") << ": " << script.file << ".\n";
    return 0;
  }
  const std::size_t warnings = found.list.size() + found.suppressed - found.errors;
  terminal.out << fmt::format("{} error{}, {} warning{}.\n", found.errors,
                              found.errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
  return found.has_errors() ? kFailedStatus : 0;
}

Command check_description() {
  Command command;
  command.name = "check";
  command.summary = "Say what is wrong with an adapter or a pricing rule";
  command.description =
      "Whether it compiles, what it returns, and names that are not there: globals, and fields of "
      "host modules. Its tests are looked at too. No verb and no test is run. Exit status: 0 "
      "nothing "
      "is wrong (there may be warnings), 1 something is, 2 there is nothing to look at.";
  command.positionals = {place_parameter()};
  command.examples = {"croft lua check", "croft lua check rules/weekend.lua"};
  command.run = check_scripts;
  return command;
}

}  // namespace

void add_scripting(std::vector<Command>& commands) {
  Command group;
  group.name = "lua";
  group.summary = "Write adapters and pricing rules in Lua";
  group.group = "Write manifests";
  group.commands = {test_description(), check_description()};
  commands.push_back(std::move(group));
}

}  // namespace croft::cli
