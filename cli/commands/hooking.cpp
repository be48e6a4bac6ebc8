#include <algorithm>

#include <fmt/format.h>

#include "cli/client/client.hpp"
#include "cli/commands/commands.hpp"
#include "cli/output/table.hpp"
#include "cli/output/yaml.hpp"
#include "gateway/api/json_forms.hpp"

namespace croft::cli {

namespace {

struct Guide {
  std::string_view type;
  std::string_view steps;  ///< {} stands for the URL
};

constexpr Guide kGuides[] = {
    {"github",
     "At GitHub: the repository's (or the organisation's) Settings, Webhooks, Add webhook.\n"
     "  Payload URL    {}\n"
     "  Content type   application/json\n"
     "  Secret         what is in the secret's file\n"
     "  Events         pushes; pull requests too, for comments with the changes\n"},
    {"gitlab",
     "At GitLab: the project's (or the group's) Settings, Webhooks, Add new webhook.\n"
     "  URL            {}\n"
     "  Signing token  what is in the secret's file, if it begins with whsec_;\n"
     "  Secret token   what is in the secret's file, otherwise\n"
     "  Trigger        push events, tag push events; merge request events too, for comments\n"},
    {"gitea",
     "At Gitea: the repository's (or the organisation's) Settings, Webhooks, Add webhook, Gitea.\n"
     "  Target URL     {}\n"
     "  Content type   application/json\n"
     "  Secret         what is in the secret's file\n"
     "  Trigger on     push; pull request and its synchronisation too, for comments\n"},
    {"forgejo",
     "At Forgejo: the repository's (or the organisation's) Settings, Webhooks, Add webhook, "
     "Forgejo.\n"
     "  Target URL     {}\n"
     "  Content type   application/json\n"
     "  Secret         what is in the secret's file\n"
     "  Trigger on     push; pull request and its synchronisation too, for comments\n"},
    {"bitbucket",
     "At Bitbucket: the repository's Repository settings, Webhooks, Add webhook.\n"
     "  URL            {}\n"
     "  Secret         what is in the secret's file\n"
     "  Triggers       repository push; pull request created and updated too, for comments\n"},
    {"hmac",
     "From any program: POST to the URL, with the body's HMAC-SHA-256 in X-Signature.\n"
     "  body='{{\"ref\":\"refs/heads/main\"}}'\n"
     "  sig=$(printf %s \"$body\" | openssl dgst -sha256 -hmac \"$SECRET\" -r | cut -d' ' -f1)\n"
     "  curl -H \"X-Signature: sha256=$sig\" -H 'Content-Type: application/json' -d \"$body\" "
     "{}\n"},
    {"token",
     "From any program: POST to the URL, with the secret as a bearer token.\n"
     "  curl -X POST -H \"Authorization: Bearer $SECRET\" {}\n"},
};

Result<std::vector<SourceStatus>> hooked_sources(const Invocation& invocation) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  const std::string tenant = invocation.arguments.text("tenant");
  TRY_ASSIGN(const Value answer,
             client.get("/v1/sources" +
                        (tenant.empty() ? std::string() : "?tenant=" + percent_encode(tenant))));
  TRY_ASSIGN(auto sources, list_from_form<SourceStatus>(answer, "sources", source_from_form));
  std::erase_if(sources, [](const SourceStatus& source) { return !source.receiver; });
  return sources;
}

Value machine_form(const std::vector<SourceStatus>& sources) {
  Value list = Value::list();
  for (const SourceStatus& source : sources) {
    list.push_back(Value::map(
        {{"source", source.key}, {"type", source.receiver->type}, {"hook", source.hook}}));
  }
  return Value::map({{"hooks", std::move(list)}});
}

/// `croft hooks SOURCE`: how the hook is set up where the repository is.
Result<int> explain(const Invocation& invocation, const std::vector<SourceStatus>& sources,
                    const std::string& wanted) {
  const auto is_wanted = [&](const SourceStatus& source) {
    return source.key == wanted || source.key.ends_with("/" + wanted);
  };
  if (std::ranges::count_if(sources, is_wanted) != 1) {
    return fail(
        Error(ErrorCode::NotFound, fmt::format("there is no source '{}' with a receiver", wanted))
            .with_hint("see `croft hooks`; a Source gets one by `receiver` in its spec"));
  }
  const SourceStatus& source = *std::ranges::find_if(sources, is_wanted);
  if (source.hook.empty()) {
    return fail(
        Error(ErrorCode::Conflict, "this daemon receives no hooks")
            .with_hint("set hooks.url to what forges call, or hooks.listen behind a proxy"));
  }
  const auto guide = std::ranges::find(kGuides, source.receiver->type, &Guide::type);
  if (guide != std::ranges::end(kGuides))
    invocation.terminal.out << fmt::format(fmt::runtime(guide->steps), source.hook);
  return 0;
}

Result<int> hooks(const Invocation& invocation) {
  TRY_ASSIGN(const std::vector<SourceStatus> sources, hooked_sources(invocation));
  if (const std::string format = invocation.output(); format != "table") {
    invocation.terminal.out << to_machine_text(machine_form(sources), format);
    return 0;
  }
  if (const std::string wanted = invocation.arguments.text("SOURCE"); !wanted.empty())
    return explain(invocation, sources, wanted);
  Table table({{"SOURCE", 8}, {"TYPE"}, {"HOOK", 8}});
  for (const SourceStatus& source : sources)
    table.add({{source.key}, {source.receiver->type}, {source.hook.empty() ? "-" : source.hook}});
  if (table.is_empty()) {
    invocation.terminal.err << "No source has a receiver. Its spec would say: "
                               "receiver: {type: github, secret: NAME}\n";
  } else {
    table.print(invocation.terminal);
  }
  return 0;
}

}  // namespace

void add_hooking(std::vector<Command>& commands) {
  Command command;
  command.name = "hooks";
  command.summary = "Show where forges tell of pushes, and how to set that up";
  command.description =
      "Lists the sources that have a receiver, with the URL of each hook. With SOURCE, says what "
      "to "
      "enter where its repository is. The URL only names the hook; what proves a delivery is the "
      "secret that the receiver names.";
  command.group = "Look";
  command.outputs = {"table", "json", "yaml"};
  command.positionals = {{.name = "SOURCE", .help = "Its key: alice/alice, platform."}};
  command.examples = {"croft hooks", "croft hooks alice/alice"};
  command.run = hooks;
  commands.push_back(std::move(command));
}

}  // namespace croft::cli
