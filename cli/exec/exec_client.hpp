#pragma once

#include <string>

#include "cli/client/client.hpp"
#include "core/base/result.hpp"

namespace croft::cli {

struct ExecPlan {
  std::string target;  ///< "/v1/exec/alice/Instance/api"
  Value body;          ///< an ExecRequest
  bool has_terminal = false;
  bool sends_input = false;  ///< standard input goes to the command; else it has none
};

/// Runs the command with this process's standard streams as its own: its exit status, or the error
/// that kept it from having one. Blocks. A signal that ends this process ends the command; the
/// terminal is put back first.
Result<int> run_exec(const Client& client, ExecPlan plan);

}  // namespace croft::cli
