#include "cli/commands/settings_options.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace croft::cli {

namespace {

/// "--platform-url" as a parameter's name: without its dashes.
std::string flag_name(const SettingDescription& setting) { return setting.flag().substr(2); }

const SettingDescription& find_setting(std::string_view name) {
  return *std::ranges::find(all_settings(), name, &SettingDescription::name);
}

}  // namespace

Parameter settings_file_parameter() {
  return {.name = "config",
          .letter = 'c',
          .value = "FILE",
          .help = "Settings file.",
          .environment = "CROFT_CONFIG",
          .fallback = fmt::format("{}, if it is there", kSettingsFile),
          .completes = Completes::Files};
}

Parameter setting_parameter(std::string_view name) {
  const SettingDescription& setting = find_setting(name);
  Parameter option;
  option.name = flag_name(setting);
  option.value = to_string(setting.type);
  option.help = setting.help;
  option.fallback = setting.fallback;
  for (const std::string_view choice : setting.choices) option.choices.emplace_back(choice);
  if (setting.type == SettingType::Path) option.completes = Completes::Files;
  return option;
}

Result<Settings> settings_with_flags(const Invocation& invocation,
                                     const std::vector<std::string_view>& flags) {
  SettingSources sources;
  sources.file = invocation.arguments.text("config", kSettingsFile);
  sources.file_required = invocation.arguments.has("config");
  sources.environment = invocation.environment;
  for (const std::string_view name : flags) {
    const SettingDescription& setting = find_setting(name);
    std::string text;
    for (const std::string& value : invocation.arguments.list(flag_name(setting)))
      text = setting.type == SettingType::List && !text.empty() ? text + "," + value : value;
    if (!text.empty()) sources.flags.emplace(setting.name, text);
  }
  return load_settings(sources);
}

}  // namespace croft::cli
