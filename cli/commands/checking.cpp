#include <algorithm>

#include <fmt/format.h>

#include "cli/check/offline.hpp"
#include "cli/check/repository.hpp"
#include "cli/command/parse.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/directory_request.hpp"
#include "cli/commands/stalled_sources.hpp"
#include "cli/output/changeset_text.hpp"
#include "cli/output/changeset_words.hpp"
#include "cli/output/terraform.hpp"
#include "cli/output/yaml.hpp"
#include "cli/run.hpp"
#include "gateway/api/json_forms.hpp"

namespace croft::cli {

namespace {

constexpr int kInvalidStatus = 2;

// validate

Value to_form(const manifest::Diagnostic& diagnostic) {
  return Value::map(
      {{"file", diagnostic.position.file},
       {"line", diagnostic.position.line},
       {"column", diagnostic.position.column},
       {"severity", diagnostic.weight == manifest::Weight::Error ? "error" : "warning"},
       {"message", diagnostic.message},
       {"hint", diagnostic.hint}});
}

Value to_form(const Repository& repository) {
  Value list = Value::list();
  for (const manifest::Diagnostic& diagnostic : repository.set.diagnostics.list)
    list.push_back(to_form(diagnostic));
  const auto count = [](std::size_t number) { return static_cast<std::int64_t>(number); };
  return Value::map({{"valid", repository.set.is_usable()},
                     {"repository", to_string(repository.scope)},
                     {"resources", count(repository.set.resources.size())},
                     {"errors", count(repository.set.diagnostics.errors)},
                     {"omitted", count(repository.set.diagnostics.suppressed)},
                     {"diagnostics", list}});
}

Result<std::optional<manifest::SourceScope>> scope_asked_for(const Arguments& arguments) {
  if (arguments.has("platform") && arguments.has("solo")) {
    return fail(ErrorCode::Invalid, "a repository is either the platform's or a solo one");
  }
  if (arguments.has("platform")) return manifest::SourceScope::Platform;
  if (arguments.has("solo")) return manifest::SourceScope::Solo;
  if (arguments.has("tenant")) return manifest::SourceScope::Tenant;
  return std::nullopt;
}

Result<int> validate(const Invocation& invocation) {
  RepositoryRequest request;
  request.directory = directory_of(invocation);
  request.tenant = invocation.arguments.text("tenant");
  request.is_whole_set = !invocation.arguments.has("partial");
  TRY_ASSIGN(request.scope, scope_asked_for(invocation.arguments));
  TRY_ASSIGN(Repository repository, load_repository(request));
  expand_repository(repository, {});
  const Terminal& terminal = invocation.terminal;
  const int status = repository.set.is_usable() ? 0 : kInvalidStatus;
  if (const std::string format = invocation.output(); format != "text") {
    terminal.out << to_machine_text(to_form(repository), format);
    return status;
  }
  terminal.out << manifest::render(repository.set.diagnostics, {.color = terminal.has_colour});
  if (status != 0) return status;
  const std::size_t count = repository.set.resources.size();
  const std::string what = fmt::format("{} resource{} of a {} repository", count,
                                       count == 1 ? "" : "s", to_string(repository.scope));
  terminal.out << (count == 0 ? terminal.paint(Colour::Yellow, "No resources found") + " in " +
                                    request.directory + "."
                              : terminal.paint(Colour::Green, "Valid") + ": " + what + ".")
               << '\n';
  return 0;
}

// diff

/// What `croft diff` found: a changeset, or what is wrong in the manifests.
using Found = OfflineDiff;

Result<Found> found_offline(const Invocation& invocation) {
  OfflineRequest request;
  request.directory = directory_of(invocation);
  request.platform = invocation.arguments.text("platform");
  request.from = invocation.arguments.text("from");
  request.tenant = invocation.arguments.text("tenant");
  return diff_offline(request);
}

Result<Found> found_by_server(const Invocation& invocation) {
  Found found;
  TRY_ASSIGN(const Client client, Client::from(invocation));
  std::optional<Value> body;
  if (invocation.arguments.has("pending")) {
    TRY_ASSIGN(const std::string tenant, tenant_of(client, invocation));
    body = Value::map({{"tenant", tenant}});
    // What was refused is not in the changeset.
    TRY(print_stalled_sources(client, invocation.terminal, tenant));
  } else {
    TRY_ASSIGN(body, directory_request(client, invocation, found.diagnostics));
  }
  if (!body) return found;
  if (const std::string source = invocation.arguments.text("source"); !source.empty())
    body->set("source", source);
  TRY_ASSIGN(const Value answer, client.post("/v1/diff", *body));
  TRY_ASSIGN(found.changeset, changeset_from_form(answer));
  return found;
}

Result<void> check_expected(const Invocation& invocation, const Changeset& changeset) {
  const std::string expected = invocation.arguments.text("expect");
  if (expected.empty() || (expected.size() >= 4 && changeset.digest.starts_with(expected)))
    return {};
  return fail(
      Error(ErrorCode::Conflict,
            fmt::format("the changeset is not {} but {}: something moved since that was shown",
                        expected, short_digest(changeset)))
          .with_hint("look at it again with `croft diff`"));
}

void print_changeset(const Invocation& invocation, const Changeset& changeset) {
  const std::string format = invocation.output();
  std::ostream& out = invocation.terminal.out;
  if (format == "markdown") {
    out << changeset_markdown(changeset);
  } else if (format == "text") {
    out << changeset_text(changeset, invocation.terminal);
  } else {
    out << to_machine_text(to_terraform_plan(changeset), format);
  }
}

Result<int> diff_status(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  const bool is_offline =
      arguments.has("offline") || arguments.has("platform") || arguments.has("from");
  TRY_ASSIGN(const Found found,
             is_offline ? found_offline(invocation) : found_by_server(invocation));
  if (found.diagnostics.has_errors()) {
    invocation.terminal.err << manifest::render(found.diagnostics,
                                                {.color = invocation.terminal.has_colour});
    return kInvalidStatus;
  }
  print_changeset(invocation, found.changeset);
  invocation.terminal.out.flush();
  TRY(check_expected(invocation, found.changeset));
  if (!found.changeset.refusals.empty()) return kInvalidStatus;
  return has_changes(found.changeset) ? 1 : 0;
}

Result<int> diff_command(const Invocation& invocation) {
  const Result<int> status = diff_status(invocation);
  if (!invocation.arguments.has("detailed-exitcode")) return status;
  if (!status)
    say_error(invocation.terminal, path_of(invocation.root, invocation.command), status.error());
  // Terraform's: 0 no change, 1 error, 2 changes.
  if (!status || *status > 1) return 1;
  return *status == 1 ? 2 : 0;
}

Command validate_description() {
  Command command;
  command.name = "validate";
  command.summary = "Check the manifests of a directory";
  command.description =
      "Says everything that is wrong, with its line. Nothing is changed, and no server is asked. "
      "Whether it is the "
      "platform's repository, a tenant's or a solo one is told by the kinds in it.";
  command.group = "Check and apply";
  command.outputs = {"text", "json", "yaml"};
  command.positionals = {directory_parameter()};
  command.options = {
      {.name = "platform", .help = "Check it as the platform's repository."},
      {.name = "solo", .help = "Check it as the one repository of `croft serve --solo`."},
      {.name = "partial",
       .help = "The tenant has other sources too: refs that lead outside are no errors."}};
  command.examples = {"croft validate", "croft validate hosting -t alice",
                      "croft validate -o json"};
  command.run = validate;
  return command;
}

Command diff_description() {
  Command command;
  command.name = "diff";
  command.summary = "Show what a directory's manifests would change, and why";
  command.description =
      "A running server is sent the manifests and the listing of the other files, and compares "
      "them with what runs. "
      "Offline (--platform, --from or --offline), declarations are compared with declarations. "
      "Exit status: 0 no "
      "changes, 1 changes, 2 an error.";
  command.group = "Check and apply";
  command.outputs = {"text", "markdown", "json", "yaml"};
  command.positionals = {directory_parameter()};
  command.options = {
      {.name = "platform",
       .value = "DIR",
       .help = "Offline: the platform repository, for the tenant's plan and providers.",
       .completes = Completes::Directories},
      {.name = "from",
       .value = "REVISION",
       .help = "Offline: compare with this commit instead of with nothing."},
      {.name = "offline", .help = "Ask no server."},
      {.name = "pending",
       .help = "Instead of a directory: what the source holds now and is not applied."},
      {.name = "source",
       .value = "NAME",
       .help = "Which of the tenant's sources the directory is."},
      {.name = "expect",
       .value = "DIGEST",
       .help = "Fail if the changeset is another one than this."},
      {.name = "detailed-exitcode",
       .help = "Terraform's exit status: 0 no changes, 1 an error, 2 changes."}};
  command.examples = {"croft diff", "croft diff --platform ../platform -t alice --from HEAD",
                      "croft diff -o markdown > comment.md"};
  command.run = diff_command;
  return command;
}

}  // namespace

void add_checking(std::vector<Command>& commands) {
  commands.push_back(validate_description());
  commands.push_back(diff_description());
}

}  // namespace croft::cli
