#include <algorithm>

#include <fmt/format.h>

#include "cli/client/client.hpp"
#include "cli/commands/commands.hpp"
#include "cli/output/table.hpp"
#include "cli/output/yaml.hpp"
#include "core/base/clock.hpp"
#include "gateway/api/json_forms.hpp"
#include "gateway/api/webhook_forms.hpp"

namespace croft::cli {

namespace {

std::string scope_query(const Invocation& invocation) {
  const std::string tenant = invocation.arguments.text("tenant");
  return tenant.empty() || invocation.arguments.has("all-tenants")
             ? ""
             : "?tenant=" + percent_encode(tenant);
}

/// As the commands here take it: of the platform's own, "-/Webhook/ops".
std::string shown_ref(const Ref& ref) {
  return ref.tenant.empty() ? "-/" + to_string(ref) : to_string(ref);
}

/// "ops" stands for Webhook/ops.
Result<Ref> webhook_named(const Client& client, const Invocation& invocation) {
  const std::string text = invocation.arguments.text("WEBHOOK");
  const bool is_name = text.find('/') == std::string::npos;
  TRY_ASSIGN(Ref ref, ref_of(client, invocation, is_name ? "Webhook/" + text : text));
  if (ref.kind == Kind::Webhook) return ref;
  return fail(Error(ErrorCode::Invalid, fmt::format("{} is no Webhook", to_string(ref)))
                  .with_hint("see `croft webhook ls`"));
}

std::string path_to_webhook(const Ref& ref, std::string_view what) {
  return fmt::format("/v1/webhooks/{}/{}/{}", ref.tenant.empty() ? "-" : percent_encode(ref.tenant),
                     percent_encode(ref.name), what);
}

std::string status_text(const std::optional<std::int64_t>& status) {
  if (!status) return "-";
  return *status == 0 ? "no answer" : std::to_string(*status);
}

void print(const std::vector<WebhookSummary>& webhooks, const Terminal& terminal) {
  const Timestamp now = SystemClock().now();
  Table table({{"WEBHOOK", 8},
               {"READY"},
               {"FORMAT"},
               {"URL", 12},
               {"WAITING"},
               {"LAST"},
               {"AGE"},
               {"", 10}});
  for (const WebhookSummary& one : webhooks) {
    const bool is_ready = one.ready.status == ConditionStatus::True;
    const std::string why =
        is_ready ? "" : fmt::format("{}: {}", one.ready.reason, one.ready.message);
    table.add({{shown_ref(one.ref)},
               {std::string(to_string(one.ready.status))},
               {one.format},
               {one.url.empty() ? "(secret)" : printable(one.url)},
               {std::to_string(one.waiting)},
               {status_text(one.status)},
               {format_age(now - one.created_at)},
               {printable(why)}});
  }
  table.print(terminal);
}

Result<int> ls(const Invocation& invocation) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(const Value answer, client.get("/v1/webhooks" + scope_query(invocation)));
  if (const std::string format = invocation.output(); format != "table") {
    invocation.terminal.out << to_machine_text(answer, format);
    return 0;
  }
  TRY_ASSIGN(const auto webhooks,
             list_from_form<WebhookSummary>(answer, "webhooks", webhook_from_form));
  if (webhooks.empty()) {
    invocation.terminal.err << "No webhooks. Declare one: croft explain Webhook\n";
  } else {
    print(webhooks, invocation.terminal);
  }
  return 0;
}

Result<int> test(const Invocation& invocation) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(const Ref ref, webhook_named(client, invocation));
  TRY_ASSIGN(const Value answer, client.post(path_to_webhook(ref, "test")));
  TRY_ASSIGN(const notify::TestOutcome outcome, test_outcome_from_form(answer));
  if (outcome.is_taken) {
    invocation.terminal.out << fmt::format("{} took it: {}\n", shown_ref(ref), outcome.status);
    return 0;
  }
  invocation.terminal.err << fmt::format("{} did not take it: {}\n", shown_ref(ref),
                                         printable(outcome.answer));
  return 1;
}

void print(const std::vector<DeliverySummary>& deliveries, const Terminal& terminal) {
  const Timestamp now = SystemClock().now();
  Table table({{"ID"},
               {"EVENT", 12},
               {"SUBJECT", 12},
               {"STATE"},
               {"TRIES"},
               {"STATUS"},
               {"AGE"},
               {"NEXT"},
               {"", 10}});
  for (const DeliverySummary& one : deliveries) {
    const bool waits = one.next_try && *one.next_try > now;
    table.add({{one.id},
               {one.type},
               {printable(one.subject)},
               {std::string(to_string(one.state))},
               {std::to_string(one.attempts)},
               {one.attempts == 0 ? "-" : status_text(one.status)},
               {format_age(now - one.happened_at)},
               {waits ? "in " + format_age(*one.next_try - now) : "-"},
               {printable(one.answer)}});
  }
  table.print(terminal);
}

Result<int> deliveries(const Invocation& invocation) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(const Ref ref, webhook_named(client, invocation));
  TRY_ASSIGN(const Value answer,
             client.get(path_to_webhook(ref, "deliveries") +
                        "?limit=" + percent_encode(invocation.arguments.text("limit", "50"))));
  if (const std::string format = invocation.output(); format != "table") {
    invocation.terminal.out << to_machine_text(answer, format);
    return 0;
  }
  TRY_ASSIGN(const auto rows,
             list_from_form<DeliverySummary>(answer, "deliveries", delivery_from_form));
  if (rows.empty()) {
    invocation.terminal.err << "Nothing was sent yet. Try: croft webhook test " << shown_ref(ref)
                            << '\n';
  } else {
    print(rows, invocation.terminal);
  }
  return 0;
}

Result<int> replay(const Invocation& invocation) {
  const std::string id = invocation.arguments.text("DELIVERY");
  if (id.empty() != invocation.arguments.has("failed")) {
    return fail(Error(ErrorCode::Invalid, id.empty() ? "what shall be sent once more?"
                                                     : "one delivery or all that failed, not both")
                    .with_hint("give a DELIVERY of `croft webhook deliveries`, or --failed for all "
                               "that were given up"));
  }
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(const Ref ref, webhook_named(client, invocation));
  Value body = Value::map();
  if (!id.empty()) body.set("delivery", id);
  TRY_ASSIGN(const Value answer, client.post(path_to_webhook(ref, "replay"), body));
  const std::int64_t count = answer.integer_or("count", 0);
  invocation.terminal.out << fmt::format("{} {} will be sent to {} once more\n", count,
                                         count == 1 ? "delivery" : "deliveries", shown_ref(ref));
  return 0;
}

Result<int> rotate(const Invocation& invocation) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(const Ref ref, webhook_named(client, invocation));
  TRY_ASSIGN(const Value answer, client.post(path_to_webhook(ref, "rotate")));
  if (const std::string format = invocation.output(); format != "text") {
    invocation.terminal.out << to_machine_text(answer, format);
    return 0;
  }
  invocation.terminal.err << "This key is shown once and never again. For a day the one before "
                             "signs, too:\n";
  invocation.terminal.out << answer.text_or("secret", "") << '\n';
  return 0;
}

Parameter webhook_parameter() {
  return {.name = "WEBHOOK",
          .help = "Its name, TENANT/Webhook/NAME, or -/Webhook/NAME of the platform.",
          .completes = Completes::Refs,
          .required = true};
}

Command replay_command() {
  Command command;
  command.name = "replay";
  command.summary = "Send deliveries that ended once more";
  command.positionals = {webhook_parameter(),
                         {.name = "DELIVERY", .help = "ID of one of its deliveries."}};
  command.options = {{.name = "failed", .help = "All that were given up."}};
  command.examples = {"croft webhook replay ops --failed"};
  command.run = replay;
  return command;
}

Command deliveries_command() {
  Command command;
  command.name = "deliveries";
  command.summary = "List what was sent to a webhook, and what waits";
  command.positionals = {webhook_parameter()};
  command.options = {{.name = "limit",
                      .letter = 'n',
                      .value = "COUNT",
                      .help = "At most so many, the newest.",
                      .fallback = "50"}};
  command.outputs = {"table", "json", "yaml"};
  command.run = deliveries;
  return command;
}

}  // namespace

void add_webhooks(std::vector<Command>& commands) {
  Command group;
  group.name = "webhook";
  group.summary = "Endpoints that are told what happens";
  group.group = "Order";
  group.commands.push_back({.name = "ls",
                            .summary = "List webhooks and how they fare",
                            .outputs = {"table", "json", "yaml"},
                            .run = ls});
  group.commands.push_back(
      {.name = "test",
       .summary = "Send an event to a webhook now",
       .description = "A webhook that was disabled is enabled again if it takes it.",
       .positionals = {webhook_parameter()},
       .run = test});
  group.commands.push_back(deliveries_command());
  group.commands.push_back(replay_command());
  group.commands.push_back({.name = "rotate",
                            .summary = "Make a new signing key for a webhook",
                            .positionals = {webhook_parameter()},
                            .outputs = {"text", "json", "yaml"},
                            .run = rotate});
  commands.push_back(std::move(group));
}

}  // namespace croft::cli
