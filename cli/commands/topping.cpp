#include <algorithm>
#include <map>
#include <sstream>
#include <sys/ioctl.h>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "cli/client/client.hpp"
#include "cli/commands/commands.hpp"
#include "cli/output/amounts.hpp"
#include "cli/output/table.hpp"
#include "cli/output/yaml.hpp"
#include "gateway/api/json_forms.hpp"

namespace croft::cli {

namespace {

/// Between two looks; processor use is what was used in that time.
constexpr Duration kFirstLook{1'000};
constexpr Duration kLook{2'000};

/// A row: what a resource uses, and how much of a processor it did since the look before.
struct Row {
  ResourceUse now;
  std::optional<Cpu> cpu;
};

using Uses = std::vector<ResourceUse>;

Result<Uses> look(const Client& client, const std::string& tenant) {
  const std::string query = tenant.empty() ? "" : "?tenant=" + percent_encode(tenant);
  TRY_ASSIGN(const Value answer, client.get("/v1/use" + query));
  TRY_ASSIGN(Uses uses, list_from_form<ResourceUse>(answer, "resources", use_from_form));
  // What has nothing to run is in `croft get`.
  std::erase_if(uses, [](const ResourceUse& one) {
    return one.ref.kind != Kind::Instance && one.ref.kind != Kind::Service;
  });
  return uses;
}

/// Nothing between two runs: a counter that went back is another one.
std::optional<Cpu> cpu_between(const ResourceUse& before, const ResourceUse& now) {
  if (!before.use || !now.use || !before.use->cpu_seconds || !now.use->cpu_seconds)
    return std::nullopt;
  const double used = *now.use->cpu_seconds - *before.use->cpu_seconds;
  const double passed = std::chrono::duration<double>(now.use->at - before.use->at).count();
  if (used < 0 || passed <= 0) return std::nullopt;
  return Cpu{static_cast<std::int64_t>(used / passed * 1000 + 0.5)};
}

/// Who uses most stands first.
std::vector<Row> rows_of(const Uses& before, const Uses& now) {
  std::map<Ref, const ResourceUse*> known;
  for (const ResourceUse& one : before) known.emplace(one.ref, &one);
  std::vector<Row> rows;
  for (const ResourceUse& one : now) {
    const auto found = known.find(one.ref);
    rows.push_back({one, found == known.end() ? std::nullopt : cpu_between(*found->second, one)});
  }
  std::ranges::stable_sort(rows, [](const Row& left, const Row& right) {
    const auto amount = [](const Row& row) { return row.cpu ? row.cpu->millis : -1; };
    return amount(left) > amount(right);
  });
  return rows;
}

std::string memory_text(const std::optional<Use>& use) {
  if (!use || !use->memory) return "-";
  if (!use->memory_limit) return rough_bytes(*use->memory);
  return fmt::format("{} / {}", rough_bytes(*use->memory), rough_bytes(*use->memory_limit));
}

void print_rows(const Terminal& terminal, const std::vector<Row>& rows, bool is_one_tenants) {
  Table table(
      {{"REF", 16}, {"PHASE"}, {"CPU"}, {"MEMORY"}, {"PROCESSES"}, {"RESTARTS"}, {"WHERE", 8}});
  for (const Row& row : rows) {
    const std::optional<Use>& use = row.now.use;
    const bool is_bad = row.now.phase == Phase::Failed;
    table.add({{is_one_tenants ? local_name(row.now.ref) : to_string(row.now.ref)},
               {std::string(to_string(row.now.phase)),
                is_bad ? std::vector{Colour::Red} : std::vector<Colour>{}},
               {row.cpu ? fmt::format("{}m", row.cpu->millis) : "-"},
               {memory_text(use)},
               {use && use->processes ? std::to_string(*use->processes) : "-"},
               {std::to_string(row.now.restarts)},
               {row.now.provider.empty() ? "-" : row.now.provider}});
  }
  table.print(terminal);
}

Value form_of(const std::vector<Row>& rows) {
  Value list = Value::list();
  for (const Row& row : rows) {
    Value form = to_form(row.now);
    form.set("cpuMillicores", row.cpu ? Value(row.cpu->millis) : Value());
    list.push_back(std::move(form));
  }
  return Value::map({{"resources", std::move(list)}});
}

/// Lines of the terminal; 0: nobody knows.
std::size_t screen_height() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

/// The text over what stands on the screen, cut to it, without a moment in which nothing is there.
void redraw(const Terminal& terminal, const std::string& text) {
  const std::size_t height = screen_height();
  std::istringstream lines(text);
  std::string screen = "\x1b[H";
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line) && (height == 0 || ++count < height);)
    screen += line + "\x1b[K\n";
  terminal.out << screen << "\x1b[J" << std::flush;
}

Result<int> top(const Invocation& invocation) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(const std::string tenant, tenant_of(client, invocation));
  const Terminal& terminal = invocation.terminal;
  const std::string format = invocation.output();
  const bool is_once =
      invocation.arguments.has("once") || format != "text" || !terminal.is_interactive;
  TRY_ASSIGN(Uses before, look(client, tenant));
  for (Duration pause = kFirstLook;; pause = kLook) {
    std::this_thread::sleep_for(pause);
    TRY_ASSIGN(Uses now, look(client, tenant));
    const std::vector<Row> rows = rows_of(before, now);
    if (is_once && format != "text") {
      terminal.out << to_machine_text(form_of(rows), format);
      return 0;
    }
    if (is_once) {
      if (rows.empty()) terminal.err << "Nothing runs.\n";
      if (!rows.empty()) print_rows(terminal, rows, !tenant.empty());
      return 0;
    }
    std::ostringstream text;
    print_rows({text, terminal.err, true, terminal.has_colour, terminal.width}, rows,
               !tenant.empty());
    redraw(terminal, text.str());
    if (!terminal.out) return 0;
    before = std::move(now);
  }
}

}  // namespace

void add_topping(std::vector<Command>& commands) {
  Command command;
  command.name = "top";
  command.group = "Look";
  command.summary = "What runs and what it uses now, those that use most first";
  command.description =
      "CPU is in thousandths of one core, over the time between two looks: a second at first, then "
      "two. MEMORY leaves out what the kernel could drop at once; behind it stands the limit. '-' "
      "is "
      "what nobody measures: the process provider without cgroups, providers in Lua. On a terminal "
      "it "
      "goes on until Ctrl-C.";
  command.options = {
      {.name = "once",
       .help = "One table, and no more; so it is, too, if the output is no terminal."}};
  command.outputs = {"text", "json", "yaml"};
  command.examples = {"croft top", "croft top -t alice", "croft top -A --once -o json"};
  command.run = top;
  commands.push_back(std::move(command));
}

}  // namespace croft::cli
