#include <iostream>
#include <unistd.h>

#include <fmt/format.h>

#include "cli/commands/commands.hpp"
#include "cli/lua/check.hpp"
#include "cli/lua/repl.hpp"
#include "cli/lua/scaffold.hpp"
#include "core/base/files.hpp"

namespace croft::cli {

namespace {

constexpr int kFailedStatus = 1;

Parameter place_parameter() {
  return {.name = "DIR",
          .help = "Directory with adapter.lua, policy.lua or another rule, or the script itself.",
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
  command.summary = "Run the tests of an adapter or of a rule";
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
  command.summary = "Say what is wrong with an adapter or a rule";
  command.description =
      "Whether it compiles, what it returns, and names that are not there: globals, and fields of "
      "host modules. Its tests are looked at too. No verb and no test is run. Exit status: 0 "
      "nothing "
      "is wrong (there may be warnings), 1 something is, 2 there is nothing to look at.";
  command.positionals = {place_parameter()};
  command.examples = {"croft lua check", "croft lua check rules/weekend.lua",
                      "croft lua check policy.lua"};
  command.run = check_scripts;
  return command;
}

Result<int> new_script(const Invocation& invocation) {
  const std::string name = invocation.arguments.text("NAME");
  TRY_ASSIGN(const std::vector<std::string> files,
             write_scaffold(".", invocation.command.name, name));
  for (const std::string& file : files) {
    // The stubs are for editors.
    if (!file.starts_with('.')) invocation.terminal.out << name << '/' << file << '\n';
  }
  invocation.terminal.out << fmt::format("Next: cd {} && croft lua test\n", name);
  return 0;
}

/// `kind` is what write_scaffold() takes.
Command new_kind(std::string kind, std::string summary, std::string example) {
  Command command;
  command.name = std::move(kind);
  command.summary = std::move(summary);
  command.description =
      "A script that passes its own tests, a README, and stubs with types for editors that know "
      "LuaLS. Nothing is ever overwritten.";
  command.positionals = {{.name = "NAME", .help = "Its name, and the folder's.", .required = true}};
  command.examples = {std::move(example)};
  command.run = new_script;
  return command;
}

Command new_description() {
  Command group;
  group.name = "new";
  group.summary = "Write a folder with a script to begin with";
  group.commands.push_back(
      new_kind("provider", "Write a folder with an adapter", "croft lua new provider harbor"));
  group.commands.push_back(
      new_kind("pricing", "Write a folder with a pricing rule", "croft lua new pricing weekend"));
  group.commands.push_back(
      new_kind("policy", "Write a folder with a policy", "croft lua new policy house-rules"));
  group.commands.push_back(
      new_kind("health", "Write a folder with a health rule", "croft lua new health patient"));
  return group;
}

constexpr std::size_t kLargestRule = 1 << 20;

Result<int> read_and_answer(const Invocation& invocation) {
  const std::string file = invocation.arguments.text("FILE");
  std::string rule;
  if (!file.empty()) {
    TRY_ASSIGN(rule, read_file(file, kLargestRule));
  }
  TRY_ASSIGN(Repl repl, Repl::make(std::move(rule)));
  const bool is_asked = ::isatty(STDIN_FILENO) == 1;
  std::ostream& out = invocation.terminal.out;
  std::string line;
  for (;;) {
    if (is_asked) out << (repl.wants_more() ? ">> " : "> ") << std::flush;
    if (!std::getline(std::cin, line)) break;
    const std::string answer = repl.take(line);
    if (!answer.empty()) out << printable(answer) << '\n';
  }
  if (is_asked) out << '\n';
  return repl.has_failed() ? kFailedStatus : 0;
}

Command repl_description() {
  Command command;
  command.name = "repl";
  command.summary = "Try Lua as rules run it, line by line";
  command.description =
      "Reads standard input: an expression is answered, a statement is kept for the lines after "
      "it. "
      "`plan`, `resources`, `usage` and `period` are examples of what a rule gets, `pricing` is "
      "there, and with FILE `rule` is what that pricing rule returns. Exit status: 0, or 1 if a "
      "line failed.";
  command.positionals = {{.name = "FILE",
                          .help = "A pricing rule to have at hand.",
                          .fallback = "none",
                          .completes = Completes::Files}};
  command.examples = {
      "croft lua repl", "croft lua repl rules/weekend.lua",
      "echo 'rule.price(plan, resources, usage, period)' | croft lua repl weekend.lua"};
  command.run = read_and_answer;
  return command;
}

}  // namespace

void add_scripting(std::vector<Command>& commands) {
  Command group;
  group.name = "lua";
  group.summary = "Write adapters and rules in Lua";
  group.group = "Write manifests";
  group.commands = {new_description(), test_description(), check_description(), repl_description()};
  commands.push_back(std::move(group));
}

}  // namespace croft::cli
