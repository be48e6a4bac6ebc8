#pragma once

#include "providers/docker/core.hpp"

namespace croft::docker {

/// The container's output, both streams, whole lines. With `follow` also over its restarts and
/// replacements, until the sink has enough or the provider goes.
Task<Result<void>> stream_logs(CorePtr core, LogRequest request, LogSink sink);

}  // namespace croft::docker
