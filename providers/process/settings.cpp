#include "providers/process/settings.hpp"

#include <charconv>
#include <functional>
#include <map>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

namespace croft {

namespace {

namespace fs = std::filesystem;

Result<std::int64_t> parse_number(std::string_view text, std::int64_t low, std::int64_t high) {
  std::int64_t number = 0;
  const auto [stopped, problem] = std::from_chars(text.begin(), text.end(), number);
  if (problem != std::errc() || stopped != text.end() || number < low || number > high) {
    return fail(ErrorCode::Invalid,
                fmt::format("'{}' is no number from {} to {}", text, low, high));
  }
  return number;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = text.find(',');
    std::string_view part = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
  }
  return parts;
}

using Setter = std::function<Result<void>(ProcessSettings&, const std::string&)>;

template <typename Member, typename Parse>
Setter set_parsed(Member member, Parse parse) {
  return [member, parse](ProcessSettings& settings, const std::string& text) -> Result<void> {
    TRY_ASSIGN(auto value, parse(text));
    settings.*member = std::move(value);
    return {};
  };
}

Result<ProcessSettings::Isolation> parse_isolation(const std::string& text) {
  if (text == "full") return ProcessSettings::Isolation::Full;
  if (text == "none") return ProcessSettings::Isolation::None;
  return fail(ErrorCode::Invalid, fmt::format("'{}' is neither 'full' nor 'none'", text));
}

Result<ProcessSettings::Volumes> parse_volumes(const std::string& text) {
  if (text == "image") return ProcessSettings::Volumes::Image;
  if (text == "directory") return ProcessSettings::Volumes::Directory;
  return fail(ErrorCode::Invalid, fmt::format("'{}' is neither 'image' nor 'directory'", text));
}

Result<unsigned> parse_id(const std::string& text) {
  TRY_ASSIGN(const std::int64_t number, parse_number(text, 0, 4'294'967'294));
  return static_cast<unsigned>(number);
}

Result<std::string> take_text(const std::string& text) { return text; }
Result<std::vector<std::string>> take_list(const std::string& text) { return split_list(text); }
Result<std::int64_t> parse_first_uid(const std::string& text) {
  return parse_number(text, 1000, 2'000'000'000);
}
Result<int> parse_log_files(const std::string& text) {
  TRY_ASSIGN(const std::int64_t number, parse_number(text, 2, 100));
  return static_cast<int>(number);
}

const std::map<std::string_view, Setter>& setters() {
  using S = ProcessSettings;
  static const std::map<std::string_view, Setter> all{
      {"isolation", set_parsed(&S::isolation, parse_isolation)},
      {"volumes", set_parsed(&S::volumes, parse_volumes)},
      {"bubblewrap", set_parsed(&S::bubblewrap, take_text)},
      {"firstUid", set_parsed(&S::first_uid, parse_first_uid)},
      {"cgroupParent", set_parsed(&S::cgroup_parent, take_text)},
      {"logSize", set_parsed(&S::log_size, parse_bytes)},
      {"logFiles", set_parsed(&S::log_files, parse_log_files)},
      {"backoffFirst", set_parsed(&S::backoff_first, parse_duration)},
      {"backoffLimit", set_parsed(&S::backoff_limit, parse_duration)},
      {"stableAfter", set_parsed(&S::stable_after, parse_duration)},
      {"measureEvery", set_parsed(&S::measure_every, parse_duration)},
      {"ipv4Pool", set_parsed(&S::ipv4_pool, take_text)},
      {"ipv6Pool", set_parsed(&S::ipv6_pool, take_text)},
      {"resolvers", set_parsed(&S::resolvers, take_list)},
      {"egressAllow", set_parsed(&S::egress_allow, take_list)},
      {"egressDeny", set_parsed(&S::egress_deny, take_list)},
      {"gatewayUid", set_parsed(&S::gateway_uid, parse_id)},
      {"gatewayGid", set_parsed(&S::gateway_gid, parse_id)},
  };
  return all;
}

}  // namespace

Result<ProcessSettings> parse_process_settings(const Value& settings, fs::path data) {
  ProcessSettings parsed;
  parsed.data = std::move(data);
  if (settings.is_null()) return parsed;
  if (!settings.is_map()) return fail(ErrorCode::Invalid, "settings must be a map");
  for (const Value::Entry& entry : settings.as_map()) {
    const auto setter = setters().find(entry.key);
    if (setter == setters().end()) {
      return fail(ErrorCode::Invalid,
                  fmt::format("the adapter 'process' has no setting '{}'", entry.key));
    }
    if (!entry.value.is_text())
      return fail(ErrorCode::Invalid, fmt::format("settings.{} must be text", entry.key));
    TRY(while_doing(setter->second(parsed, entry.value.as_text()),
                    "reading settings." + entry.key));
  }
  return parsed;
}

std::int64_t host_uid(const ProcessSettings& settings, std::int64_t tenant_number) {
  return settings.first_uid + tenant_number;
}

Result<fs::path> find_shim(const ProcessSettings& settings) {
  std::vector<fs::path> candidates;
  if (!settings.shim.empty()) {
    candidates.push_back(settings.shim);
  } else {
    std::error_code ignored;
    const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
    candidates.push_back(program.parent_path() / "croft-shim");
    candidates.push_back(program.parent_path().parent_path() / "libexec" / "croft" / "croft-shim");
    // A build tree keeps each program in its room's directory.
    candidates.push_back(program.parent_path().parent_path() / "providers" / "process" / "shim" /
                         "croft-shim");
  }
  for (const fs::path& candidate : candidates) {
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return fail(Error(ErrorCode::NotFound,
                    fmt::format("croft-shim is not at {}", candidates.front().string()))
                  .with_hint("install it beside croft, or in libexec/croft"));
}

}  // namespace croft
