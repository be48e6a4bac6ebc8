#include "cli/serve/serve.hpp"

#include <csignal>
#include <string>
#include <vector>

#include "cli/serve/control.hpp"
#include "cli/serve/supervisor.hpp"
#include "core/base/files.hpp"
#include "core/base/log.hpp"

namespace croft {

namespace {

/// How this process was called, so that the roles are called in the same way.
std::vector<std::string> own_arguments() {
  std::vector<std::string> arguments;
  const std::string line = read_file("/proc/self/cmdline", 1 << 20).value_or(std::string());
  for (std::size_t begin = 0; begin < line.size();) {
    const std::size_t end = line.find('\0', begin);
    arguments.push_back(line.substr(begin, end - begin));
    if (end == std::string::npos) break;
    begin = end + 1;
  }
  return arguments;
}

}  // namespace

int run_serve(const Settings& settings) {
  configure_log(settings.log_level, settings.log_format);
  std::signal(SIGPIPE, SIG_IGN);
  if (settings.role == "edge") return run_edge_role(settings);
  if (settings.role == "control") return run_control(settings);
  if (settings.role == "hooks") return run_hooks_role(settings);
  return run_supervisor(settings, own_arguments());
}

}  // namespace croft
