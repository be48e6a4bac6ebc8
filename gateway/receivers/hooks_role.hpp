#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/base/result.hpp"
#include "core/net/trace_exporter.hpp"

namespace croft {

struct HooksRoleSettings {
  std::filesystem::path table_file;
  std::filesystem::path socket;                 ///< where the edge, or a proxy, reaches it
  std::string listen;                           ///< "HOST:PORT" of loopback, or empty
  std::filesystem::path control_socket;         ///< of the API
  std::optional<TraceExporterSettings> traces;  ///< where traces go that begin with a delivery
};

/// Receives hooks until SIGTERM or SIGINT. Blocks; owns the process's signals.
Result<void> run_hooks(HooksRoleSettings settings);

}  // namespace croft
