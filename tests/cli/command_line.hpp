#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/run.hpp"
#include "tests/cli/captured_terminal.hpp"

namespace croft::cli {

/// What a command line did.
struct Ran {
  int status = 0;
  std::string out;
  std::string err;
};

/// Runs `croft WORDS...` in this process, without colours and as wide as text is.
inline Ran run(const std::vector<std::string>& words, Environment environment = {},
               std::size_t width = 0) {
  CapturedTerminal captured;
  captured.terminal.width = width;
  // Never the machine's own server.
  environment.try_emplace("CROFT_SERVER", "/nonexistent/croft/api.sock");
  const int status = run_command_line(words, environment, captured.terminal);
  return {status, captured.out.str(), captured.err.str()};
}

}  // namespace croft::cli
