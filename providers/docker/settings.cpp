#include "providers/docker/settings.hpp"

#include <charconv>
#include <functional>
#include <optional>

#include <fmt/format.h>

#include "core/base/base64.hpp"
#include "core/base/files.hpp"
#include "providers/docker/image_name.hpp"
#include "providers/local/addresses.hpp"

namespace croft::docker {

namespace {

constexpr std::size_t kLongestCredential = 1 << 16;
constexpr const char* kRemembered = "provider.json";

using Setter = std::function<Result<void>(ProviderSettings&, const std::string&)>;

template <typename Member, typename Parse>
Setter set_parsed(Member member, Parse parse) {
  return [member, parse](ProviderSettings& settings, const std::string& text) -> Result<void> {
    TRY_ASSIGN(auto value, parse(text));
    settings.*member = std::move(value);
    return {};
  };
}

Result<std::string> take_text(const std::string& text) { return text; }

Result<std::string> parse_host(const std::string& text) {
  if (text.starts_with("unix:///") || text.starts_with("tcp://")) return text;
  return fail(ErrorCode::Invalid,
              fmt::format("'{}' is neither unix:///PATH nor tcp://HOST:PORT", text));
}

Result<ProviderSettings::Isolation> parse_isolation(const std::string& text) {
  if (text == "full") return ProviderSettings::Isolation::Full;
  if (text == "none") return ProviderSettings::Isolation::None;
  return fail(ErrorCode::Invalid, fmt::format("'{}' is neither 'full' nor 'none'", text));
}

Result<bool> parse_allow(const std::string& text) {
  if (text == "allow" || text == "deny") return text == "allow";
  return fail(ErrorCode::Invalid, fmt::format("'{}' is neither 'allow' nor 'deny'", text));
}

Result<std::int64_t> parse_build_cpu(const std::string& text) {
  TRY_ASSIGN(const auto cpu, parse_cpu(text));
  return cpu.millis;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [stopped, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || stopped != text.data() + text.size()) return std::nullopt;
  return number;
}

Result<int> parse_count(const std::string& text) {
  const auto number = whole_number(text);
  if (number && *number >= 1 && *number <= 100) return static_cast<int>(*number);
  return fail(ErrorCode::Invalid, fmt::format("'{}' is no number from 1 to 100", text));
}

Result<std::int64_t> parse_build_processes(const std::string& text) {
  const auto number = whole_number(text);
  if (number && *number >= 16 && *number <= 1'000'000) return *number;
  return fail(ErrorCode::Invalid, fmt::format("'{}' is no number from 16 to 1000000", text));
}

Result<std::string> parse_pool(const std::string& text) {
  if (is_network(text) && subnet_at(text, kSubnetLength, 0)) return text;
  return fail(ErrorCode::Invalid,
              fmt::format("'{}' is no network of at least /{}", text, kSubnetLength));
}

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> parts;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = rest.find(',');
    std::string_view part = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
  }
  return parts;
}

Result<std::vector<std::string>> parse_networks(const std::string& text) {
  std::vector<std::string> networks = split_list(text);
  for (const std::string& network : networks) {
    if (!is_network(network))
      return fail(ErrorCode::Invalid, fmt::format("'{}' is no network", network));
  }
  return networks;
}

Result<std::vector<std::string>> parse_registries(const std::string& text) {
  std::vector<std::string> registries = split_list(text);
  for (const std::string& registry : registries) {
    const Result<ImageName> name = parse_image_name(registry + "/a");
    if (!name || name->registry != registry)
      return fail(Error(ErrorCode::Invalid, fmt::format("'{}' is no registry", registry))
                      .with_hint("write docker.io, or HOST or HOST:PORT as images have it"));
  }
  return registries;
}

Result<std::map<std::string, std::pair<std::int64_t, std::int64_t>>> parse_ulimits(
    const std::string& text) {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> limits;
  for (const std::string& one : split_list(text)) {
    const std::size_t equals = one.find('=');
    const std::size_t colon = one.find(':', equals == std::string::npos ? 0 : equals);
    const bool is_whole = equals != std::string::npos && colon != std::string::npos;
    const std::string_view all = one;
    const auto soft = is_whole ? whole_number(all.substr(equals + 1, colon - equals - 1))
                               : std::optional<std::int64_t>();
    const auto hard = is_whole ? whole_number(all.substr(colon + 1)) : soft;
    if (!soft || !hard)
      return fail(ErrorCode::Invalid, fmt::format("'{}' is not NAME=SOFT:HARD", one));
    limits[one.substr(0, equals)] = {*soft, *hard};
  }
  return limits;
}

const std::map<std::string_view, Setter>& setters() {
  using S = ProviderSettings;
  static const std::map<std::string_view, Setter> all{
      {"host", set_parsed(&S::host, parse_host)},
      {"caFile", set_parsed(&S::ca_file, take_text)},
      {"certFile", set_parsed(&S::cert_file, take_text)},
      {"keyFile", set_parsed(&S::key_file, take_text)},
      {"isolation", set_parsed(&S::isolation, parse_isolation)},
      {"layerSize", set_parsed(&S::layer_size, parse_bytes)},
      {"logSize", set_parsed(&S::log_size, parse_bytes)},
      {"logFiles", set_parsed(&S::log_files, parse_count)},
      {"ipv4Pool", set_parsed(&S::ipv4_pool, parse_pool)},
      {"resolvers", set_parsed(&S::resolvers, parse_networks)},
      {"egressAllow", set_parsed(&S::egress_allow, parse_networks)},
      {"egressDeny", set_parsed(&S::egress_deny, parse_networks)},
      {"defaultUlimits", set_parsed(&S::default_ulimits, parse_ulimits)},
      {"registries", set_parsed(&S::registries, parse_registries)},
      {"localImages", set_parsed(&S::has_local_images, parse_allow)},
      {"builds", set_parsed(&S::can_build, parse_allow)},
      {"buildMemory", set_parsed(&S::build_memory, parse_bytes)},
      {"buildCpu", set_parsed(&S::build_cpu_millis, parse_build_cpu)},
      {"buildProcesses", set_parsed(&S::build_processes, parse_build_processes)},
      {"buildsAtOnce", set_parsed(&S::builds_at_once, parse_count)},
      {"buildTimeout", set_parsed(&S::build_timeout, parse_duration)},
      {"pullTimeout", set_parsed(&S::pull_timeout, parse_duration)},
      {"imageCheckEvery", set_parsed(&S::image_check_every, parse_duration)},
      {"measureEvery", set_parsed(&S::measure_every, parse_duration)},
  };
  return all;
}

Result<void> read_credentials(ProviderSettings& settings, const Value& spec,
                              const secret::OperatorSecrets& secrets) {
  const std::string name = spec.text_or("credentials.secret", "");
  if (name.empty()) return {};
  TRY_ASSIGN(const Secret<std::string> text, secrets.find(name, kLongestCredential));
  TRY_ASSIGN(settings.logins,
             while_doing(parse_logins(text.reveal()), "reading the secret '" + name + "'"));
  return {};
}

}  // namespace

Result<std::map<std::string, ProviderSettings::Login>> parse_logins(std::string_view json) {
  const auto is_no_login = [] {
    return fail(Error(ErrorCode::Invalid, "it does not hold logins of registries")
                    .with_hint("write it as docker login does: {\"auths\": {\"SERVER\": {\"auth\": "
                               "\"BASE64 of USER:PASSWORD\"}}}"));
  };
  const Result<Value> read = parse_json(json);
  const Value* auths = read ? read->find("auths") : nullptr;
  if (auths == nullptr || !auths->is_map()) return is_no_login();
  std::map<std::string, ProviderSettings::Login> logins;
  for (const Value::Entry& entry : auths->as_map()) {
    const auto decoded = from_base64(entry.value.text_or("auth", ""));
    const std::size_t colon = decoded ? decoded->find(':') : std::string::npos;
    if (colon == std::string::npos) return is_no_login();
    Secret<std::string> password(decoded->substr(colon + 1));
    remember_secret(password);
    std::string server = entry.key;
    // Docker's own hub is written as an address in these files.
    if (server.find("index.docker.io") != std::string::npos) server = "docker.io";
    logins.emplace(std::move(server),
                   ProviderSettings::Login{decoded->substr(0, colon), std::move(password)});
  }
  return logins;
}

Result<ProviderSettings> parse_settings(const Value& provider_spec, std::string name,
                                        std::filesystem::path data,
                                        const secret::OperatorSecrets& secrets) {
  ProviderSettings parsed;
  parsed.name = std::move(name);
  parsed.data = std::move(data);
  TRY(read_credentials(parsed, provider_spec, secrets));
  const Value* settings = provider_spec.find("settings");
  if (settings == nullptr || settings->is_null()) return parsed;
  if (!settings->is_map()) return fail(ErrorCode::Invalid, "settings must be a map");
  for (const Value::Entry& entry : settings->as_map()) {
    const auto setter = setters().find(entry.key);
    if (setter == setters().end()) {
      return fail(ErrorCode::Invalid,
                  fmt::format("the adapter 'docker' has no setting '{}'", entry.key));
    }
    if (!entry.value.is_text())
      return fail(ErrorCode::Invalid, fmt::format("settings.{} must be text", entry.key));
    TRY(while_doing(setter->second(parsed, entry.value.as_text()),
                    "reading settings." + entry.key));
  }
  return parsed;
}

Result<void> remember_settings(const ProviderSettings& settings) {
  const Value kept = Value::map({{"name", settings.name},
                                 {"host", settings.host},
                                 {"caFile", settings.ca_file},
                                 {"certFile", settings.cert_file},
                                 {"keyFile", settings.key_file}});
  return write_file_atomic(settings.data / kRemembered, to_json(kept), 0600);
}

Result<ProviderSettings> remembered_settings(const std::filesystem::path& data) {
  TRY_ASSIGN(const std::string text, read_file(data / kRemembered, kLongestCredential));
  TRY_ASSIGN(const Value kept, parse_json(text));
  ProviderSettings settings;
  settings.data = data;
  settings.name = kept.text_or("name", "");
  settings.host = kept.text_or("host", settings.host);
  settings.ca_file = kept.text_or("caFile", "");
  settings.cert_file = kept.text_or("certFile", "");
  settings.key_file = kept.text_or("keyFile", "");
  return settings;
}

}  // namespace croft::docker
