#include "cli/commands/commands.hpp"
#include "cli/lua/test_run.hpp"

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

}  // namespace

void add_scripting(std::vector<Command>& commands) {
  Command group;
  group.name = "lua";
  group.summary = "Write adapters and pricing rules in Lua";
  group.group = "Write manifests";
  group.commands = {test_description()};
  commands.push_back(std::move(group));
}

}  // namespace croft::cli
