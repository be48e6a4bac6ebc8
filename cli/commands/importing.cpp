#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "cli/commands/commands.hpp"
#include "cli/import/engine_project.hpp"
#include "cli/import/stack_import.hpp"
#include "core/base/files.hpp"
#include "core/git/tree.hpp"
#include "core/manifest/load.hpp"

namespace croft::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* kDefaultEngine = "unix:///var/run/docker.sock";
constexpr int kNotAccepted = 1;

docker::EngineSettings engine_settings(const Invocation& invocation) {
  docker::EngineSettings settings;
  settings.host = invocation.arguments.text("engine", kDefaultEngine);
  // Where docker's own client looks for them.
  const auto directory = invocation.environment.find("DOCKER_CERT_PATH");
  if (directory == invocation.environment.end() || settings.host.starts_with("unix:"))
    return settings;
  const fs::path place = directory->second;
  settings.certificate_authority = place / "ca.pem";
  settings.certificate = place / "cert.pem";
  settings.key = place / "key.pem";
  return settings;
}

Result<EngineProject> project_asked_for(const Invocation& invocation) {
  // Before the client: its kept connections end with it, on a loop that is still there.
  asio::io_context io;
  TRY_ASSIGN(const docker::EngineClient engine,
             docker::EngineClient::make(engine_settings(invocation)));
  std::optional<Result<EngineProject>> project;
  std::exception_ptr failure;
  // Connections that are kept for later calls must not keep the loop.
  asio::co_spawn(io, read_engine_project(engine, invocation.arguments.text("PROJECT")),
                 [&](std::exception_ptr thrown, Result<EngineProject> read) {
                   failure = thrown;
                   if (!thrown) project.emplace(std::move(read));
                   io.stop();
                 });
  io.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(*project);
}

Result<void> write_new(const fs::path& file, const std::string& text, bool may_replace,
                       unsigned mode) {
  std::error_code ignored;
  if (!may_replace && fs::exists(fs::symlink_status(file, ignored)))
    return fail(Error(ErrorCode::Conflict, fmt::format("{} is there already", file.string()))
                    .with_hint("name another directory with -o, or replace it with --force"));
  return write_file_atomic(file, text, mode);
}

Result<void> write_files(const Invocation& invocation, const ImportedStack& stack) {
  const fs::path directory = invocation.arguments.text("directory", ".");
  const bool may_replace = invocation.arguments.has("force");
  std::error_code ignored;
  // Both or none: a second file that is there must not leave half of it.
  for (const char* name : {kComposeFile, kHostingFile}) {
    if (may_replace || !fs::exists(fs::symlink_status(directory / name, ignored))) continue;
    TRY(write_new(directory / name, "", false, 0));
  }
  TRY(make_directory(directory, 0755));
  const unsigned mode = stack.has_secrets ? 0600 : 0644;
  TRY(write_new(directory / kComposeFile, stack.compose, may_replace, mode));
  return write_new(directory / kHostingFile, stack.hosting, may_replace, 0644);
}

/// What Croft's own loader says of the two files.
Result<manifest::Diagnostics> checked(const ImportedStack& stack) {
  const auto tree =
      make_memory_tree({{kComposeFile, stack.compose}, {kHostingFile, stack.hosting}});
  manifest::DocumentCache cache;
  const manifest::LoadRequest request{.source = "import", .tenant = "imported"};
  TRY_ASSIGN(manifest::LoadedSet set, manifest::load(*tree, request, cache));
  return std::move(set.diagnostics);
}

void print_notes(const ImportedStack& stack, const Terminal& terminal) {
  if (stack.notes.empty()) return;
  terminal.out << "\nNot as it was:\n";
  for (const ImportNote& note : stack.notes) {
    terminal.out << fmt::format("- {}{}\n  {}\n",
                                note.about.empty() ? "" : printable(note.about) + ": ",
                                printable(note.what), printable(note.advice));
  }
}

void print_data(const ImportedStack& stack, const Terminal& terminal) {
  if (stack.data.empty()) return;
  terminal.out << "\nNo data was moved. Stop the project, push the Stack, then for each volume, on "
                  "the engine's machine:\n";
  for (const VolumeMove& move : stack.data) {
    terminal.out << fmt::format(
        "  docker run --rm -v {}:/d:ro busybox tar -C /d -c . | croft volume import --quiesce {}\n",
        printable(move.from), printable(move.to));
  }
}

Result<int> import_compose(const Invocation& invocation) {
  const std::string name = invocation.arguments.text("PROJECT");
  TRY_ASSIGN(const EngineProject project,
             while_doing(project_asked_for(invocation), "reading project " + name));
  TRY_ASSIGN(const ImportedStack stack, import_project(project));
  TRY_ASSIGN(const manifest::Diagnostics diagnostics, checked(stack));
  TRY(while_doing(write_files(invocation, stack), "writing what was imported"));
  const Terminal& terminal = invocation.terminal;
  const fs::path directory = invocation.arguments.text("directory", ".");
  terminal.out << fmt::format("Stack/{}: {} service{}, in {} and {}.\n", stack.name, stack.services,
                              stack.services == 1 ? "" : "s",
                              printable((directory / kComposeFile).string()),
                              printable((directory / kHostingFile).string()));
  print_notes(stack, terminal);
  print_data(stack, terminal);
  if (!diagnostics.has_errors()) return 0;
  terminal.out << "\nThis has to be put right before it can be pushed:\n"
               << manifest::render(diagnostics, {.color = terminal.has_colour});
  return kNotAccepted;
}

Command compose_command() {
  Command command;
  command.name = "compose";
  command.summary = "Write the manifest of a compose project that runs on an engine";
  command.description =
      "Reads what `docker compose up` started, by its labels, and writes compose.yaml and "
      "hosting.yaml, which declare a Stack that is the same: what the images say by themselves is "
      "left out. What a Stack cannot have is a comment there, and said with what to do. Nothing on "
      "the engine is touched and no data is moved. Environment variables are written as they are, "
      "passwords too. Exit status 1 if something has to be put right before it can be pushed.";
  command.positionals = {{.name = "PROJECT",
                          .help = "The project's name, as `docker compose ls` shows it.",
                          .required = true}};
  command.options = {{.name = "engine",
                      .value = "ADDRESS",
                      .help = "The engine that it runs on: unix://PATH or tcp://HOST:PORT.",
                      .environment = "DOCKER_HOST",
                      .fallback = kDefaultEngine},
                     {.name = "directory",
                      .letter = 'o',
                      .value = "DIR",
                      .help = "Where the files go.",
                      .fallback = ".",
                      .completes = Completes::Directories},
                     {.name = "force", .help = "Replace files of those names."}};
  command.examples = {"croft import compose shop -o ~/hosting"};
  command.run = import_compose;
  return command;
}

}  // namespace

void add_importing(std::vector<Command>& commands) {
  Command group;
  group.name = "import";
  group.summary = "Take over what runs without Croft";
  group.group = "Write manifests";
  group.commands = {compose_command()};
  commands.push_back(std::move(group));
}

}  // namespace croft::cli
