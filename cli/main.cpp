#include <csignal>
#include <string_view>
#include <unistd.h>

#include "cli/run.hpp"

int main(int count, char** words) {
  std::signal(SIGPIPE, SIG_IGN);
  croft::cli::Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  croft::cli::Terminal terminal = croft::cli::standard_terminal(environment);
  return croft::cli::run_command_line({words + (count > 0 ? 1 : 0), words + count}, environment,
                                      terminal);
}
