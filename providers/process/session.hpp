#pragma once

#include <memory>

#include "core/base/async.hpp"
#include "providers/port/provider.hpp"
#include "providers/process/shim_client.hpp"

namespace croft {

/// Starts a command beside an app by its shim. What it reads and writes does not pass through the
/// shim: the pipes, or the terminal, are ours. The connection to the shim is the command's life.
Task<Result<std::unique_ptr<ExecSession>>> open_session(ShimClient client, ExecRequest request,
                                                        Duration timeout);

}  // namespace croft
