#include <csignal>
#include <unistd.h>

#include <fmt/format.h>

#include "cli/client/client.hpp"
#include "cli/command/parse.hpp"
#include "cli/commands/commands.hpp"
#include "cli/exec/exec_client.hpp"
#include "cli/exec/raw_terminal.hpp"
#include "cli/run.hpp"

namespace croft::cli {

namespace {

/// What exec and shell end with when it is croft that failed, not the command: as `docker run`.
constexpr int kOwnFailure = 125;

constexpr std::string_view kExecDescription =
    "Runs a command beside what runs: in its sandbox or container, as its user, with its limits. "
    "Ends with the command's exit status, or with 125 if croft itself failed.\n\n"
    "From a terminal the command gets a terminal, too; -T gives it pipes, as it always gets when "
    "standard input or output is none. Standard input is sent with -i, or if there is a terminal. "
    "Everything behind REF belongs to the command. When this croft ends, by a signal or with its "
    "connection, the command is ended.";

/// "db.web" for Service/db.web and "api" for Instance/api, which are most of what is asked for.
std::string with_kind(const std::string& text) {
  if (text.find('/') != std::string::npos) return text;
  return (text.find('.') != std::string::npos ? "Service/" : "Instance/") + text;
}

Result<Ref> target_of(const Client& client, const Invocation& invocation) {
  const std::string text = invocation.arguments.text("REF");
  Result<Ref> ref = ref_of(client, invocation, with_kind(text));
  if (ref || !invocation.arguments.has("tty") || text.find('/') != std::string::npos) return ref;
  return fail(
      std::move(ref.error())
          .with_hint(fmt::format(
              "here -t asks for a terminal; the tenant is said by --tenant {0} or {0}/Instance/...",
              text)));
}

struct Wishes {
  bool has_terminal = false;
  bool sends_input = false;
};

Result<Wishes> wishes_of(const Invocation& invocation) {
  const bool reads_terminal = ::isatty(STDIN_FILENO) == 1;
  const bool shows_terminal = ::isatty(STDOUT_FILENO) == 1;
  const bool refuses = invocation.arguments.has("no-tty");
  const bool asks = invocation.arguments.has("tty");
  if (asks && refuses) return fail(ErrorCode::Invalid, "-t and -T contradict each other");
  if (asks && !reads_terminal) {
    return fail(Error(ErrorCode::Invalid, "standard input is no terminal")
                    .with_hint("leave -t out, or say -T"));
  }
  Wishes wishes;
  wishes.has_terminal = asks || (reads_terminal && shows_terminal && !refuses);
  wishes.sends_input = wishes.has_terminal || invocation.arguments.has("interactive");
  return wishes;
}

Value request_of(const Invocation& invocation, const std::vector<std::string>& command,
                 const Wishes& wishes) {
  Value words = Value::list();
  for (const std::string& word : command) words.push_back(word);
  Value env = Value::list();
  const auto term = invocation.environment.find("TERM");
  if (wishes.has_terminal)
    env.push_back("TERM=" + (term == invocation.environment.end() ? "xterm" : term->second));
  for (const std::string& entry : invocation.arguments.list("env")) {
    const auto ours = invocation.environment.find(entry);
    // As with docker: a name alone passes on what we have.
    if (entry.find('=') != std::string::npos) {
      env.push_back(entry);
    } else if (ours != invocation.environment.end()) {
      env.push_back(entry + "=" + ours->second);
    }
  }
  Value body = Value::map({{"command", std::move(words)}, {"env", std::move(env)}});
  if (const std::string directory = invocation.arguments.text("workdir"); !directory.empty())
    body.set("workingDir", directory);
  if (!wishes.has_terminal) return body;
  const TerminalSize size = terminal_size();
  body.set("terminal", true);
  body.set("rows", size.rows);
  body.set("columns", size.columns);
  return body;
}

Result<int> run(const Invocation& invocation, const std::vector<std::string>& command,
                const Wishes& wishes) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(const Ref ref, target_of(client, invocation));
  ExecPlan plan;
  plan.target = path_to("exec", ref);
  plan.body = request_of(invocation, command, wishes);
  plan.has_terminal = wishes.has_terminal;
  plan.sends_input = wishes.sends_input;
  return run_exec(client, std::move(plan));
}

/// The command's own status is any number: ours must stand out.
Result<int> ending_with_own(const Invocation& invocation, Result<int> done) {
  if (done) return done;
  say_error(invocation.terminal, path_of(invocation.root, invocation.command), done.error());
  return kOwnFailure;
}

Result<int> exec(const Invocation& invocation) {
  std::vector<std::string> command = invocation.arguments.list("COMMAND");
  if (!command.empty() && command.front() == "--") command.erase(command.begin());
  if (command.empty()) {
    return fail(Error(ErrorCode::Invalid, "COMMAND is missing")
                    .with_hint("`croft shell REF` runs a shell"));
  }
  TRY_ASSIGN(const Wishes wishes, wishes_of(invocation));
  return ending_with_own(invocation, run(invocation, command, wishes));
}

Result<int> shell(const Invocation& invocation) {
  TRY_ASSIGN(Wishes wishes, wishes_of(invocation));
  // A shell without something to read does nothing: a script may come by a pipe.
  wishes.sends_input = true;
  return ending_with_own(invocation, run(invocation, {}, wishes));
}

std::vector<Parameter> options_of_running(bool is_exec) {
  std::vector<Parameter> options;
  if (is_exec) {
    options.push_back({.name = "interactive",
                       .letter = 'i',
                       .help = "Send standard input, also if it is no terminal."});
  }
  options.push_back({.name = "tty",
                     .letter = 't',
                     .help = "Give it a terminal, also if standard output is none."});
  options.push_back({.name = "no-tty", .letter = 'T', .help = "Give it no terminal."});
  options.push_back({.name = "env",
                     .letter = 'e',
                     .value = "NAME=VALUE",
                     .help = "A variable of its environment; a NAME alone passes ours on.",
                     .repeats = true});
  options.push_back({.name = "workdir",
                     .letter = 'w',
                     .value = "DIRECTORY",
                     .help = "Where it runs.",
                     .fallback = "where the app itself runs"});
  return options;
}

}  // namespace

void add_running(std::vector<Command>& commands) {
  const Parameter ref{.name = "REF",
                      .help =
                          "Instance/api or alice/Instance/api, short: api; a service of a Stack: "
                          "Service/db.web, short: db.web.",
                      .completes = Completes::Refs,
                      .required = true};
  Command exec_command;
  exec_command.name = "exec";
  exec_command.summary = "Run a command inside of what runs";
  exec_command.description = kExecDescription;
  exec_command.group = "Look";
  exec_command.positionals = {ref,
                              {.name = "COMMAND",
                               .help = "The command and its arguments, behind `--` if you like.",
                               .required = true,
                               .repeats = true}};
  exec_command.options = options_of_running(true);
  exec_command.takes_rest = true;
  exec_command.examples = {"croft exec Instance/api env", "croft exec db.web -- psql -U app",
                           "croft exec -i db.web psql < dump.sql",
                           "croft exec -T Instance/api cat /data/file > file"};
  exec_command.run = exec;
  commands.push_back(std::move(exec_command));

  Command shell_command;
  shell_command.name = "shell";
  shell_command.summary = "Open a shell inside of what runs";
  shell_command.description =
      "Whichever shell is there: bash, else sh. Without a terminal it reads commands from standard "
      "input. Otherwise as `croft exec`.";
  shell_command.group = "Look";
  shell_command.positionals = {ref};
  shell_command.options = options_of_running(false);
  shell_command.examples = {"croft shell Instance/api", "croft shell db.web < script.sh"};
  shell_command.run = shell;
  commands.push_back(std::move(shell_command));
}

}  // namespace croft::cli
