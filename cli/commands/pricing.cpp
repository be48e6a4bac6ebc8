#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "cli/check/offline.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/directory_request.hpp"
#include "cli/output/price_list.hpp"
#include "cli/output/yaml.hpp"
#include "core/base/suggest.hpp"
#include "gateway/api/price_forms.hpp"

namespace croft::cli {

namespace {

constexpr int kInvalidStatus = 2;
constexpr std::array<std::string_view, 4> kMeters = {"hours", "storage", "egress", "requests"};

Result<std::int64_t> parse_count(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || end != text.data() + text.size() || count < 0)
    return fail(ErrorCode::Invalid, fmt::format("'{}' is no whole number", text));
  return count;
}

Result<void> take_usage(SupposedUsage& usage, std::string_view name, std::string_view amount) {
  if (name == "hours" || name == "requests") {
    TRY_ASSIGN(const std::int64_t count, parse_count(amount));
    (name == "hours" ? usage.hours : usage.requests) = count;
    return {};
  }
  if (name == "storage" || name == "egress") {
    TRY_ASSIGN(const Bytes bytes, parse_bytes(amount));
    (name == "storage" ? usage.storage_bytes : usage.egress_bytes) = bytes.count;
    return {};
  }
  const std::string near = did_you_mean(name, kMeters);
  return fail(Error(ErrorCode::Invalid, fmt::format("'{}' is nothing that is counted", name))
                  .with_hint(near.empty() ? "hours, storage, egress and requests are" : near));
}

/// "hours=20,storage=5GiB".
Result<SupposedUsage> parse_usage(std::string_view text) {
  SupposedUsage usage;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos)
      return fail(Error(ErrorCode::Invalid, fmt::format("--usage: '{}' says no amount", part))
                      .with_hint("write it like --usage hours=20,storage=5GiB"));
    TRY(while_doing(take_usage(usage, part.substr(0, equals), part.substr(equals + 1)),
                    "reading --usage"));
  }
  return usage;
}

Result<OfflinePrice> price_by_server(const Invocation& invocation, const SupposedUsage& supposed,
                                     bool all_plans) {
  OfflinePrice price;
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(std::optional<Value> body, directory_request(client, invocation, price.diagnostics));
  if (!body) return price;
  if (const std::string source = invocation.arguments.text("source"); !source.empty())
    body->set("source", source);
  body->set("compare", all_plans);
  body->set("usage", to_form(supposed));
  TRY_ASSIGN(const Value answer, client.post("/v1/price", *body));
  TRY_ASSIGN(price.list, price_list_from_form(answer));
  return price;
}

Result<int> price_command(const Invocation& invocation) {
  TRY_ASSIGN(const SupposedUsage supposed, parse_usage(invocation.arguments.text("usage")));
  const bool all_plans = invocation.arguments.has("compare");
  OfflineRequest request;
  request.directory = directory_of(invocation);
  request.platform = invocation.arguments.text("platform");
  request.tenant = invocation.arguments.text("tenant");
  TRY_ASSIGN(const OfflinePrice price, request.platform.empty()
                                           ? price_by_server(invocation, supposed, all_plans)
                                           : price_offline(request, supposed, all_plans));
  const Terminal& terminal = invocation.terminal;
  if (price.diagnostics.has_errors()) {
    terminal.err << manifest::render(price.diagnostics, {.color = terminal.has_colour});
    return kInvalidStatus;
  }
  if (const std::string format = invocation.output(); format != "text") {
    terminal.out << to_machine_text(to_form(price.list), format);
  } else if (all_plans) {
    print_comparison(price.list, terminal);
  } else {
    terminal.out << price_text(price.list, terminal);
  }
  return 0;
}

}  // namespace

void add_pricing(std::vector<Command>& commands) {
  Command command;
  command.name = "price";
  command.summary = "Show what a directory's manifests would cost a month";
  command.description =
      "By the pricing rule of the tenant's plan, for the usage of the last month, always-on for "
      "what "
      "is new, or for the usage that you suppose. A running server is asked; with --platform, none "
      "is.";
  command.group = "Check and apply";
  command.outputs = {"text", "json", "yaml"};
  command.positionals = {directory_parameter()};
  command.options = {
      {.name = "usage",
       .value = "LIST",
       .help =
           "Suppose this usage a month: hours=20 (of each Instance), storage=5GiB, egress=1GiB, "
           "requests=1000 (of all together)."},
      {.name = "compare", .help = "Under every plan."},
      {.name = "platform",
       .value = "DIR",
       .help = "Offline: the platform repository, for plans and rules.",
       .completes = Completes::Directories},
      {.name = "source",
       .value = "NAME",
       .help = "Which of the tenant's sources the directory is."}};
  command.examples = {"croft price", "croft price --usage hours=20,storage=5GiB",
                      "croft price --compare"};
  command.run = price_command;
  commands.push_back(std::move(command));
}

}  // namespace croft::cli
