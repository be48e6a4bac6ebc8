#include <algorithm>

#include <fmt/format.h>

#include "cli/client/client.hpp"
#include "cli/commands/commands.hpp"
#include "cli/output/table.hpp"
#include "cli/output/yaml.hpp"
#include "core/base/clock.hpp"
#include "gateway/api/json_forms.hpp"

namespace croft::cli {

namespace {

Result<int> create(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  Value body = Value::map({{"name", arguments.text("NAME")}});
  const std::string tenant = arguments.text("tenant");
  if (tenant.empty() != arguments.has("operator")) {
    return fail(Error(ErrorCode::Invalid,
                      tenant.empty() ? "whose token shall it be?" : "a token has one scope")
                    .with_hint("say -t TENANT for a tenant's token, or --operator for one that may "
                               "do everything"));
  }
  if (!tenant.empty()) body.set("tenant", tenant);
  if (arguments.has("expires-in")) {
    TRY(while_doing(parse_duration(arguments.text("expires-in")), "reading --expires-in"));
    body.set("expiresIn", arguments.text("expires-in"));
  }
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(const Value answer, client.post("/v1/tokens", body));
  if (const std::string format = invocation.output(); format != "text") {
    invocation.terminal.out << to_machine_text(answer, format);
    return 0;
  }
  invocation.terminal.err << "This token is shown once and never again; set it as CROFT_TOKEN:\n";
  invocation.terminal.out << answer.text_or("token", "") << '\n';
  return 0;
}

Result<std::vector<TokenSummary>> list(const Client& client) {
  TRY_ASSIGN(const Value answer, client.get("/v1/tokens"));
  return list_from_form<TokenSummary>(answer, "tokens", token_from_form);
}

Result<int> ls(const Invocation& invocation) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  const std::string format = invocation.output();
  if (format != "table") {
    TRY_ASSIGN(const Value answer, client.get("/v1/tokens"));
    invocation.terminal.out << to_machine_text(answer, format);
    return 0;
  }
  TRY_ASSIGN(const std::vector<TokenSummary> tokens, list(client));
  const Timestamp now = SystemClock().now();
  Table table({{"ID", 8}, {"NAME", 8}, {"SCOPE"}, {"AGE"}, {"EXPIRES"}});
  for (const TokenSummary& token : tokens) {
    const bool is_over = token.expires_at && *token.expires_at <= now;
    const std::string expires = !token.expires_at ? "never"
                                : is_over         ? "expired"
                                                  : "in " + format_age(*token.expires_at - now);
    table.add({{token.id},
               {printable(token.name)},
               {token.tenant.empty() ? "operator" : token.tenant},
               {format_age(now - token.created_at)},
               {expires}});
  }
  if (table.is_empty()) {
    invocation.terminal.err << "No tokens. Make one: croft token create NAME -t TENANT\n";
  } else {
    table.print(invocation.terminal);
  }
  return 0;
}

Result<int> revoke(const Invocation& invocation) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(const std::vector<TokenSummary> tokens, list(client));
  const std::string wanted = invocation.arguments.text("TOKEN");
  std::vector<TokenSummary> found;
  std::ranges::copy_if(tokens, std::back_inserter(found), [&](const TokenSummary& token) {
    return token.id == wanted || token.name == wanted;
  });
  if (found.empty()) {
    return fail(Error(ErrorCode::NotFound, fmt::format("there is no token '{}'", wanted))
                    .with_hint("see `croft token ls`"));
  }
  if (found.size() > 1) {
    return fail(
        Error(ErrorCode::Invalid, fmt::format("{} tokens are called '{}'", found.size(), wanted))
            .with_hint("give the ID; see `croft token ls`"));
  }
  TRY(client.remove("/v1/tokens/" + percent_encode(found.front().id)));
  invocation.terminal.out << fmt::format("token {} ({}) is revoked\n", found.front().name,
                                         found.front().id);
  return 0;
}

Command create_command() {
  Command command;
  command.name = "create";
  command.summary = "Make a token for the API";
  command.outputs = {"text", "json", "yaml"};
  command.positionals = {{.name = "NAME", .help = "What it is for: \"ci\".", .required = true}};
  command.options = {
      {.name = "operator", .help = "A token that may do everything; otherwise say -t TENANT."},
      {.name = "expires-in",
       .value = "DURATION",
       .help = "Until when it works.",
       .fallback = "for ever"}};
  command.examples = {"croft token create ci -t alice --expires-in 90d"};
  command.run = create;
  return command;
}

}  // namespace

void add_tokens(std::vector<Command>& commands) {
  Command group;
  group.name = "token";
  group.summary = "Tokens for the API";
  group.group = "Order";
  group.commands.push_back(create_command());
  group.commands.push_back(
      {.name = "ls", .summary = "List tokens", .outputs = {"table", "json", "yaml"}, .run = ls});
  group.commands.push_back(
      {.name = "revoke",
       .summary = "Take a token back, at once",
       .positionals = {{.name = "TOKEN", .help = "Its name or ID.", .required = true}},
       .run = revoke});
  commands.push_back(std::move(group));
}

}  // namespace croft::cli
