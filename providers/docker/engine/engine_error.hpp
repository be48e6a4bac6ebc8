#pragma once

#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace croft::docker {

/// What an engine's refusal means: its status and what its body says.
Error engine_error(int status, std::string_view body, std::string doing);
/// What it means if a stream that began well says that it failed.
Error stream_error(std::string message, std::string doing);

}  // namespace croft::docker
