#include <fmt/format.h>

#include "cli/commands/commands.hpp"
#include "cli/serve/down.hpp"
#include "cli/serve/serve.hpp"
#include "core/base/settings.hpp"

namespace croft::cli {

namespace {

/// "--platform-url" as a parameter's name: without its dashes.
std::string flag_name(const SettingDescription& setting) { return setting.flag().substr(2); }

Parameter as_parameter(const SettingDescription& setting) {
  Parameter option;
  option.name = flag_name(setting);
  option.value = to_string(setting.type);
  option.help = setting.help;
  option.fallback = setting.fallback;
  for (const std::string_view choice : setting.choices) option.choices.emplace_back(choice);
  if (setting.type == SettingType::Path) option.completes = Completes::Files;
  return option;
}

/// The settings file and the environment; flags are the command's own.
SettingSources settings_sources(const Invocation& invocation) {
  SettingSources sources;
  sources.file = invocation.arguments.text("config", kSettingsFile);
  sources.file_required = invocation.arguments.has("config");
  sources.environment = invocation.environment;
  return sources;
}

Result<int> serve(const Invocation& invocation) {
  SettingSources sources = settings_sources(invocation);
  for (const SettingDescription& setting : all_settings()) {
    std::string text;
    for (const std::string& value : invocation.arguments.list(flag_name(setting))) {
      text = setting.type == SettingType::List && !text.empty() ? text + "," + value : value;
    }
    if (!text.empty()) sources.flags.emplace(setting.name, text);
  }
  TRY_ASSIGN(const Settings settings, load_settings(sources));
  if (settings.role != "edge") {
    TRY(require_source(settings));
  }
  configure_log(settings.log_level, settings.log_format);
  return run_serve(settings);
}

Result<int> down(const Invocation& invocation) {
  SettingSources sources = settings_sources(invocation);
  if (const std::string data = invocation.arguments.text("data"); !data.empty())
    sources.flags.emplace("data", data);
  TRY_ASSIGN(const Settings settings, load_settings(sources));
  TRY_ASSIGN(const int ended, end_all_apps(settings.data));
  invocation.terminal.out << fmt::format(
      "Ended {} app{}. Their data is kept; croft serve starts them again.\n", ended,
      ended == 1 ? "" : "s");
  return 0;
}

Parameter settings_file() {
  return {.name = "config",
          .letter = 'c',
          .value = "FILE",
          .help = "Settings file.",
          .environment = "CROFT_CONFIG",
          .fallback = fmt::format("{}, if it is there", kSettingsFile),
          .completes = Completes::Files};
}

void add_down(std::vector<Command>& commands) {
  Command command;
  command.name = "down";
  command.summary = "End every app on this machine, once Croft is stopped";
  command.description =
      "Apps outlive `croft serve` on purpose. This ends those of a data directory and takes away "
      "what they have on this machine: processes, cgroups, network interfaces, packet filter. "
      "Volumes, logs and the journal stay.";
  command.group = "Run";
  command.examples = {"croft down --data /var/lib/croft"};
  command.options.push_back(settings_file());
  for (const SettingDescription& setting : all_settings()) {
    if (setting.name == "data") command.options.push_back(as_parameter(setting));
  }
  command.run = down;
  commands.push_back(std::move(command));
}

}  // namespace

void add_serving(std::vector<Command>& commands) {
  Command command;
  command.name = "serve";
  command.summary = "Run Croft: watch the repositories, reconcile, serve traffic and the API";
  command.description =
      "Every setting may stand in the settings file (as its dotted name), in the environment "
      "(CROFT_ and the flag's "
      "name in capitals), or here; flags win over the environment, and that over the file.";
  command.group = "Run";
  command.examples = {"croft serve --solo ~/hosting",
                      "croft serve --platform-url /srv/git/platform.git"};
  command.options.push_back(settings_file());
  for (const SettingDescription& setting : all_settings())
    command.options.push_back(as_parameter(setting));
  command.run = serve;
  commands.push_back(std::move(command));
  add_down(commands);
}

}  // namespace croft::cli
