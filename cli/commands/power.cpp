#include <fmt/format.h>

#include "cli/client/client.hpp"
#include "cli/commands/commands.hpp"
#include "core/base/clock.hpp"
#include "gateway/api/json_forms.hpp"

namespace croft::cli {

namespace {

struct Verb {
  std::string_view name;
  std::string_view summary;
  std::string_view description;
  std::string_view done;  ///< what is said for each ref
  bool takes_until;
};

constexpr Verb kVerbs[] = {
    {"start", "Start resources that were stopped by hand or by themselves",
     "Takes back an earlier `croft stop`. What runs is left alone.", "will be started", false},
    {"stop", "Stop resources and hold them, whatever Git says",
     "Data and declaration stay; `croft start` lets them run again. The hold is shown in `croft "
     "diff` and is no drift.",
     "will be stopped and held", true},
    {"restart", "Stop and start resources once", "", "will be restarted", false},
    {"suspend", "Pause reconciling of resources; what runs runs on",
     "Neither changes of their manifests nor drift are acted on until `croft resume`.",
     "is no longer reconciled", true},
    {"resume", "Reconcile suspended resources again", "", "is reconciled again", false},
};

const Verb& verb_of(const Invocation& invocation) {
  for (const Verb& verb : kVerbs) {
    if (verb.name == invocation.command.name) return verb;
  }
  return kVerbs[0];
}

Result<Value> directive_of(const Invocation& invocation, const Verb& verb, const Ref& ref) {
  Value directive = Value::map({{"ref", to_string(ref)}, {"verb", verb.name}});
  if (const std::string why = invocation.arguments.text("why"); !why.empty())
    directive.set("why", why);
  if (!verb.takes_until || !invocation.arguments.has("for")) return directive;
  Result<Duration> time = parse_duration(invocation.arguments.text("for"));
  if (!time) return fail(std::move(time).error().while_doing("reading --for"));
  directive.set("until", format_time(SystemClock().now() + *time));
  return directive;
}

Result<void> send(const Client& client, const Invocation& invocation, const Verb& verb,
                  const Ref& ref) {
  if (verb.name == "resume") return client.remove(path_to("directives", ref) + "/suspend");
  TRY_ASSIGN(const Value directive, directive_of(invocation, verb, ref));
  TRY(client.post("/v1/directives", directive));
  return {};
}

Result<int> direct(const Invocation& invocation) {
  const Verb& verb = verb_of(invocation);
  TRY_ASSIGN(const Client client, Client::from(invocation));
  std::vector<Ref> refs;
  // All names are read before the first effect, so that a typing error in the last one changes
  // nothing.
  for (const std::string& text : invocation.arguments.list("REF")) {
    TRY_ASSIGN(const Ref ref, ref_of(client, invocation, text));
    refs.push_back(ref);
  }
  for (const Ref& ref : refs) {
    TRY(while_doing(send(client, invocation, verb, ref),
                    fmt::format("asking for {} to {}", to_string(ref), verb.name)));
    invocation.terminal.out << fmt::format("{} {}\n", to_string(ref), verb.done);
  }
  return 0;
}

}  // namespace

void add_power(std::vector<Command>& commands) {
  for (const Verb& verb : kVerbs) {
    Command command;
    command.name = verb.name;
    command.summary = verb.summary;
    command.description = verb.description;
    command.group = "Order";
    command.positionals = {{.name = "REF",
                            .help = "Resource: Instance/api, or alice/Instance/api.",
                            .completes = Completes::Refs,
                            .required = true,
                            .repeats = true}};
    if (verb.name != "resume") {
      command.options.push_back(
          {.name = "why", .value = "TEXT", .help = "Reason, kept with the order."});
    }
    if (verb.takes_until) {
      command.options.push_back(
          {.name = "for", .value = "DURATION", .help = "Ends by itself after this time."});
    }
    command.examples = {fmt::format("croft {} Instance/api", verb.name)};
    command.run = direct;
    commands.push_back(std::move(command));
  }
}

}  // namespace croft::cli
