#include "cli/serve/traces.hpp"

#include <algorithm>
#include <string_view>
#include <unistd.h>

#include <fmt/format.h>

#include "cli/version.hpp"
#include "core/base/secret.hpp"
#include "core/secret/operator_secrets.hpp"

namespace croft {

namespace {

constexpr std::size_t kLargestHeaders = 16U << 10U;

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

Result<HttpHeaders> read_headers(std::string_view text) {
  HttpHeaders headers;
  for (int line = 1; !text.empty(); ++line) {
    const std::string_view one = trimmed(text.substr(0, text.find('\n')));
    text.remove_prefix(std::min(text.size(), std::min(text.find('\n'), text.size() - 1) + 1));
    if (one.empty()) continue;
    const std::size_t colon = one.find(':');
    const std::string_view name = trimmed(one.substr(0, colon));
    if (colon == std::string_view::npos || name.empty() ||
        name.find_first_of(" \t") != std::string_view::npos)
      return fail(ErrorCode::Invalid, fmt::format("line {} is no 'Name: value'", line));
    const std::string value(trimmed(one.substr(colon + 1)));
    remember_secret(Secret<std::string>(value));
    headers.add(std::string(name), value);
  }
  return headers;
}

Result<HttpHeaders> headers_of(const Settings& settings) {
  if (settings.traces_headers.empty()) return HttpHeaders();
  const secret::OperatorSecrets secrets(settings.secrets_dir);
  TRY_ASSIGN(const Secret<std::string> text,
             secrets.find(settings.traces_headers, kLargestHeaders));
  return read_headers(text.reveal());
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

}  // namespace

Result<std::optional<TraceExporterSettings>> trace_settings(const Settings& settings,
                                                            const std::string& role) {
  if (settings.traces_endpoint.empty()) return std::nullopt;
  TraceExporterSettings traces;
  TRY_ASSIGN(traces.collector, while_doing(parse_server_address(settings.traces_endpoint),
                                           "reading traces.endpoint"));
  TRY_ASSIGN(traces.headers, while_doing(headers_of(settings), "reading traces.headers"));
  traces.resource = {{"service.name", "croft"},
                     {"service.version", CROFT_VERSION},
                     {"service.instance.id", fmt::format("{}/{}", host_name(), ::getpid())},
                     {"host.name", host_name()},
                     {"croft.role", role}};
  traces.sample = settings.traces_sample;
  return traces;
}

}  // namespace croft
