#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "cli/client/client.hpp"
#include "cli/commands/commands.hpp"
#include "cli/output/changeset_text.hpp"
#include "cli/output/changeset_words.hpp"
#include "cli/output/progress.hpp"
#include "cli/output/status_words.hpp"
#include "cli/output/yaml.hpp"
#include "gateway/api/json_forms.hpp"

namespace croft::cli {

namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr Duration kPollEvery{400};
constexpr std::string_view kDefaultTimeout = "5m";

std::string tenant_query(const std::string& tenant) {
  return tenant.empty() ? "" : "?tenant=" + percent_encode(tenant);
}

Result<std::vector<ResourceStatus>> statuses(const Client& client, const std::string& tenant) {
  TRY_ASSIGN(const Value answer, client.get("/v1/resources" + tenant_query(tenant)));
  return list_from_form<ResourceStatus>(answer, "resources", status_from_form);
}

std::string progress_text(const std::vector<ResourceStatus>& resources) {
  const auto ready = static_cast<std::size_t>(std::ranges::count_if(resources, is_ready));
  std::string text = fmt::format("{}/{} ready", ready, resources.size());
  const auto waiting = std::ranges::find_if_not(resources, is_ready);
  if (waiting != resources.end()) {
    const std::string remark = remark_on(*waiting);
    text += fmt::format(", waiting for {} ({})", to_string(waiting->ref),
                        remark.empty() ? to_string(waiting->phase) : printable(remark));
  }
  return text;
}

/// Waits until the tenant has settled; gives what there is then.
Result<std::vector<ResourceStatus>> wait_until_settled(const Client& client,
                                                       const Invocation& invocation,
                                                       const std::string& tenant,
                                                       Duration timeout) {
  const auto until = SteadyClock::now() + timeout;
  Progress progress(invocation.terminal);
  for (;;) {
    TRY_ASSIGN(const Value answer, client.get("/v1/settled" + tenant_query(tenant)));
    TRY_ASSIGN(auto resources, statuses(client, tenant));
    if (answer.boolean_or("settled", false)) return resources;
    if (SteadyClock::now() >= until) {
      return fail(
          Error(ErrorCode::Timeout, fmt::format("not settled after {}: {}",
                                                format_duration(timeout), progress_text(resources)))
              .with_hint(
                  "Croft goes on by itself; `croft events -w` shows how, --timeout waits longer"));
    }
    progress.show(progress_text(resources));
    std::this_thread::sleep_for(kPollEvery);
  }
}

int report(const Invocation& invocation, const std::vector<ResourceStatus>& resources) {
  const Terminal& terminal = invocation.terminal;
  const auto ready = static_cast<std::size_t>(std::ranges::count_if(resources, is_ready));
  for (const ResourceStatus& status : resources) {
    if (is_ready(status)) continue;
    terminal.out << fmt::format("{} {}: {}\n", terminal.paint(Colour::Red, "not ready"),
                                to_string(status.ref), printable(remark_on(status)));
    terminal.out << "  what to try: " << advice_for(status) << '\n';
  }
  const bool is_good = ready == resources.size();
  terminal.out << terminal.paint(is_good ? Colour::Green : Colour::Red,
                                 fmt::format("{} of {} ready", ready, resources.size()))
               << '\n';
  return is_good ? 0 : 1;
}

void print_changesets(const Invocation& invocation, const std::vector<Changeset>& changesets) {
  const Terminal& terminal = invocation.terminal;
  bool is_any_shown = false;
  for (const Changeset& changeset : changesets) {
    if (!has_changes(changeset)) continue;
    is_any_shown = true;
    terminal.out << terminal.paint(Colour::Bold, title_of(changeset)) << ": "
                 << count_phrase(changeset) << '\n';
    if (!changeset.guard) continue;
    terminal.out << terminal.paint(Colour::Yellow, "  waits for a person: ")
                 << printable(changeset.guard->message)
                 << fmt::format("\n  croft prune show, then croft prune ack {}\n",
                                short_digest(changeset));
  }
  if (!is_any_shown) terminal.out << "Nothing to change.\n";
}

Result<int> reconcile(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  const Result<Duration> timeout = parse_duration(arguments.text("timeout", kDefaultTimeout));
  if (!timeout) return fail(Error(timeout.error()).while_doing("reading --timeout"));
  const std::string format = invocation.output();
  if (arguments.has("wait") && format != "text") {
    return fail(Error(ErrorCode::Invalid, "--wait reports in text only")
                    .with_hint("wait first, then `croft get -o " + format + "`"));
  }
  TRY_ASSIGN(const Client client, Client::from(invocation));
  Value body = Value::map();
  // Without a tenant, everything that the caller may touch is reconciled; a digest is one tenant's.
  std::string tenant = arguments.has("all-tenants") ? "" : arguments.text("tenant");
  if (arguments.has("expect")) {
    TRY_ASSIGN(tenant, tenant_of(client, invocation));
    body.set("expect", arguments.text("expect"));
  }
  if (!tenant.empty()) body.set("tenant", tenant);
  TRY_ASSIGN(const Value answer, client.post("/v1/reconcile", body));
  if (format != "text") {
    invocation.terminal.out << to_machine_text(answer, format);
    return 0;
  }
  TRY_ASSIGN(const auto changesets,
             list_from_form<Changeset>(answer, "changesets", changeset_from_form));
  print_changesets(invocation, changesets);
  if (!arguments.has("wait")) return 0;
  invocation.terminal.out.flush();
  TRY_ASSIGN(const auto resources, wait_until_settled(client, invocation, tenant, *timeout));
  return report(invocation, resources);
}

}  // namespace

void add_reconciling(std::vector<Command>& commands) {
  Command command;
  command.name = "reconcile";
  command.summary = "Fetch and apply now, instead of when Croft notices by itself";
  command.description =
      "Without -t, every source is fetched. With --wait, exit status 1 says that something is not "
      "ready in the end.";
  command.group = "Check and apply";
  command.outputs = {"text", "json", "yaml"};
  command.options = {
      {.name = "wait", .help = "Wait until everything is ready or cannot get so by itself."},
      {.name = "expect",
       .value = "DIGEST",
       .help = "Apply exactly the changeset that `croft diff` showed; refused if anything moved "
               "since."},
      {.name = "timeout",
       .value = "DURATION",
       .help = "How long --wait waits.",
       .fallback = std::string(kDefaultTimeout)}};
  command.examples = {"croft reconcile --wait", "croft reconcile -t alice --expect 7c1e09ab42d1"};
  command.run = reconcile;
  commands.push_back(std::move(command));
}

}  // namespace croft::cli
