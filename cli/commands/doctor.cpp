#include <algorithm>

#include <fmt/format.h>

#include "cli/client/client.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/settings_options.hpp"
#include "cli/doctor/clock.hpp"
#include "cli/doctor/machine.hpp"
#include "cli/doctor/places.hpp"
#include "cli/doctor/services.hpp"
#include "cli/output/yaml.hpp"
#include "cli/version.hpp"

namespace croft::cli {

namespace {

constexpr int kSomethingWrong = 1;
constexpr std::size_t kAdviceIndent = 17;

Colour colour_of(Finding::Level level) {
  switch (level) {
    case Finding::Level::Ok:
      return Colour::Green;
    case Finding::Level::Warn:
      return Colour::Yellow;
    case Finding::Level::Fail:
      return Colour::Red;
  }
  return Colour::Red;
}

void print(const Finding& finding, const Terminal& terminal) {
  terminal.out << fmt::format(
      "{}  {}  {}\n",
      terminal.paint(colour_of(finding.level), pad_text(to_string(finding.level), 4)),
      pad_text(finding.area, 9), printable(finding.what));
  if (finding.advice.empty()) return;
  terminal.out << std::string(kAdviceIndent, ' ') << "→ " << printable(finding.advice) << '\n';
}

Value to_value(const std::vector<Finding>& findings) {
  Value list = Value::list();
  for (const Finding& finding : findings) {
    list.push_back(Value::map({{"level", to_string(finding.level)},
                               {"area", finding.area},
                               {"what", finding.what},
                               {"advice", finding.advice}}));
  }
  return Value::map({{"findings", std::move(list)}});
}

void check_settings(const Settings& settings, std::vector<Finding>& all) {
  Findings findings(all, "settings");
  if (const Result<void> whole = require_source(settings); !whole) {
    findings.warn(whole.error().message(), whole.error().hint());
  } else {
    findings.ok(settings.solo.empty() ? "the platform is " + settings.platform_url
                                      : "solo: " + settings.solo);
  }
}

Result<std::vector<Finding>> examine(const Invocation& invocation) {
  std::vector<std::string_view> all;
  for (const SettingDescription& setting : all_settings()) all.push_back(setting.name);
  TRY_ASSIGN(const Settings settings, settings_with_flags(invocation, all));
  TRY_ASSIGN(const Client client, Client::from(invocation, settings.api_socket.string()));
  std::vector<Finding> findings;
  check_settings(settings, findings);
  const std::string& repository = settings.solo.empty() ? settings.platform_url : settings.solo;
  judge_machine(read_machine("/", repository), findings);
  judge_clock(read_clock(), findings);
  check_places(settings, findings);
  check_store(settings, findings);
  const DaemonFacts daemon = ask_daemon(client);
  judge_daemon(daemon, CROFT_VERSION, findings);
  check_listeners(settings, daemon.version.has_value(), findings);
  check_mail(settings, findings);
  return findings;
}

Result<int> doctor(const Invocation& invocation) {
  TRY_ASSIGN(const std::vector<Finding> findings, examine(invocation));
  const auto count = [&](Finding::Level level) {
    return std::ranges::count(findings, level, &Finding::level);
  };
  const auto fails = count(Finding::Level::Fail);
  const int status = fails > 0 ? kSomethingWrong : 0;
  if (const std::string format = invocation.output(); format != "text") {
    invocation.terminal.out << to_machine_text(to_value(findings), format);
    return status;
  }
  for (const Finding& finding : findings) print(finding, invocation.terminal);
  invocation.terminal.out << fmt::format("\n{} fine, {} to look at, {} wrong.\n",
                                         count(Finding::Level::Ok), count(Finding::Level::Warn),
                                         fails);
  return status;
}

}  // namespace

std::string_view to_string(Finding::Level level) {
  switch (level) {
    case Finding::Level::Ok:
      return "OK";
    case Finding::Level::Warn:
      return "WARN";
    case Finding::Level::Fail:
      return "FAIL";
  }
  return "FAIL";
}

void add_doctor(std::vector<Command>& commands) {
  Command command;
  command.name = "doctor";
  command.summary = "Look for what is wrong, and say what to do";
  command.description =
      "Looks at this machine (what providers need of it, its clock, its disk), the settings, the "
      "store, and, if it answers, at the running Croft: its roles, sources, providers and "
      "webhooks. "
      "Changes nothing. Give it the settings that `croft serve` runs with. Exits with 1 if "
      "something is wrong.";
  command.group = "Run";
  command.outputs = {"text", "json", "yaml"};
  command.examples = {"croft doctor", "croft doctor --config /etc/croft/croft.yaml -o json"};
  command.options.push_back(settings_file_parameter());
  for (const SettingDescription& setting : all_settings())
    command.options.push_back(setting_parameter(setting.name));
  command.run = doctor;
  commands.push_back(std::move(command));
}

}  // namespace croft::cli
