#pragma once

#include <cstdint>
#include <string>

namespace croft::cli {

/// "12.3MiB": as people read it, not exact.
std::string rough_bytes(std::int64_t count);

}  // namespace croft::cli
