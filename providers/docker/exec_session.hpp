#pragma once

#include "providers/docker/core.hpp"

namespace croft::docker {

/// A command inside the container that stands for the resource, streams in the caller's hands.
Task<Result<std::unique_ptr<ExecSession>>> open_session(CorePtr core, ExecRequest request);

/// Runs a command to its end and gives its exit status. What it writes is dropped.
Task<Result<int>> run_command(CorePtr core, std::string uid, std::vector<std::string> command,
                              Limit limit);

}  // namespace croft::docker
