#include <algorithm>
#include <cctype>
#include <charconv>
#include <thread>

#include <fmt/format.h>

#include "cli/client/client.hpp"
#include "cli/commands/commands.hpp"
#include "cli/output/yaml.hpp"
#include "gateway/api/json_forms.hpp"

namespace croft::cli {

namespace {

constexpr Duration kFirstPause{250};
constexpr Duration kLongestPause{10'000};

// events

Result<int> number_of(const Invocation& invocation, std::string_view name, int fallback) {
  const std::string text = invocation.arguments.text(name);
  if (text.empty()) return fallback;
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size() && number >= 0) return number;
  return fail(ErrorCode::Invalid, fmt::format("--{}: '{}' is not a number", name, text));
}

void print_event(const Invocation& invocation, const EventRow& event) {
  const Terminal& terminal = invocation.terminal;
  if (invocation.output() != "text") {
    // One document a line (or between '---'), so that a reader need not wait for an end that never
    // comes.
    const Value form = to_form(event);
    terminal.out << (invocation.output() == "yaml" ? "---\n" + to_yaml(form) : to_json(form) + "\n")
                 << std::flush;
    return;
  }
  const std::string time = format_time(event.time).substr(0, 19) + "Z";
  const std::string reason = pad_text(event.reason, 18);
  terminal.out << terminal.paint(Colour::Grey, time) << "  "
               << (event.severity == Severity::Warning ? terminal.paint(Colour::Yellow, reason)
                                                       : reason)
               << "  " << pad_text(printable(event.subject), 24) << "  " << printable(event.message)
               << '\n'
               << std::flush;
}

/// Whose events, as the API is asked for them: "tenant=alice&subject=...".
Result<std::string> event_scope(const Client& client, const Invocation& invocation) {
  if (const std::string text = invocation.arguments.text("REF"); !text.empty()) {
    TRY_ASSIGN(const Ref ref, ref_of(client, invocation, text));
    const std::string subject = "&subject=" + percent_encode(to_string(ref));
    return ref.tenant.empty() ? subject : "&tenant=" + percent_encode(ref.tenant) + subject;
  }
  TRY_ASSIGN(const std::string tenant, tenant_of(client, invocation));
  return tenant.empty() ? std::string() : "&tenant=" + percent_encode(tenant);
}

/// Which of them.
std::string event_filter(const Invocation& invocation) {
  const Arguments& given = invocation.arguments;
  std::string query;
  const auto add = [&query](std::string_view name, const std::string& text) {
    if (!text.empty()) query += fmt::format("&{}={}", name, percent_encode(text));
  };
  add("resource", fmt::format("{}", fmt::join(given.list("resource"), ",")));
  add("reason", fmt::format("{}", fmt::join(given.list("reason"), ",")));
  std::string severity = given.text("severity");
  if (!severity.empty()) severity[0] = static_cast<char>(std::toupper(severity[0]));
  add("severity", severity);
  for (const std::string_view name : {"revision", "since", "until"}) add(name, given.text(name));
  return query;
}

/// The newest event's sequence; 0 if there is none.
Result<std::int64_t> newest_event(const Client& client, const std::string& scope) {
  TRY_ASSIGN(const Value answer, client.get("/v1/events?limit=1" + scope));
  TRY_ASSIGN(const auto rows, list_from_form<EventRow>(answer, "events", event_from_form));
  return rows.empty() ? 0 : rows.back().sequence;
}

/// Follows the stream, taking it up again where it broke off: a restart of the server is nothing
/// that a watcher minds.
Result<int> watch(const Client& client, const Invocation& invocation, const std::string& target,
                  std::int64_t last) {
  Duration pause = kFirstPause;
  bool has_failed = false;
  for (;;) {
    Result<void> done = client.follow(target, std::to_string(last), [&](const SseEvent& sent) {
      pause = kFirstPause;
      const Result<Value> form = parse_json(sent.data);
      const Result<EventRow> event =
          form ? event_from_form(*form) : Result<EventRow>(std::unexpected(form.error()));
      if (!event) return true;
      last = std::max(last, event->sequence);
      print_event(invocation, *event);
      return static_cast<bool>(invocation.terminal.out);
    });
    if (!invocation.terminal.out) return 0;
    if (!done && !done.error().is_retryable()) return fail(std::move(done).error());
    if (!has_failed && !done)
      invocation.terminal.err << "croft: " << done.error().message() << "; trying again\n";
    has_failed = !done;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

Result<int> events(const Invocation& invocation) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(const int limit, number_of(invocation, "lines", 50));
  const bool watches = invocation.arguments.has("watch");
  if (watches && invocation.arguments.has("until")) {
    return fail(Error(ErrorCode::Invalid, "--watch has no end, and --until is one")
                    .with_hint("leave one of them out"));
  }
  TRY_ASSIGN(const std::string scope, event_scope(client, invocation));
  const std::string wanted = scope + event_filter(invocation);
  if (limit == 0 && watches) {
    TRY_ASSIGN(const std::int64_t last, newest_event(client, scope));
    return watch(client, invocation, "/v1/events?limit=1" + wanted, last);
  }
  const std::string target = fmt::format("/v1/events?limit={}{}", limit, wanted);
  TRY_ASSIGN(const Value answer, client.get(target));
  TRY_ASSIGN(const auto rows, list_from_form<EventRow>(answer, "events", event_from_form));
  for (const EventRow& event : rows) print_event(invocation, event);
  if (rows.empty() && !watches && invocation.output() == "text")
    invocation.terminal.err << "No events.\n";
  // A reader that has gone (`| head`) ends the watch.
  if (!watches || !invocation.terminal.out) return 0;
  const std::int64_t last = rows.empty() ? 0 : rows.back().sequence;
  return watch(client, invocation, target, last);
}

// logs

Result<int> logs(const Invocation& invocation) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(const Ref ref, ref_of(client, invocation, invocation.arguments.text("REF")));
  TRY_ASSIGN(const int lines, number_of(invocation, "lines", 100));
  const bool follows = invocation.arguments.has("follow");
  const Terminal& terminal = invocation.terminal;
  std::string rest;
  Result<void> done = client.stream(
      fmt::format("{}?lines={}&follow={}", path_to("logs", ref), lines, follows ? "true" : "false"),
      [&](std::string_view piece) {
        if (!terminal.is_interactive) {
          terminal.out << piece << std::flush;
          return static_cast<bool>(terminal.out);
        }
        // Whole lines, so that no character is cut in two where it is made printable.
        rest += piece;
        const std::size_t end = rest.rfind('\n');
        if (end == std::string::npos) return true;
        terminal.out << printable(std::string_view(rest).substr(0, end + 1)) << std::flush;
        rest.erase(0, end + 1);
        return static_cast<bool>(terminal.out);
      });
  if (!rest.empty()) terminal.out << printable(rest) << '\n';
  if (!terminal.out) return 0;
  if (!done) {
    Error error = std::move(done).error();
    const bool has_hint = !error.hint().empty();
    return fail(has_hint ? std::move(error) : std::move(error).with_hint("call it again to go on"));
  }
  return 0;
}

}  // namespace

void add_following(std::vector<Command>& commands) {
  const Parameter ref{.name = "REF",
                      .help = "Resource: Instance/api, or alice/Instance/api.",
                      .completes = Completes::Refs};
  Command events_command;
  events_command.name = "events";
  events_command.summary = "Show what happened, and what happens";
  events_command.group = "Look";
  events_command.outputs = {"text", "json", "yaml"};
  events_command.positionals = {ref};
  events_command.options = {
      {.name = "watch", .letter = 'w', .help = "Go on as events come, until interrupted."},
      {.name = "lines",
       .letter = 'n',
       .value = "COUNT",
       .help = "Events of the past to begin with.",
       .fallback = "50"},
      {.name = "resource",
       .letter = 'r',
       .value = "PATTERN",
       .help = "Only those about it: 'Site/*', 'alice/Instance/api'.",
       .repeats = true},
      {.name = "reason",
       .value = "PATTERN",
       .help = "Only those: Created, '*Failed'.",
       .repeats = true},
      {.name = "severity",
       .value = "SEVERITY",
       .help = "Only warnings, or only what is as it should be.",
       .completes = Completes::Choices,
       .choices = {"normal", "warning"}},
      {.name = "revision", .value = "COMMIT", .help = "Only those of a commit that begins so."},
      {.name = "since", .value = "WHEN", .help = "Not before: 15m, or 2026-11-21T02:33:30Z."},
      {.name = "until", .value = "WHEN", .help = "Before then; as --since."}};
  events_command.examples = {"croft events -w", "croft events Instance/api",
                             "croft events -r 'Site/*' --severity warning --since 2h",
                             "croft events -A -w -o json"};
  events_command.run = events;
  commands.push_back(std::move(events_command));

  Command logs_command;
  logs_command.name = "logs";
  logs_command.summary = "Show what a resource wrote to its log";
  logs_command.group = "Look";
  logs_command.positionals = {ref};
  logs_command.positionals.front().required = true;
  logs_command.options = {
      {.name = "follow", .letter = 'f', .help = "Go on as lines come, until interrupted."},
      {.name = "lines",
       .letter = 'n',
       .value = "COUNT",
       .help = "Lines of the past to begin with.",
       .fallback = "100"}};
  logs_command.examples = {"croft logs Instance/api -f"};
  logs_command.run = logs;
  commands.push_back(std::move(logs_command));
}

}  // namespace croft::cli
