#include <fmt/format.h>

#include "cli/commands/commands.hpp"
#include "cli/commands/settings_options.hpp"
#include "cli/output/table.hpp"
#include "cli/output/yaml.hpp"
#include "cli/run.hpp"
#include "core/base/clock.hpp"
#include "core/store/postgres.hpp"
#include "core/store/tools/backup.hpp"
#include "core/store/tools/check.hpp"
#include "core/store/tools/copy.hpp"
#include "core/store/tools/migrate.hpp"
#include "core/store/tools/status.hpp"

namespace croft::cli {

namespace {

using namespace store_tools;

constexpr int kSomethingWrong = 1;

constexpr std::string_view kWhichStore =
    " Talks to the database itself, not to a running Croft: to the store of the settings, which "
    "are "
    "read as `croft serve` reads them (settings file, CROFT_STORE_URL, CROFT_DATA, flags).";

Result<Place> place_of(const Invocation& invocation) {
  TRY_ASSIGN(const Settings settings, settings_with_flags(invocation, {"data", "store.url"}));
  return place_of_settings(settings.data, settings.store_url);
}

std::int64_t total_rows(const std::vector<TableSum>& tables) {
  std::int64_t rows = 0;
  for (const TableSum& table : tables) rows += table.rows;
  return rows;
}

Value to_value(const std::vector<TableSum>& tables) {
  Value rows = Value::map();
  for (const TableSum& table : tables)
    rows.set(table.table, Value::map({{"rows", table.rows}, {"sha256", table.sha256}}));
  return rows;
}

void print_sums(const std::vector<TableSum>& tables, const Terminal& terminal) {
  Table table({{"TABLE"}, {"ROWS"}, {"SHA-256"}});
  for (const TableSum& each : tables)
    table.add({{each.table}, {std::to_string(each.rows)}, {each.sha256.substr(0, 12)}});
  table.print(terminal);
}

// status

Value to_value(const StoreStatus& status) {
  Value rows = Value::map();
  for (const auto& [table, count] : status.rows) rows.set(table, count);
  Value writer;
  if (!status.writer.empty()) {
    writer = Value::map({{"description", status.writer}});
    if (status.last_seen) writer.set("lastSeenMs", std::int64_t{status.last_seen->count()});
  }
  return Value::map({{"engine", status.engine},
                     {"where", status.where},
                     {"schema", status.schema},
                     {"knownSchema", status.known_schema},
                     {"sizeBytes", status.size.count},
                     {"rows", std::move(rows)},
                     {"writer", std::move(writer)},
                     {"takesWrites", status.takes_writes}});
}

std::string schema_words(const StoreStatus& status) {
  if (status.schema == status.known_schema) return fmt::format("{}", status.schema);
  return fmt::format("{}; this croft knows {}: {}", status.schema, status.known_schema,
                     status.schema < status.known_schema
                         ? "it migrates when it starts, or by `croft store migrate`"
                         : "run the newer croft that migrated it");
}

std::string size_words(Bytes size) {
  const double kibibytes = static_cast<double>(size.count) / 1024;
  if (kibibytes < 1024) return fmt::format("{:.1f} KiB", kibibytes);
  return fmt::format("{:.1f} MiB", kibibytes / 1024);
}

std::string writer_words(const StoreStatus& status) {
  if (status.writer.empty()) return "nobody";
  if (!status.last_seen) return status.writer;
  const bool is_gone = *status.last_seen >= PostgresOptions().lease;
  return fmt::format("{}{}, last seen {} ago", is_gone ? "nobody; " : "", status.writer,
                     format_age(*status.last_seen));
}

Result<int> status(const Invocation& invocation) {
  TRY_ASSIGN(const Place place, place_of(invocation));
  TRY_ASSIGN(const StoreStatus status, read_status(place));
  const int exit_status = status.is_usable() ? 0 : kSomethingWrong;
  const Terminal& terminal = invocation.terminal;
  if (const std::string format = invocation.output(); format != "text") {
    terminal.out << to_machine_text(to_value(status), format);
    return exit_status;
  }
  const auto line = [&terminal](std::string_view name, std::string_view words) {
    terminal.out << fmt::format("{:<14}{}\n", name, printable(words));
  };
  line("engine", status.engine);
  line("where", status.where);
  line("schema", schema_words(status));
  line("size", size_words(status.size));
  line("written by", writer_words(status));
  line("takes writes", status.takes_writes ? "yes" : "no: a standby, or read-only");
  terminal.out << '\n';
  Table table({{"TABLE"}, {"ROWS"}});
  for (const auto& [name, count] : status.rows) table.add({{name}, {std::to_string(count)}});
  table.print(terminal);
  return exit_status;
}

// migrate

Result<int> migrate(const Invocation& invocation) {
  const bool is_dry = invocation.arguments.has("dry-run");
  TRY_ASSIGN(const Place place, place_of(invocation));
  TRY_ASSIGN(const MigrationReport report, is_dry ? plan_migration(place) : migrate_store(place));
  std::ostream& out = invocation.terminal.out;
  if (report.from == report.to) {
    out << fmt::format("{} has schema version {} already.\n", place.name, report.to);
  } else {
    out << fmt::format("{} {} from schema version {} to {}.\n", place.name,
                       is_dry ? "would be migrated" : "was migrated", report.from, report.to);
  }
  return 0;
}

// check

Value to_value(const CheckReport& report) {
  Value::List problems;
  for (const Problem& problem : report.problems) {
    problems.push_back(
        Value::map({{"table", problem.table}, {"key", problem.key}, {"what", problem.what}}));
  }
  return Value::map({{"tables", to_value(report.tables)},
                     {"problems", Value(std::move(problems))},
                     {"problemCount", report.problem_count}});
}

Result<int> check(const Invocation& invocation) {
  TRY_ASSIGN(const Place place, place_of(invocation));
  TRY_ASSIGN(const CheckReport report, check_store(place));
  const int exit_status = report.problem_count == 0 ? 0 : kSomethingWrong;
  const Terminal& terminal = invocation.terminal;
  if (const std::string format = invocation.output(); format != "text") {
    terminal.out << to_machine_text(to_value(report), format);
    return exit_status;
  }
  for (const Problem& problem : report.problems)
    terminal.out << printable(to_string(problem)) << '\n';
  const auto kept = static_cast<std::int64_t>(report.problems.size());
  if (report.problem_count > kept)
    terminal.out << fmt::format("... and {} more\n", report.problem_count - kept);
  if (report.problem_count > 0) terminal.out << '\n';
  print_sums(report.tables, terminal);
  terminal.out << fmt::format(
      "\n{}: {} rows can be read{}.\n", place.name, total_rows(report.tables),
      report.problem_count == 0 ? ", nothing is wrong"
                                : fmt::format("; {} problem{}", report.problem_count,
                                              report.problem_count == 1 ? "" : "s"));
  return exit_status;
}

// backup, restore

Result<int> backup(const Invocation& invocation) {
  TRY_ASSIGN(const Place place, place_of(invocation));
  const std::string file = invocation.arguments.text("FILE");
  const BackupOptions options{.croft_version = program_version(),
                              .time = SystemClock().now(),
                              .may_replace = invocation.arguments.has("force")};
  TRY_ASSIGN(const BackupReport report,
             while_doing(write_backup(place, file, options), "backing up " + place.name));
  invocation.terminal.out << fmt::format("{} rows of {} are in {} ({}).\n",
                                         total_rows(report.tables), place.name, printable(file),
                                         size_words(report.size));
  return 0;
}

Result<int> restore(const Invocation& invocation) {
  TRY_ASSIGN(const Place place, place_of(invocation));
  const std::string file = invocation.arguments.text("FILE");
  TRY_ASSIGN(const BackupReport report,
             while_doing(restore_backup(place, file), "restoring " + file));
  print_sums(report.tables, invocation.terminal);
  invocation.terminal.out << fmt::format(
      "\n{} rows are in {}, as they were in {} at {}.\n", total_rows(report.tables), place.name,
      printable(report.header.from), format_time(report.header.time));
  return 0;
}

// copy

std::string what_to_set(const Place& to) {
  if (to.is_postgres()) {
    return fmt::format(
        "Set now, in the settings file or as CROFT_STORE_URL:\n  store.url: \"{}\"\n{}", to.setting,
        to.setting == to.url ? "" : "with its password and its other options.\n");
  }
  return fmt::format("Take store.url out of the settings now, and set\n  data: {}\n",
                     std::filesystem::absolute(to.directory).lexically_normal().string());
}

Result<int> copy(const Invocation& invocation) {
  TRY_ASSIGN(const Place from,
             while_doing(parse_place(invocation.arguments.text("FROM")), "reading FROM"));
  TRY_ASSIGN(const Place to,
             while_doing(parse_place(invocation.arguments.text("TO")), "reading TO"));
  TRY_ASSIGN(const std::vector<TableSum> sums, copy_store(from, to));
  const Terminal& terminal = invocation.terminal;
  print_sums(sums, terminal);
  terminal.out << fmt::format(
      "\n{} rows of {} are in {}; read back, counts and hashes are equal.\n", total_rows(sums),
      from.name, to.name);
  terminal.out << what_to_set(to);
  if (!from.is_postgres())
    terminal.out << fmt::format("Then move {} away: it is not kept up to date.\n", from.name);
  return 0;
}

// The tree

Command store_command(std::string name, std::string summary, std::string_view description,
                      Result<int> (*run)(const Invocation&)) {
  Command command;
  command.name = std::move(name);
  command.summary = std::move(summary);
  command.description = std::string(description) + std::string(kWhichStore);
  command.options = {settings_file_parameter(), setting_parameter("data"),
                     setting_parameter("store.url")};
  command.run = run;
  return command;
}

Command status_command() {
  Command command = store_command(
      "status", "Show where the store is, its size, and who writes to it",
      "Works while Croft runs. Exit status 0 if this croft could use the store, 1 if it could not "
      "(a newer schema, a server that takes no writes), 2 if it cannot be reached.",
      status);
  command.outputs = {"text", "json", "yaml"};
  command.examples = {"croft store status",
                      "croft store status --store-url postgres://croft@db.example.com/croft"};
  return command;
}

Command migrate_command() {
  Command command = store_command(
      "migrate", "Bring the schema of the store up to date",
      "`croft serve` does so by itself when it starts; this is for doing it beforehand. Refused "
      "while somebody writes.",
      migrate);
  command.options.push_back({.name = "dry-run", .help = "Only say what would be done."});
  command.examples = {"croft store migrate --dry-run"};
  return command;
}

Command check_command() {
  Command command = store_command(
      "check", "Read all of the store and say what is wrong in it",
      "The database file (SQLite), every row as Croft reads it, the numbers that must never be "
      "given twice. Works while Croft runs. Exit status 1 if something is wrong, said by table and "
      "key.",
      check);
  command.outputs = {"text", "json", "yaml"};
  command.examples = {"croft store check"};
  return command;
}

Command backup_command() {
  Command command = store_command(
      "backup", "Write all of the store to one file",
      "As it is at one moment; Croft may run. The file is text, JSON documents one a line, ends "
      "with its own SHA-256, and can be restored to SQLite and to PostgreSQL alike. It holds "
      "hashes "
      "of tokens: only its owner may read it.",
      backup);
  command.positionals = {{.name = "FILE",
                          .help = "The file to make.",
                          .completes = Completes::Files,
                          .required = true}};
  command.options.push_back({.name = "force", .help = "Replace a file of that name."});
  command.examples = {"croft store backup /var/backups/croft-$(date +%F).jsonl"};
  return command;
}

Command restore_command() {
  Command command = store_command(
      "restore", "Fill an empty store from a backup",
      "The file is verified before anything is written; then all of it is written, or nothing. A "
      "store that has content is refused: name a new directory or a new database. So is one that "
      "somebody uses.",
      restore);
  command.positionals = {{.name = "FILE",
                          .help = "What `croft store backup` wrote.",
                          .completes = Completes::Files,
                          .required = true}};
  command.examples = {"croft store restore croft-2026-11-21.jsonl --data /var/lib/croft"};
  return command;
}

Command copy_command() {
  Command command;
  command.name = "copy";
  command.summary = "Copy a whole store to an empty one, from SQLite to PostgreSQL or back";
  command.description =
      "FROM and TO are a PostgreSQL URL, or a croft.db or its directory. Croft must be stopped: a "
      "store in use is refused, and so is a TO with content. All is copied in one transaction and "
      "read back before it counts; FROM is left as it is. Talks to the databases themselves; of "
      "the "
      "settings of `croft serve` (--data, --store-url) it reads none, and says at the end what to "
      "set.";
  command.positionals = {{.name = "FROM",
                          .help = "The store to copy.",
                          .completes = Completes::Files,
                          .required = true},
                         {.name = "TO",
                          .help = "The empty one to fill.",
                          .completes = Completes::Files,
                          .required = true}};
  command.examples = {
      "croft store copy /var/lib/croft/croft.db postgres://croft@db.example.com/croft",
      "croft store copy postgres://croft@db.example.com/croft /var/lib/croft"};
  command.run = copy;
  return command;
}

}  // namespace

void add_storing(std::vector<Command>& commands) {
  Command group;
  group.name = "store";
  group.summary = "What Croft must remember: look after it, back it up, move it";
  group.group = "Run";
  group.commands = {status_command(), migrate_command(), check_command(),
                    backup_command(), restore_command(), copy_command()};
  commands.push_back(std::move(group));
}

}  // namespace croft::cli
