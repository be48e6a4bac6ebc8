#include <fmt/format.h>

#include "cli/client/client.hpp"
#include "cli/command/help.hpp"
#include "cli/command/parse.hpp"
#include "cli/commands/commands.hpp"
#include "cli/output/yaml.hpp"
#include "cli/run.hpp"
#include "cli/version.hpp"
#include "core/base/suggest.hpp"
#include "gateway/api/json_forms.hpp"

namespace croft::cli {

namespace {

Result<int> version(const Invocation& invocation) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  const Result<Value> answer = client.get("/v1/version");
  const std::string format = invocation.output();
  if (format != "text") {
    Value out = Value::map(
        {{"client", Value::map({{"version", CROFT_VERSION}, {"commit", CROFT_COMMIT}})}});
    out.set("server", answer ? *answer : Value());
    invocation.terminal.out << to_machine_text(out, format);
    return 0;
  }
  invocation.terminal.out << "croft " << program_version() << '\n';
  if (answer) {
    invocation.terminal.out << fmt::format("server {} at {}\n", answer->text_or("version", "?"),
                                           client.where());
  } else {
    invocation.terminal.out << fmt::format("server: none reached at {}\n", client.where());
  }
  return 0;
}

Result<int> completion(const Invocation& invocation) {
  TRY_ASSIGN(const std::string script,
             completion_script(invocation.root, invocation.arguments.text("SHELL")));
  invocation.terminal.out << script;
  return 0;
}

Result<int> man(const Invocation& invocation) {
  invocation.terminal.out << manual_page(invocation.root, CROFT_VERSION,
                                         invocation.arguments.text("date"));
  return 0;
}

Result<int> help(const Invocation& invocation) {
  const Command* command = &invocation.root;
  for (const std::string& word : invocation.arguments.list("COMMAND")) {
    const Command* child = find_command(*command, word);
    if (child == nullptr) {
      std::vector<std::string> known;
      for (const Command& each : command->commands) known.push_back(each.name);
      const auto meant = closest_word(word, known);
      return fail(Error(ErrorCode::Invalid, fmt::format("there is no command '{}'", word))
                      .with_hint(meant ? fmt::format("did you mean '{} {}'?",
                                                     path_of(invocation.root, *command), *meant)
                                       : "see 'croft --help'"));
    }
    command = child;
  }
  invocation.terminal.out << help_text(invocation.root, *command, invocation.terminal);
  return 0;
}

}  // namespace

void add_about(std::vector<Command>& commands) {
  const std::string group = "About Croft";
  commands.push_back({.name = "version",
                      .summary = "Show the versions of this program and of the server",
                      .group = group,
                      .outputs = {"text", "json", "yaml"},
                      .run = version});
  commands.push_back({.name = "completion",
                      .summary = "Print the completion script for a shell",
                      .group = group,
                      .positionals = {{.name = "SHELL",
                                       .help = "Which shell.",
                                       .completes = Completes::Choices,
                                       .choices = {"bash", "zsh", "fish"},
                                       .required = true}},
                      .examples = {"source <(croft completion bash)"},
                      .run = completion});
  commands.push_back(
      {.name = "man",
       .summary = "Print the manual page croft(1)",
       .group = group,
       .options = {{.name = "date", .value = "DATE", .help = "Stands in the page's footer."}},
       .examples = {"croft man | man -l -"},
       .run = man});
  commands.push_back(
      {.name = "help",
       .summary = "Show help for a command",
       .group = group,
       .positionals = {{.name = "COMMAND", .help = "Words of the command.", .repeats = true}},
       .examples = {"croft help prune ack"},
       .run = help});
}

}  // namespace croft::cli
