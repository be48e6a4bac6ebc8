#include <algorithm>

#include <fmt/format.h>

#include "cli/client/client.hpp"
#include "cli/commands/commands.hpp"
#include "cli/output/changeset_text.hpp"
#include "cli/output/changeset_words.hpp"
#include "cli/output/yaml.hpp"
#include "gateway/api/json_forms.hpp"

namespace croft::cli {

namespace {

/// Digits of a digest that say enough to mean one changeset.
constexpr std::size_t kShortestDigest = 4;

std::string scope_query(const Invocation& invocation) {
  const std::string tenant = invocation.arguments.text("tenant");
  return tenant.empty() || invocation.arguments.has("all-tenants")
             ? ""
             : "?tenant=" + percent_encode(tenant);
}

Result<std::vector<Changeset>> waiting(const Client& client, const Invocation& invocation) {
  TRY_ASSIGN(const Value answer, client.get("/v1/prunes" + scope_query(invocation)));
  return list_from_form<Changeset>(answer, "prunes", changeset_from_form);
}

Result<int> show(const Invocation& invocation) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  if (const std::string format = invocation.output(); format != "text") {
    TRY_ASSIGN(const Value answer, client.get("/v1/prunes" + scope_query(invocation)));
    invocation.terminal.out << to_machine_text(answer, format);
    return 0;
  }
  TRY_ASSIGN(const std::vector<Changeset> changesets, waiting(client, invocation));
  if (changesets.empty()) invocation.terminal.out << "Nothing waits to be acknowledged.\n";
  for (const Changeset& changeset : changesets) {
    invocation.terminal.out << changeset_text(changeset, invocation.terminal);
    if (&changeset != &changesets.back()) invocation.terminal.out << '\n';
  }
  return 0;
}

Result<int> acknowledge(const Invocation& invocation) {
  const std::string wanted = invocation.arguments.text("DIGEST");
  if (wanted.size() < kShortestDigest) {
    return fail(
        Error(ErrorCode::Invalid, fmt::format("'{}' is too short for a digest", wanted))
            .with_hint(fmt::format("give {} digits or more of what `croft prune show` prints",
                                   kShortestDigest)));
  }
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(const std::vector<Changeset> changesets, waiting(client, invocation));
  std::vector<Changeset> found;
  std::ranges::copy_if(changesets, std::back_inserter(found), [&](const Changeset& changeset) {
    return changeset.digest.starts_with(wanted);
  });
  if (found.empty()) {
    return fail(Error(ErrorCode::NotFound, fmt::format("no changeset with digest {} waits", wanted))
                    .with_hint("it may have moved on since it was shown; see `croft prune show`"));
  }
  if (found.size() > 1) {
    return fail(
        Error(ErrorCode::Invalid, fmt::format("{} changesets begin with {}", found.size(), wanted))
            .with_hint("give more digits"));
  }
  const Changeset& chosen = found.front();
  TRY(client.post("/v1/prunes/ack",
                  Value::map({{"tenant", chosen.tenant}, {"digest", chosen.digest}})));
  invocation.terminal.out << fmt::format("{} acknowledged for {}: {}\n", short_digest(chosen),
                                         chosen.tenant.empty() ? "the platform" : chosen.tenant,
                                         count_phrase(chosen));
  return 0;
}

}  // namespace

namespace {

Result<int> adopt(const Invocation& invocation) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(const std::string tenant, tenant_of(client, invocation));
  TRY_ASSIGN(const Value answer, client.post("/v1/adoptions", Value::map({{"tenant", tenant}})));
  if (const std::string format = invocation.output(); format != "text") {
    invocation.terminal.out << to_machine_text(answer, format);
    return 0;
  }
  const Value* adopted = answer.find("adopted");
  if (adopted == nullptr || !adopted->is_list())
    return fail(ErrorCode::Unavailable, "the server's answer does not say what was adopted");
  for (const Value& name : adopted->as_list()) {
    if (name.is_text()) invocation.terminal.out << "adopted " << printable(name.as_text()) << '\n';
  }
  invocation.terminal.out << "What differs from the declaration is put right now; `croft diff -t "
                          << tenant << "` shows it.\n";
  return 0;
}

}  // namespace

void add_pruning(std::vector<Command>& commands) {
  Command group;
  group.name = "prune";
  group.summary = "Changes that lose something and wait for a person";
  group.group = "Order";
  group.commands.push_back({.name = "show",
                            .summary = "Show what waits, and why",
                            .outputs = {"text", "json", "yaml"},
                            .run = show});
  group.commands.push_back(
      {.name = "ack",
       .summary = "Accept exactly one changeset that waits",
       .description =
           "If anything moved since it was shown, its digest is another one and nothing is done.",
       .positionals = {{.name = "DIGEST",
                        .help = "The digest that `croft prune show` prints, or its beginning.",
                        .required = true}},
       .examples = {"croft prune ack 7c1e09ab42d1"},
       .run = acknowledge});
  commands.push_back(std::move(group));
  commands.push_back(
      {.name = "adopt",
       .summary = "Take over what runs already and Croft does not know any more",
       .description =
           "After the store was lost, providers still run what they ran, under labels that name "
           "the "
           "tenant and the resource. Nothing of it is made a second time or destroyed; this takes "
           "it into the inventory as it runs.",
       .group = "Order",
       .outputs = {"text", "json", "yaml"},
       .examples = {"croft adopt -t alice"},
       .run = adopt});
}

}  // namespace croft::cli
