#pragma once

#include <optional>
#include <string>

#include "core/base/result.hpp"
#include "core/base/settings.hpp"
#include "core/net/trace_exporter.hpp"

namespace croft {

/// How that role sends traces, as the settings say; nothing if they are off. Reads the secret file
/// with headers: Invalid, naming the line, if it is none. Blocks.
Result<std::optional<TraceExporterSettings>> trace_settings(const Settings& settings,
                                                            const std::string& role);

}  // namespace croft
