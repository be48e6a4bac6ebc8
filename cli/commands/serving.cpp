#include <fmt/format.h>

#include "cli/commands/commands.hpp"
#include "cli/commands/settings_options.hpp"
#include "cli/serve/down.hpp"
#include "cli/serve/mail_settings.hpp"
#include "cli/serve/serve.hpp"
#include "core/base/settings.hpp"

namespace croft::cli {

namespace {

Result<int> serve(const Invocation& invocation) {
  std::vector<std::string_view> all;
  for (const SettingDescription& setting : all_settings()) all.push_back(setting.name);
  TRY_ASSIGN(const Settings settings, settings_with_flags(invocation, all));
  if (settings.role != "edge") {
    TRY(require_source(settings));
    TRY(mail_settings(settings));
  }
  configure_log(settings.log_level, settings.log_format);
  return run_serve(settings);
}

Result<int> down(const Invocation& invocation) {
  TRY_ASSIGN(const Settings settings, settings_with_flags(invocation, {"data"}));
  TRY_ASSIGN(const int ended, end_all_apps(settings.data));
  invocation.terminal.out << fmt::format(
      "Ended {} app{}. Their data is kept; croft serve starts them again.\n", ended,
      ended == 1 ? "" : "s");
  return 0;
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
  command.options.push_back(settings_file_parameter());
  command.options.push_back(setting_parameter("data"));
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
  command.options.push_back(settings_file_parameter());
  for (const SettingDescription& setting : all_settings())
    command.options.push_back(setting_parameter(setting.name));
  command.run = serve;
  commands.push_back(std::move(command));
  add_down(commands);
}

}  // namespace croft::cli
