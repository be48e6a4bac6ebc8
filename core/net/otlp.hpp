#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/base/trace.hpp"

namespace croft {

/// Who makes the spans: {"service.name", "croft"}, {"croft.role", "control"}, ...
using TraceResource = std::vector<std::pair<std::string, std::string>>;

/// The body of an OTLP export of spans (ExportTraceServiceRequest of opentelemetry-proto 1.x) in
/// OTLP's JSON: ids in hexadecimal, 64-bit numbers as texts, enumerators as numbers. Secrets that
/// were remembered are redacted. Pure.
std::string otlp_request(const TraceResource& resource, const std::vector<SpanRecord>& spans);

}  // namespace croft
