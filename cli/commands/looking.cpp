#include <algorithm>

#include <fmt/format.h>

#include "cli/client/client.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/stalled_sources.hpp"
#include "cli/output/changeset_words.hpp"
#include "cli/output/status_words.hpp"
#include "cli/output/table.hpp"
#include "cli/output/yaml.hpp"
#include "core/base/clock.hpp"
#include "gateway/api/json_forms.hpp"

namespace croft::cli {

namespace {

std::string dash_if_empty(const std::string& text) { return text.empty() ? "-" : printable(text); }

// get

/// Which resources are asked for: whole kinds ("Site") and single ones.
struct Selection {
  std::string tenant;  ///< "" for all
  std::vector<Kind> kinds;
  std::vector<Ref> refs;

  bool covers(const Ref& ref) const {
    // A Stack stands for its parts, unless they are asked for.
    if (kinds.empty() && refs.empty()) return !is_derived(ref.kind);
    return std::ranges::find(kinds, ref.kind) != kinds.end() ||
           std::ranges::any_of(refs, [&](const Ref& asked) { return concerns(asked, ref); });
  }
};

std::optional<Kind> kind_like(std::string text) {
  for (const Kind kind : known_kinds()) {
    std::string name(to_string(kind));
    std::ranges::transform(name, name.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    std::ranges::transform(text, text.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (text == name || text == name + "s") return kind;
  }
  return std::nullopt;
}

Result<Selection> selection_of(const Client& client, const Invocation& invocation) {
  Selection selection;
  bool needs_tenant = invocation.arguments.list("REF").empty();
  for (const std::string& text : invocation.arguments.list("REF")) {
    if (const auto kind = kind_like(text)) {
      selection.kinds.push_back(*kind);
      needs_tenant = true;
      continue;
    }
    TRY_ASSIGN(const Ref ref, ref_of(client, invocation, text));
    selection.refs.push_back(ref);
  }
  if (needs_tenant) {
    TRY_ASSIGN(selection.tenant, tenant_of(client, invocation));
  } else if (std::ranges::all_of(selection.refs, [&](const Ref& ref) {
               return ref.tenant == selection.refs.front().tenant;
             })) {
    selection.tenant = selection.refs.front().tenant;
  }
  return selection;
}

std::string tenant_query(const std::string& tenant) {
  return tenant.empty() ? "" : "?tenant=" + percent_encode(tenant);
}

Table::Cell phase_cell(const ResourceStatus& status) {
  const bool is_bad = status.phase == Phase::Failed;
  return {std::string(to_string(status.phase)),
          is_bad ? std::vector{Colour::Red} : std::vector<Colour>{}};
}

void print_table(const Invocation& invocation, const std::vector<ResourceStatus>& resources,
                 bool is_wide) {
  std::vector<Table::Column> columns = {{"REF", 16},  {"READY"},   {"PHASE"}, {"REVISION", 8},
                                        {"WHERE", 8}, {"URL", 12}, {"AGE"}};
  if (is_wide) columns.insert(columns.end(), {{"SOURCE"}, {"RESTARTS"}, {"OBSERVED"}, {"UID"}});
  columns.push_back({"", 12});
  Table table(std::move(columns));
  const Timestamp now = SystemClock().now();
  const bool is_one_tenants = std::ranges::all_of(resources, [&](const ResourceStatus& status) {
    return status.ref.tenant == resources.front().ref.tenant;
  });
  for (const ResourceStatus& status : resources) {
    const bool is_short = is_one_tenants && !invocation.arguments.has("all-tenants");
    std::vector<Table::Cell> row = {{is_short ? local_name(status.ref) : to_string(status.ref)},
                                    {ready_word(status), {colour_of(status)}},
                                    phase_cell(status),
                                    {dash_if_empty(short_revision(status.applied_revision))},
                                    {dash_if_empty(status.provider)},
                                    {dash_if_empty(status.url)},
                                    {format_age(now - status.created_at)}};
    if (is_wide) {
      const std::string seen = status.observed_at ? format_age(now - *status.observed_at) : "-";
      row.insert(row.end(), {{dash_if_empty(status.source)},
                             {std::to_string(status.restarts)},
                             {seen},
                             {status.uid}});
    }
    row.push_back(
        {printable(remark_on(status)), {is_ready(status) ? Colour::Grey : Colour::Yellow}});
    table.add(std::move(row));
  }
  table.print(invocation.terminal);
}

/// What concerns whole sources and would be missed by looking at resources only.
Result<void> print_warnings(const Client& client, const Invocation& invocation,
                            const std::string& tenant) {
  const Terminal& terminal = invocation.terminal;
  TRY(print_stalled_sources(client, terminal, tenant));
  TRY_ASSIGN(const Value prunes, client.get("/v1/prunes" + tenant_query(tenant)));
  TRY_ASSIGN(const auto waiting, list_from_form<Changeset>(prunes, "prunes", changeset_from_form));
  for (const Changeset& changeset : waiting) {
    const std::string whose = changeset.tenant.empty() ? "the platform" : changeset.tenant;
    terminal.err << terminal.paint(
                        Colour::Yellow,
                        fmt::format(
                            "\na changeset of {} waits for a person: {}\n", whose,
                            changeset.guard ? changeset.guard->message : count_phrase(changeset)))
                 << fmt::format("  croft prune show, then croft prune ack {}\n",
                                short_digest(changeset));
  }
  return {};
}

Result<int> print_machine(const Invocation& invocation, const Value& answer,
                          const Selection& selection) {
  Value kept = Value::list();
  std::string names;
  const Value* all = answer.find("resources");
  if (all == nullptr || !all->is_list())
    return fail(ErrorCode::Unavailable, "the server's answer has no resources");
  for (const Value& form : all->as_list()) {
    TRY_ASSIGN(const ResourceStatus status, status_from_form(form));
    if (!selection.covers(status.ref)) continue;
    kept.push_back(form);
    names += (selection.tenant.empty() ? to_string(status.ref) : local_name(status.ref)) + "\n";
  }
  if (invocation.output() == "name") {
    invocation.terminal.out << names;
  } else {
    invocation.terminal.out << to_machine_text(Value::map({{"resources", kept}}),
                                               invocation.output());
  }
  return 0;
}

Result<void> require_found(const Selection& selection,
                           const std::vector<ResourceStatus>& resources) {
  for (const Ref& ref : selection.refs) {
    if (std::ranges::find(resources, ref, &ResourceStatus::ref) != resources.end()) continue;
    return fail(Error(ErrorCode::NotFound, fmt::format("there is no {}", to_string(ref)))
                    .with_hint("`croft get -A -o name` lists what there is"));
  }
  return {};
}

Result<int> get(const Invocation& invocation) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(const Selection selection, selection_of(client, invocation));
  TRY_ASSIGN(const Value answer, client.get("/v1/resources" + tenant_query(selection.tenant)));
  TRY_ASSIGN(auto resources, list_from_form<ResourceStatus>(answer, "resources", status_from_form));
  std::erase_if(resources,
                [&](const ResourceStatus& status) { return !selection.covers(status.ref); });
  TRY(require_found(selection, resources));
  const std::string format = invocation.output();
  if (format != "table" && format != "wide") return print_machine(invocation, answer, selection);
  if (resources.empty()) {
    const std::string whose = selection.tenant.empty() ? "" : " of " + selection.tenant;
    invocation.terminal.err << fmt::format("No resources{}.\n", whose);
  } else {
    print_table(invocation, resources, format == "wide");
  }
  invocation.terminal.out.flush();
  TRY(print_warnings(client, invocation, selection.tenant));
  return 0;
}

// describe

class Description {
 public:
  Description(const Terminal& terminal, const ResourceDetail& detail)
      : terminal_(terminal), detail_(detail) {}

  void print() const {
    const ResourceStatus& status = detail_.status;
    terminal_.out << terminal_.paint(Colour::Bold, to_string(status.ref)) << '\n';
    print_facts();
    if (const Value spec = readable_spec(status); spec.size() > 0) {
      heading("Spec");
      terminal_.out << indented(to_yaml(spec));
    }
    print_orders();
    print_trouble();
    print_events();
  }

 private:
  void heading(std::string_view text) const {
    terminal_.out << '\n' << terminal_.paint(Colour::Bold, text) << '\n';
  }

  void fact(std::string_view name, const std::string& value) const {
    if (!value.empty()) terminal_.out << fmt::format("  {:<12} {}\n", name, printable(value));
  }

  static std::string indented(std::string_view text) {
    std::string out;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      out += "    " + printable(text.substr(0, end)) + "\n";
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
  }

  std::string ago(const std::optional<Timestamp>& time) const {
    return time ? format_age(now_ - *time) + " ago" : std::string();
  }

  void print_facts() const {
    const ResourceStatus& status = detail_.status;
    for (const Condition& condition : status.conditions) {
      std::string text =
          fmt::format("{} for {}", to_string(condition.status), format_age(now_ - condition.since));
      if (!condition.reason.empty()) text += ", " + condition.reason;
      if (!condition.message.empty())
        text += ": " + condition.message.substr(0, condition.message.find('\n'));
      fact(condition.type, text);
    }
    const std::string restarts =
        status.restarts == 0
            ? ""
            : fmt::format(", {} restart{}", status.restarts, status.restarts == 1 ? "" : "s");
    fact("Phase", fmt::format("{}{}", to_string(status.phase), restarts));
    fact("Message", status.message);
    fact("URL", status.url);
    fact("Revision", revisions());
    fact("Source", status.source);
    fact("Provider", status.provider);
    fact("Created", format_time(status.created_at) + ", " + ago(status.created_at));
    fact("Observed", ago(status.observed_at));
    fact("Uid", status.uid);
  }

  std::string revisions() const {
    const ResourceStatus& status = detail_.status;
    const std::string applied =
        status.applied_revision.empty() ? "none" : short_revision(status.applied_revision);
    if (status.attempted_revision == status.applied_revision || status.attempted_revision.empty())
      return applied;
    return fmt::format("{}; {} was tried and is not applied", applied,
                       short_revision(status.attempted_revision));
  }

  void print_orders() const {
    if (detail_.status.directives.empty()) return;
    heading("Orders by hand");
    for (const DirectiveRow& directive : detail_.status.directives) {
      std::string text = fmt::format("{} by {}, {}", to_string(directive.verb), directive.by,
                                     ago(directive.created_at));
      if (directive.until) text += ", until " + format_time(*directive.until);
      if (!directive.why.empty()) text += ": " + directive.why;
      terminal_.out << "    " << printable(text) << '\n';
    }
  }

  void print_trouble() const {
    const ResourceStatus& status = detail_.status;
    const Condition* ready = find_condition(status.conditions, "Ready");
    const bool is_fine = ready != nullptr && ready->status == ConditionStatus::True;
    if (!is_fine) {
      const std::string since = ready == nullptr ? "" : " since " + format_age(now_ - ready->since);
      heading("Why not ready");
      terminal_.out << wrap_text(printable(reason_of(ready) + since + message_of(ready)), width(),
                                 4);
      if (!detail_.log_tail.empty()) {
        terminal_.out << "    Last lines of its log:\n" << indented(indented(detail_.log_tail));
      }
    }
    const std::string advice = advice_for(status);
    if (advice.empty()) return;
    heading("What to try");
    terminal_.out << wrap_text(advice, width(), 4);
  }

  static std::string reason_of(const Condition* ready) {
    return ready == nullptr || ready->reason.empty() ? "Nothing is known of it yet" : ready->reason;
  }
  std::string message_of(const Condition* ready) const {
    const std::string& text =
        ready != nullptr && !ready->message.empty() ? ready->message : detail_.status.message;
    return text.empty() ? "" : ": " + text;
  }

  void print_events() const {
    if (detail_.events.empty()) return;
    heading("Events");
    for (const EventRow& event : detail_.events) {
      const std::string reason = pad_text(event.reason, 18);
      const bool is_warning = event.severity == Severity::Warning;
      terminal_.out << fmt::format("    {:>4}  {}  {}\n", format_age(now_ - event.time),
                                   is_warning ? terminal_.paint(Colour::Yellow, reason) : reason,
                                   printable(event.message));
    }
  }

  std::size_t width() const { return terminal_.width == 0 ? 100 : terminal_.width; }

  const Terminal& terminal_;
  const ResourceDetail& detail_;
  Timestamp now_ = SystemClock().now();
};

Result<int> describe(const Invocation& invocation) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  bool is_first = true;
  for (const std::string& text : invocation.arguments.list("REF")) {
    TRY_ASSIGN(const Ref ref, ref_of(client, invocation, text));
    TRY_ASSIGN(const Value answer, client.get(path_to("resources", ref)));
    if (const std::string format = invocation.output(); format != "text") {
      invocation.terminal.out << to_machine_text(answer, format);
      continue;
    }
    TRY_ASSIGN(const ResourceDetail detail, detail_from_form(answer));
    if (!is_first) invocation.terminal.out << '\n';
    is_first = false;
    Description(invocation.terminal, detail).print();
  }
  return 0;
}

}  // namespace

void add_looking(std::vector<Command>& commands) {
  Command get_command;
  get_command.name = "get";
  get_command.summary = "List resources and how they are";
  get_command.group = "Look";
  get_command.outputs = {"table", "wide", "json", "yaml", "name"};
  get_command.positionals = {
      {.name = "REF",
       .help = "Only these: a resource (Site/blog, alice/Site/blog) or a kind (sites).",
       .completes = Completes::Refs,
       .repeats = true}};
  get_command.examples = {"croft get", "croft get -A -o wide", "croft get sites -t alice",
                          "croft get Site/blog -o yaml"};
  get_command.run = get;
  commands.push_back(std::move(get_command));

  Command describe_command;
  describe_command.name = "describe";
  describe_command.summary =
      "Show all that is known of a resource: why it is not ready, and what to try";
  describe_command.group = "Look";
  describe_command.outputs = {"text", "json", "yaml"};
  describe_command.positionals = {{.name = "REF",
                                   .help = "Resource: Instance/api, or alice/Instance/api.",
                                   .completes = Completes::Refs,
                                   .required = true,
                                   .repeats = true}};
  describe_command.examples = {"croft describe Instance/api"};
  describe_command.run = describe;
  commands.push_back(std::move(describe_command));
}

}  // namespace croft::cli
