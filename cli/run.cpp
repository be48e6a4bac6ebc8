#include "cli/run.hpp"

#include <fmt/format.h>

#include "cli/command/help.hpp"
#include "cli/command/parse.hpp"
#include "cli/commands/commands.hpp"
#include "cli/version.hpp"
#include "core/base/secret.hpp"

namespace croft::cli {

namespace {

constexpr int kErrorStatus = 2;

Command make_tree() {
  Command root;
  root.name = "croft";
  root.summary = "Git repositories of tenant manifests into running hosting";
  root.description =
      "Croft watches Git repositories, shows what a commit would change, and drives hosting "
      "providers until the world "
      "matches what is declared.";
  for (auto* group :
       {add_serving,    add_doctor,    add_storing, add_checking, add_pricing, add_reconciling,
        add_looking,    add_following, add_topping, add_running,  add_volumes, add_power,
        add_pruning,    add_importing, add_secrets, add_webhooks, add_hooking, add_tokens,
        add_describing, add_scripting, add_about}) {
    group(root.commands);
  }
  return root;
}

}  // namespace

const Command& command_tree() {
  static const Command root = make_tree();
  return root;
}

std::string program_version() {
  constexpr std::string_view kCommit = CROFT_COMMIT;
  return kCommit.empty() ? CROFT_VERSION : fmt::format("{} ({})", CROFT_VERSION, kCommit);
}

void say_error(const Terminal& terminal, const std::string& command, const Error& error) {
  // describe() puts the hint behind; here it stands on a line of its own.
  Error plain(error.code(), error.message());
  for (const std::string& context : error.context()) plain = std::move(plain).while_doing(context);
  if (error.position()) plain = std::move(plain).at(*error.position());
  terminal.err << fmt::format("{}: {}\n", terminal.paint(Colour::Red, command),
                              printable(redact(plain.describe())));
  if (!error.hint().empty()) terminal.err << "  " << printable(redact(error.hint())) << '\n';
}

int run_command_line(const std::vector<std::string>& words, const Environment& environment,
                     Terminal& terminal) {
  const Command& root = command_tree();
  if (words.size() == 1 && (words[0] == "--version" || words[0] == "-V")) {
    terminal.out << "croft " << program_version() << '\n';
    return 0;
  }
  Result<Parsed> parsed = parse_command_line(root, words, environment);
  if (!parsed) {
    say_error(terminal, root.name, parsed.error());
    return kErrorStatus;
  }
  if (parsed->arguments.has("no-color")) terminal.has_colour = false;
  if (parsed->wants_help) {
    terminal.out << help_text(root, *parsed->command, terminal);
    return words.empty() ? kErrorStatus : 0;
  }
  const Invocation invocation{root, *parsed->command, parsed->arguments, environment, terminal};
  const Result<int> done = parsed->command->run(invocation);
  terminal.out.flush();
  if (done) return *done;
  say_error(terminal, path_of(root, *parsed->command), done.error());
  return kErrorStatus;
}

}  // namespace croft::cli
